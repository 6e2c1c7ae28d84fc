"""The daemon while the network fails it: no failure becomes a fact, nothing floods, and others go on."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from aiohttp import web

sys.path.insert(0, str(Path(__file__).parent))
from forked import daemon, stop
from watch import Watch, wait_for

from benchmarks.passing import Time

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

MORE = """
[registries.pypi]
url = "{pypi}"
requests_per_second = 1000.0
[domains]
nameservers = ["{dns}"]
rdap_bootstrap = "{rdap}dns.json"
whois_server = "127.0.0.1:9"
requests_per_second = 1000.0
[[channel]]
name = "health"
url = "{sink}-health"
per_minute = 6000
[[route]]
match = {{ severity = ">=info" }}
channels = ["health"]
group_wait = "0s"
repeat = "7d"
"""


def rewrite(watch: Watch, *pairs: tuple[str, str]) -> None:
    text = watch.config.read_text()
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new, 1)
    watch.config.write_text(text)


def test_sources_that_drip_a_byte_a_second_hold_up_nobody_else(tmp_path: Path, registry: Any, sink: Any) -> None:
    here, time = (
        Watch(
            tmp_path / "watch",
            registry,
            sink,
            packages=3,
            more=MORE.format(pypi=f"{registry.url}drip/", dns="127.0.0.1:9", rdap=registry.url, sink=sink.url),
        ),
        Time(),
    )
    registry.documents["/dns.json"] = {"services": [[["org"], [f"{registry.url}drip/rdap/"]]]}
    many = json.dumps([f"pypi:package-{number}" for number in range(300)])[1:-1]
    domains = json.dumps([f"domain-{number}.org" for number in range(60)])
    rewrite(here, ("packages = [", f"domains = {domains}\npackages = [{many}, "))
    dripping = 0

    async def drip(request: web.Request) -> web.StreamResponse:
        nonlocal dripping
        response = web.StreamResponse(headers={"Content-Length": "100000"})
        await response.prepare(request)
        dripping += 1
        while request.transport is not None and not request.transport.is_closing():
            await response.write(b" ")
            await asyncio.sleep(1)
        return response

    registry.answers = Under("/drip/", drip)
    with daemon(here.config, time.prepare) as running:
        assert wait_for(here.seen, running)
        assert wait_for(lambda: dripping >= 10, running)
        here.take_over(here.packages[0])
        assert wait_for(here.told, running), "a lane of its own is free"
        here.assert_status_is_true()
        resident = memory(running.pid)
        registry.answers = Under("/", drip)
        before = dripping
        assert wait_for(lambda: dripping >= before + 3, running)
        assert here.probe("/healthz") == (200, "ok\n")
        assert memory(running.pid) - resident < 50
        assert len(list(Path(f"/proc/{running.pid}/fd").iterdir())) < 200
        assert stop(running) == 0


class Under(dict[str, Any]):
    """One answer for every path that begins so."""

    def __init__(self, prefix: str, answer: Any) -> None:
        super().__init__()
        self._prefix, self._answer = prefix, answer

    def get(self, path: str, default: Any = None) -> Any:
        return self._answer if path.startswith(self._prefix) else default


def memory(pid: int | None) -> float:
    """Resident megabytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


MANY = 10_000


def test_ten_thousand_targets_due_at_once_after_a_week_asleep(tmp_path: Path, registry: Any, sink: Any) -> None:
    here, time = Watch(tmp_path / "watch", registry, sink, packages=MANY), Time()
    registry.documents.clear()
    rewrite(
        here, ('packages = "1s"', 'packages = "1h"'), ("requests_per_second = 1000.0", "requests_per_second = 100.0")
    )
    order: list[str] = []

    async def serve(request: web.Request) -> web.Response:
        name = unquote(request.raw_path).rpartition("/")[2]
        order.append(name)
        release = {"name": name, "version": "1.0.0"}
        return web.json_response({"name": name, "versions": {"1.0.0": release}, "dist-tags": {"latest": "1.0.0"}})

    registry.answers = Under("/watch/", serve)
    with daemon(here.config, time.prepare) as running:
        assert wait_for(lambda: len(order) > 10, running)
        assert stop(running) == 0
    week_ago = time.now() - 7 * DAY
    change(
        here,
        "UPDATE target SET fresh_at = ?, due_at = ? WHERE subject = ?",
        [
            (moment(week_ago - HOUR), moment(week_ago + timedelta(seconds=place(number))), f"pkg:npm/package-{number}")
            for number in range(MANY)
        ],
    )
    change(
        here,
        "UPDATE target SET awaited = '9-x', awaited_since = ?, due_at = ? WHERE subject = 'pkg:npm/package-77'",
        [(moment(time.now()), moment(time.now()))],
    )
    order.clear()
    with daemon(here.config, time.prepare) as running:
        assert wait_for(lambda: len(order) >= 20, running)
        known = here.status()
        done = len(order)
        assert MANY - done - 300 <= known["overdue"] <= MANY
        assert known["fresh"] <= done
        assert known["stale"] == MANY - known["fresh"]
        assert wait_for(lambda: len(order) >= 300, running)
        assert memory(running.pid) < 300
        assert stop(running) == 0
    assert order[0] == "package-77", "what a feed announced comes first"
    places = [place(int(name.partition("-")[2])) for name in order[1:]]
    # Lanes run side by side, so neighbours may change places.
    assert all(abs(seen - due) < 200 for due, seen in enumerate(places))


def change(watch: Watch, statement: str, rows: list[tuple[str, ...]]) -> None:
    with closing(sqlite3.connect(watch.config.parent / "weaklink.db", timeout=30)) as database, database:
        database.executemany(statement, rows)


def place(number: int) -> int:
    """In the order in which they are due, which is not that of their names."""
    return number * 7919 % MANY


def moment(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")
