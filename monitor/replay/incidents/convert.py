"""From an incident's facts to a timeline: each thing that sources state becomes an observation at its time.

What they do not state is filled by ``filling``. The kinds that are expected are never looked at: they are copied into
the timeline for the score, and nothing else.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from monitor.replay.incidents.beginnings import domain, world
from monitor.replay.incidents.cast import Cast
from monitor.replay.incidents.edits import Act, edits
from monitor.replay.incidents.facts import STEP, Facts
from monitor.replay.incidents.filling import Simulated
from monitor.replay.incidents.releases import publications, publish
from monitor.replay.timelines import Observation, Timeline


def convert(facts: Facts, origin: str) -> Timeline:
    """A baseline of every package the day before, then what happened, each seen a minute later.

    Nobody should hear of it before the first thing that is no ordinary release: that is ``quiet_until``.
    """
    cast = Cast(facts)
    released = publications(cast)
    steps: list[tuple[datetime, str, Act]] = [(p.at, p.package, publish(cast, p)) for p in released]
    others = list(edits(cast, {p.package for p in released} | set(facts.packages)))
    steps = sorted([*steps, *others], key=lambda step: step[0])
    looks = domain(cast)
    begin = min([cast.start, *(at for at, *_ in steps), *(at for at, _ in looks)]) - timedelta(days=1)
    packages = world(cast, released, begin)
    told: list[tuple[datetime, str, Any]] = [(at, "domain", document) for at, document in looks]
    told += [(begin, *_served(package)) for package in packages.values() if package.releases]
    for at, name, act in steps:
        act(packages[name])
        sort, document = _served(packages[name])
        if document is not None:
            told.append((at + STEP, sort, document))
    told.sort(key=lambda one: one[0])
    attacks = [p.at for p in released if p.bad] + [at for at, *_ in others] + [at for at, _ in looks[1:]]
    return Timeline(
        id=facts.id,
        title=facts.title or "",
        expect=tuple(dict.fromkeys([*(facts.expect_strict or ()), *(facts.expect_other or ())])),
        quiet_until=min(attacks, default=None),
        observations=[
            Observation(at, f"observation at {at:%Y-%m-%dT%H:%M:%SZ}", sort, msgspec.Raw(msgspec.json.encode(body)))
            for at, sort, body in told
        ],
        origin=origin,
    )


def _served(package: Simulated) -> tuple[str, Any]:
    return "packument" if package.ecosystem == "npm" else "pypi", package.document()
