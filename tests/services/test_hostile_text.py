"""Text that a database cannot hold must not stop what is recorded beside it, in SQLite and PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from alerts.routing import policy
from config.settings import Settings
from monitor.changes.compounds import COMPOUNDS
from monitor.record import Recorder
from monitor.results import Seen
from monitor.sources.packument import parse_packument
from monitor.store.engine import Store
from monitor.store.packages import load_packages
from monitor.store.targets import Wanted, by_subject, reconcile

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
NAMES = ("left-pad", "right-pad")
LONG = "1.4.0-" + "".join(map(chr, Random(1).choices(range(0x4E00, 0x9FFF), k=20_000)))
"""A version that no index compresses to the size of a key."""

Spoil = Callable[[dict[str, Any]], object]


def releasing(version: str, **told: Any) -> Spoil:
    def spoil(document: dict[str, Any]) -> None:
        document["versions"][version] = document["versions"]["1.3.0"] | told
        document["time"][version] = "2026-11-01T00:00:00.000Z"
        document["dist-tags"]["latest"] = version

    return spoil


SPOILS: dict[str, Spoil] = {
    "a NUL in a version": releasing("1.4.0\0"),
    "a NUL in a publisher": releasing("1.4.0", _npmUser={"name": "x\0", "email": "\0"}),
    "a NUL in a script": releasing("1.4.0", scripts={"postinstall": "a\0b"}),
    "a NUL in a dependency": releasing("1.4.0", dependencies={"de\0p": "1\0"}),
    "a NUL in a maintainer": lambda document: document["maintainers"].append({"name": "m\0", "email": "\0@x.example"}),
    "a NUL in a tag": lambda document: document["dist-tags"].update({"be\0ta": "1.0.0"}),
    "a version of 60 kB": releasing(LONG),
    "a withdrawn version of 60 kB": lambda document: document["time"].update({LONG: "2026-11-01T00:00:00.000Z"}),
    "an account of 60 kB": releasing("1.4.0", _npmUser={"name": LONG}),
}


@pytest.mark.parametrize("before", [False, True], ids=["at first sight", "later"])
@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS.keys())
def test_what_no_database_holds_stops_nobody_else(store: Store, packument: Any, spoil: Spoil, before: bool) -> None:
    recorder = Recorder(Settings(), policy(Settings(), COMPOUNDS), Random(1))
    with store.transaction() as session:
        wanted = [Wanted(watch="shop", owner="web", subject=f"pkg:npm/{name}", sort="package") for name in NAMES]
        reconcile(session, wanted, START, Random(1))

    def see(at: datetime, *documents: dict[str, Any]) -> None:
        with store.transaction() as session:
            seen = []
            for document in documents:
                (due,) = by_subject(session, [f"pkg:npm/{document['name']}"])
                package = parse_packument(json.dumps(document).encode(), document["name"])
                seen.append(Seen(due=due, at=at, observation=package, looked_up=True))
            recorder.record(session, seen, at)

    if before:
        see(START, *map(packument, NAMES))
    hostile, harmless = (
        packument("left-pad"),
        packument("right-pad", **{"dist-tags": {"latest": "1.3.0", "next": "1.2.0"}}),
    )
    spoil(hostile)
    see(START + timedelta(hours=1), hostile, harmless)
    see(START + timedelta(hours=2), hostile, harmless)
    with store.transaction() as session:
        (due,) = by_subject(session, ["pkg:npm/right-pad"])
        assert load_packages(session, [due.id])[due.id].package.dist_tags == {"latest": "1.3.0", "next": "1.2.0"}
        (due,) = by_subject(session, ["pkg:npm/left-pad"])
        assert due.id in load_packages(session, [due.id])
