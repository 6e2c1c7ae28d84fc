"""Several daemons and workers on one PostgreSQL: who leads, who works, and what becomes of the work of the dead."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from aiohttp import web

from alerts.messages.content import Message
from alerts.model import Delivery
from monitor.store.engine import Store
from monitor.store.upgrade import upgrade
from tests.services.fleet import Fleet, fleet, until
from tests.services.forked import command

PACKAGES = 120

CONFIG = """
[database]
url = "{database}"
[web]
listen = ""
[workers]
in_daemon = {in_daemon}
jobs = 2
[schedule]
packages = "{every}"
[registries.npm]
url = "{registry}"
requests_per_second = 5000
[registries.pypi]
url = "{registry}"
[[watch]]
name = "shop"
packages = {packages}
[[channel]]
name = "hook"
url = "{hook}"
per_minute = 6000
[[route]]
match = {{ severity = ">=low" }}
channels = ["hook"]
group_wait = "0s"
"""


WITHOUT_JOB = """
SELECT count(*) FROM target WHERE claim IS NOT NULL
AND NOT EXISTS (SELECT FROM weaklink_queues.procrastinate_jobs AS job WHERE job.id = claim AND status = 'todo')
"""


class Shelf:
    """Packages in a registry that takes its time, and sees whether anybody asks twice at once."""

    def __init__(self, registry: Any, packument: Callable[[str], Any]) -> None:
        self._registry = registry
        self.names = [f"pkg-{number}" for number in range(PACKAGES)]
        self.takes = 0.02
        self.held: dict[str, asyncio.Event] = {}
        """Paths whose answers are held back."""
        self.under_way: Counter[str] = Counter()
        self.twice_at_once: list[str] = []
        self.answered: Counter[str] = Counter()
        for name in self.names:
            registry.documents[f"/{name}"] = packument(name)
            registry.answers[f"/{name}"] = self._serve

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if self.under_way[path]:
            self.twice_at_once.append(path)
        self.under_way[path] += 1
        try:
            await asyncio.sleep(self.takes)
            if path in self.held:
                await self.held[path].wait()
            body = json.dumps(self._registry.documents[path]).encode()
            return web.Response(body=body, content_type="application/json", headers={"ETag": f'"{hash(body)}"'})
        finally:
            self.under_way[path] -= 1
            self.answered[path] += 1

    def hold(self, name: str) -> None:
        """Let whoever asks for this one wait, from now on and for good."""
        self.held[f"/{name}"] = asyncio.Event()

    def release(self) -> None:
        for event in self.held.values():
            event.set()
        self.held.clear()

    def put(self, document: dict[str, Any]) -> None:
        self._registry.documents[f"/{document['name']}"] = document

    @property
    def seen(self) -> int:
        """How many packages were asked for."""
        return sum(1 for name in self.names if self.answered[f"/{name}"])


class Base:
    """The database, asked from outside."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, query: str, *values: Any) -> list[Any]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(query, values).fetchall()

    def one(self, query: str, *values: Any) -> Any:
        return self.ask(query, *values)[0][0]

    @property
    def leader(self) -> int:
        """The process that took the lead last."""
        found = self.ask("SELECT value FROM meta WHERE name = 'leader'")
        return int(json.loads(found[0][0])["name"].rpartition(":")[2]) if found else 0

    def workers(self) -> dict[int, int]:
        """What each worker has done, by process."""
        return {int(name.rpartition(":")[2]): done for name, done in self.ask("SELECT name, done FROM worker")}


@pytest.fixture
def base(postgresql_url: str) -> Base:
    return Base(postgresql_url)


@pytest.fixture
def shelf(registry: Any, packument: Callable[[str], Any]) -> Shelf:
    return Shelf(registry, packument)


@pytest.fixture
def configure(tmp_path: Path, base: Base, registry: Any, sink: Any, shelf: Shelf) -> Callable[..., Path]:
    def write(*, in_daemon: bool = True, every: str = "2s") -> Path:
        file = tmp_path / "weaklink.toml"
        text = CONFIG.format(
            database=base.url,
            registry=registry.url,
            hook=sink.url,
            in_daemon=str(in_daemon).lower(),
            every=every,
            packages=json.dumps([f"npm:{name}" for name in shelf.names]),
        )
        file.write_text(text)
        return file

    return write


@pytest.fixture
def ships(configure: Callable[..., Path]) -> Iterator[Callable[..., Fleet]]:
    """Makes a fleet; all of it ends with the test, and its logs are shown."""
    with fleet(configure()) as found:

        def prepared(**told: Any) -> Fleet:
            configure(**told)
            return found

        yield prepared


def told(sink: Any) -> list[str]:
    return [content["title"] for content in sink.contents()]


def test_one_daemon_alone_does_everything(
    ships: Callable[..., Fleet], shelf: Shelf, base: Base, sink: Any, taken_over: Callable[[str], Any]
) -> None:
    daemon = ships().start("run")
    until(lambda: shelf.seen == PACKAGES, "a first look at everything")
    until(lambda: base.one("SELECT count(*) FROM target WHERE fresh_at IS NOT NULL") >= PACKAGES, "its record")
    shelf.put(taken_over("pkg-7"))
    until(lambda: any("pkg-7" in title for title in told(sink)), "the alert")
    assert daemon.stop() == 0, daemon.log()
    assert shelf.twice_at_once == []
    assert base.one(WITHOUT_JOB) == 0, "what was not checked is given back"
    assert base.ask("SELECT name FROM worker") == []


def test_workers_share_the_work_and_check_nothing_twice_at_once(
    ships: Callable[..., Fleet], shelf: Shelf, base: Base, registry: Any
) -> None:
    registry_host = registry.url.split("/")[2]
    ships_ = ships(in_daemon=False)
    daemon = ships_.start("run")
    workers = [ships_.start("worker") for _ in range(2)]
    until(lambda: shelf.seen == PACKAGES, "a first look at everything")
    until(lambda: all(base.workers().get(one.pid, 0) > PACKAGES for one in workers), "work for both, over and over")
    assert daemon.pid not in base.workers()
    status = json.loads(command(ships_.config, "--json", "status").out)
    assert status["leader"]["name"].endswith(f":{daemon.pid}")
    assert {int(one["name"].rpartition(":")[2]) for one in status["workers"]} == {one.pid for one in workers}
    assert all(one["alive"] and one["configured_as_leader"] for one in status["workers"])
    assert [one["queue"] for one in status["queues"]] == ["check-domain", "check-npm", "check-pypi", "deliveries"]
    until(
        lambda: registry_host in command(ships_.config, "status").out,
        "how the registry does, which the leader never asks",
    )
    assert {one.stop() for one in (*workers, daemon)} == {0}
    assert shelf.twice_at_once == []
    assert base.one(WITHOUT_JOB) == 0, "what was not checked is given back"


def test_what_a_dead_worker_had_is_taken_over(
    ships: Callable[..., Fleet], shelf: Shelf, base: Base, sink: Any, taken_over: Callable[[str], Any], servers: Any
) -> None:
    ships_ = ships(in_daemon=False)
    ships_.start("run")
    victim = ships_.start("worker")
    until(lambda: base.one("SELECT count(*) FROM target WHERE fresh_at IS NOT NULL") >= PACKAGES, "a first look")
    shelf.hold("pkg-7")
    until(lambda: shelf.under_way["/pkg-7"], "a check under way")
    victim.kill()
    shelf.put(taken_over("pkg-7"))
    servers.loop.call_soon_threadsafe(shelf.release)
    ships_.start("worker")
    until(lambda: any("pkg-7" in title for title in told(sink)), "the alert")
    assert base.one("SELECT count(*) FROM change WHERE kind = 'publisher-changed'") == 1


def test_another_daemon_leads_when_the_leader_is_killed_or_cut_off(
    ships: Callable[..., Fleet], shelf: Shelf, base: Base, sink: Any, taken_over: Callable[[str], Any]
) -> None:
    ships_ = ships()
    first, second = ships_.start("run"), ships_.start("run")
    until(lambda: base.leader == first.pid, "a leader")
    assert "standing by" in second.log()
    until(lambda: shelf.seen == PACKAGES, "a first look at everything")
    until(lambda: base.one("SELECT count(*) FROM target WHERE fresh_at IS NOT NULL") >= PACKAGES, "its record")
    shelf.put(taken_over("pkg-7"))
    first.kill()
    until(lambda: base.leader == second.pid, "another leader")
    until(lambda: any("pkg-7" in title for title in told(sink)), "the alert")
    # Cut off: all its connections, and whoever stands by is as good as the one that was cut.
    third = ships_.start("run")
    until(lambda: "standing by" in third.log(), "one that stands by")
    base.ask(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)"
    )
    until(lambda: "leads no more" in second.log(), "a leader that steps down")
    until(lambda: "this daemon leads" in third.log() or second.log().count("leads added") > 1, "a leader again")
    shelf.put(taken_over("pkg-8"))
    until(lambda: any("pkg-8" in title for title in told(sink)), "the next alert")
    assert Counter(title for title in told(sink) if "pkg-7" in title).most_common(1)[0][1] == 1
    assert {second.stop(), third.stop()} == {0}
    assert base.one("SELECT count(*) FROM change WHERE kind = 'publisher-changed'") == 2


def test_another_daemon_leads_when_the_leader_hangs(ships: Callable[..., Fleet], base: Base) -> None:
    fleet = ships()
    first, second = fleet.start("run"), fleet.start("run")
    until(lambda: base.leader == first.pid, "a leader")
    os.kill(first.pid, signal.SIGSTOP)  # its connection stays open, and says nothing
    until(lambda: base.leader == second.pid, "another leader")
    os.kill(first.pid, signal.SIGCONT)
    until(lambda: "leads no more" in first.log() or "this term has ended" in first.log(), "a leader that steps down")
    until(lambda: "standing by" in first.log(), "and stands by")
    assert base.leader == second.pid


def test_a_daemon_that_is_told_to_stop_as_it_comes_to_lead_stops(ships: Callable[..., Fleet], base: Base) -> None:
    fleet = ships()
    first, second = fleet.start("run"), fleet.start("run")
    until(lambda: base.leader == first.pid, "a leader")
    first.kill()
    while base.leader != second.pid:
        assert second.process.is_alive()  # no rest in between: its term has begun, and it is not yet ready to lead
    assert second.stop() == 0


def owe(url: str, messages: int) -> list[str]:
    """Messages to one channel, owed since a second ago."""
    store, now = Store(url), datetime.now(UTC)
    upgrade(store, now)
    titles = [f"message {number}" for number in range(messages)]
    with store.transaction() as session:
        session.add_all(
            Delivery(
                key=title,
                channel="hook",
                kind="test",
                created_at=now,
                next_attempt_at=now - timedelta(seconds=1),
                message=msgspec.json.encode(Message(kind="test", severity="high", title=title, text=title, at=now)),
            )
            for title in titles
        )
    store.close()
    return titles


def test_messages_keep_their_order_whoever_sends_them(ships: Callable[..., Fleet], base: Base, sink: Any) -> None:
    titles = owe(base.url, 200)
    ships_ = ships(in_daemon=False, every="1h")
    ships_.start("run")
    workers = [ships_.start("worker") for _ in range(2)]
    until(lambda: len(sink.posts) > 5, "the first messages")
    base.ask(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid != pg_backend_pid()"
    )
    there = len(sink.posts)
    until(lambda: len(sink.posts) > there + 15, "messages after all connections were cut")
    for one in workers:  # whichever of them has the channel
        one.kill()
    sent = len(told(sink))
    assert sent < len(titles)
    ships_.start("worker")
    until(lambda: len(set(told(sink))) == len(titles), "all messages")
    arrived = told(sink)
    first_of_each = list(dict.fromkeys(arrived))
    assert first_of_each == titles
    assert len(arrived) <= len(titles) + 1, "only what was being sent when its worker died may come again"


def test_a_worker_says_what_it_needs(
    ships: Callable[..., Fleet], configure: Callable[..., Path], base: Base, tmp_path: Path
) -> None:
    ships_ = ships()
    alone = ships_.start("worker", ready=False)
    alone.process.join(30)
    assert alone.process.exitcode == 2
    assert "start weaklink run on it first" in alone.log()
    file = configure()
    file.write_text(file.read_text().replace(base.url, f"sqlite:///{tmp_path}/weaklink.db"))
    on_sqlite = ships_.start("worker", ready=False)
    on_sqlite.process.join(30)
    assert on_sqlite.process.exitcode == 2
    assert "weaklink db migrate-to" in on_sqlite.log()
