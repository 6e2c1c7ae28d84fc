"""The power fails while the daemon works: what people were told, and what they said, is not forgotten.

One daemon runs over a disk that writes down every change of its files. From that the files are made as a power cut at
any moment may leave them, hundreds of times, and what is in them is held against what the world had seen by then.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from bisect import bisect_right
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp import web

from tests.services.disk import Disk, after_power_cut
from tests.services.forked import command, daemon, stop
from tests.services.watch import Watch, wait_for

STATES = 3
"""What is left of what was not synced: nothing, and parts of it."""
RESUMED = 8
"""States from which a daemon goes on."""


class Feed:
    """A ``_changes`` feed that grows with what is taken over."""

    def __init__(self, registry: Any) -> None:
        self.names: list[str] = []
        registry.answers["/feed/_changes"] = self.serve
        registry.answers["/feed/"] = self.head
        self.url = f"{registry.url}feed/_changes"

    async def serve(self, request: web.Request) -> web.Response:
        since = int(request.query["since"])
        rows = [
            {"seq": n, "id": name, "changes": [{"rev": "2-b"}]} for n, name in enumerate(self.names, 1) if n > since
        ]
        return web.json_response({"results": rows, "last_seq": len(self.names)})

    async def head(self, _: web.Request) -> web.Response:
        return web.json_response({"db_name": "registry", "doc_count": 1, "update_seq": len(self.names)})


class Life:
    """One daemon's whole life on a recorded disk, and what the world saw of it."""

    def __init__(self, folder: Path, registry: Any, sink: Any) -> None:
        self._registry, self._sink = registry, sink
        self.feed = Feed(registry)
        self.here = self.watch(folder)
        self.acknowledged: list[tuple[float, int]] = []
        """When, and which alert (``time.monotonic()``)."""
        disk = Disk(folder, recorded=True)
        with daemon(self.here.config, disk.prepare) as running:
            self._live(running, disk)
            assert stop(running) == 0
        self.told = [(at, key) for at, _, key in self.here.arrivals()]
        self.writes = disk.writes()
        self._moments = [write.at for write in self.writes]

    def watch(self, folder: Path) -> Watch:
        npm = f'changes_feed = "{self.feed.url}"\nchanges_every = "1s"'
        return Watch(folder, self._registry, self._sink, packages=4, npm=npm)

    def _live(self, running: Any, disk: Disk) -> None:
        here = self.here
        assert wait_for(here.seen, running), here
        assert wait_for(lambda: bool(here.ask("SELECT 1 FROM meta WHERE name = 'feed:npm'")), running), here
        self.watched_from = time.monotonic()
        for number, package in enumerate(here.packages, 1):
            here.take_over(package)
            self.feed.names.append(package)
            assert wait_for(here.told, running), here
            said = command(here.config, "alerts", "ack", str(number), prepare=disk.prepare)
            assert said.code == 0, said
            self.acknowledged.append((time.monotonic(), number))

    def cuts(self, count: int, rng: Random) -> list[int]:
        """How many entries of the log come before each cut: right after what must be remembered, and anywhere."""
        grave = [bisect_right(self._moments, at) for at, _ in (*self.told, *self.acknowledged)]
        return [*grave, *(rng.randrange(len(self.writes)) + 1 for _ in range(count))]

    def lay_down(self, folder: Path, cut: int, rng: Random | None) -> None:
        """The files as they are found when the power is back; those that stand for processes are not."""
        for name, content in after_power_cut(self.writes[:cut], rng).items():
            if name in {"weaklink.db", "weaklink.db-wal"}:
                (folder / name).write_bytes(content)

    def moment(self, cut: int) -> float:
        return self._moments[cut] if cut < len(self._moments) else time.monotonic()

    def assert_remembered(self, file: Path, cut: int) -> None:
        """What was told and said before the cut stands in the database, and the feed's cursor has its work."""
        at = self.moment(cut)
        told = {key for when, key in self.told if when < at}
        said = {alert for when, alert in self.acknowledged if when < at}
        with closing(sqlite3.connect(file)) as database:
            ask = database.execute
            assert ask("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert ask("PRAGMA foreign_key_check").fetchall() == []
            if not ask("SELECT 1 FROM sqlite_master WHERE name = 'delivery'").fetchall():
                assert not told, "the database is lost"
                return
            begun = {key for key, state in ask("SELECT key, state FROM delivery") if state in {"sending", "sent"}}
            assert told <= begun, "what was told would be told anew"
            assert said <= {alert for (alert,) in ask("SELECT id FROM alert WHERE state = 'acknowledged'")}
            cursor = ask("SELECT value FROM meta WHERE name = 'feed:npm'").fetchall()
            seen = {name for (name,) in ask("SELECT subject FROM target WHERE awaited <> '' OR revision = '2-b'")}
            announced = self.feed.names[: int(cursor[0][0])] if cursor else []
            assert {f"pkg:npm/{name}" for name in announced} <= seen, "the feed's cursor is ahead of its work"


@pytest.fixture
def life(tmp_path: Path, registry: Any, sink: Any) -> Life:
    return Life(tmp_path / "power", registry, sink)


def test_nothing_that_was_told_or_acknowledged_is_forgotten_when_the_power_fails(
    life: Life, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    rng = Random(7)
    cuts = life.cuts(pytestconfig.getoption("cuts"), rng)
    for number, cut in enumerate(cuts):
        for state in range(STATES):
            folder = tmp_path / f"cut-{number}-{state}"
            folder.mkdir()
            life.lay_down(folder, cut, rng if state else None)
            life.assert_remembered(folder / "weaklink.db", cut)
            shutil.rmtree(folder)

    def resumed(number: int) -> None:
        """A daemon goes on from what is left: what was not told is told, once, and in the same words."""
        here = life.watch(tmp_path / f"resumed-{number}")
        cut = late[number]
        life.lay_down(here.config.parent, cut, Random(number) if number % 2 else None)
        before = here.deliveries()
        for package in here.packages:
            here.take_over(package)
        with daemon(here.config) as running:
            owed = {key for _, key in life.told if before.get(key) != "sent"}
            assert wait_for(lambda: {key for _, key in here.arrived()} >= owed, running), here
            assert wait_for(lambda: set(here.deliveries().values()) == {"sent"}, running), here
            here.assert_status_is_true(already=len(life.told) - len(owed))
            assert stop(running) == 0
        assert here.arrived() == Counter((package, key) for _, package, key in life.here.arrivals() if key in owed)

    late = [cut for cut in cuts if life.moment(cut) > life.watched_from][:: len(cuts) // RESUMED]
    with ThreadPoolExecutor(len(late)) as threads:
        list(threads.map(resumed, range(len(late))))
