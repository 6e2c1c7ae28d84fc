"""Feeds on loopback: what they say, what they must not say, and from an event to the message."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import xmlrpc.client
from bisect import bisect_right
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from xmlrpc.server import SimpleXMLRPCServer

import pytest
from aiohttp import web

from benchmarks.passing import Time
from config.settings import HttpLimits
from monitor.errors import SourceError
from monitor.feeds.model import Announced
from monitor.feeds.npm import NpmFeed
from monitor.feeds.pypi import LIMIT, PypiFeed
from monitor.sources.http import Http
from tests.services import forked
from tests.services.watch import Watch


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    made = Http(HttpLimits(requests_per_second=1000.0))
    yield made
    await made.close()


class Changes:
    """A registry's ``_changes`` feed that grows, as npm serves it since 2025."""

    def __init__(self, registry: Any) -> None:
        self.rows: list[dict[str, Any]] = []
        self.seq = 100
        registry.answers["/registry/_changes"] = self.serve
        registry.answers["/"] = self.head
        self.url = f"{registry.url}registry/_changes"

    def tell(self, name: str, rev: str) -> None:
        self.seq += 1
        self.rows.append({"seq": self.seq, "id": name, "changes": [{"rev": rev}]})

    async def serve(self, request: web.Request) -> web.Response:
        since, limit = int(request.query["since"]), int(request.query["limit"])
        start = bisect_right(self.rows, since, key=lambda row: row["seq"])
        rows = self.rows[start : start + limit]
        return web.json_response({"results": rows, "last_seq": rows[-1]["seq"] if rows else since})

    async def head(self, _: web.Request) -> web.Response:
        return web.json_response({"db_name": "registry", "doc_count": 1, "update_seq": self.seq})


async def test_npms_feed_gives_names_revisions_and_a_cursor(http: Http, registry: Any) -> None:
    changes = Changes(registry)
    feed = NpmFeed(http, changes.url)
    assert await feed.head() == 100
    changes.tell("@babel/core", "12-abc")
    changes.tell("_design/app", "1-x")
    page = await feed.after(100)
    assert page.announced == (Announced("pkg:npm/%40babel/core", "12-abc"),)
    assert (page.cursor, page.told, page.full) == (102, 2, False)
    assert (await feed.after(102)).announced == ()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>sign in</html>",
        b"[]",
        b'{"results": 7, "last_seq": 1}',
        b'{"results": [], "last_seq": "12-opaque"}',
        b'{"results": [{"seq": 5, "id": "a"}, {"seq": 4, "id": "b"}], "last_seq": 4}',
        b'{"results": [{"seq": 5, "id": 7}], "last_seq": 5}',
        b'{"results": ' + b"[" * 100_000,
    ],
)
async def test_what_is_no_feed_moves_no_cursor(http: Http, registry: Any, body: bytes) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body)

    registry.answers["/_changes"] = answer
    with pytest.raises(SourceError):
        await NpmFeed(http, f"{registry.url}_changes").after(1)
    with pytest.raises(SourceError):
        await PypiFeed(http, f"{registry.url}_changes").after(1)


class Journal:
    """PyPI's XML-RPC methods, on Python's own XML-RPC server."""

    def __init__(self) -> None:
        self.entries: list[list[Any]] = []
        self.server = SimpleXMLRPCServer(("127.0.0.1", 0), logRequests=False, allow_none=True)
        self.server.register_function(lambda: self.entries[-1][4] if self.entries else 0, "changelog_last_serial")
        self.server.register_function(self.since, "changelog_since_serial")  # type: ignore[arg-type]
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/RPC2"
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self._thread.start()

    def since(self, serial: int) -> list[list[Any]]:
        """So many at once as Warehouse gives."""
        return [entry for entry in self.entries if entry[4] > serial][:LIMIT]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def journal() -> Iterator[Journal]:
    made = Journal()
    yield made
    made.close()


async def test_pypis_journal_gives_names_serials_and_a_cursor(http: Http, journal: Journal) -> None:
    journal.entries = [
        ["Flask_Login", "1.0", 1_700_000_000, "new release", 41],
        ["requests", None, 1_700_000_001, "add Owner mallory", 42],
        ["not a name", None, 1_700_000_002, "create", 43],
    ]
    feed = PypiFeed(http, journal.url)
    assert await feed.head() == 43
    page = await feed.after(40)
    assert page.announced == (Announced("pkg:pypi/flask-login", "41"), Announced("pkg:pypi/requests", "42"))
    assert (page.cursor, page.told) == (43, 3)
    assert (await feed.after(43)).cursor == 43


async def test_what_was_missed_of_a_journal_comes_in_pages(http: Http, journal: Journal) -> None:
    journal.entries = [["six", "1.0", 1_700_000_000, "new release", serial] for serial in range(1, LIMIT + 3)]
    feed = PypiFeed(http, journal.url)
    first = await feed.after(0)
    assert (first.cursor, first.told, first.full) == (LIMIT, LIMIT, True)
    rest = await feed.after(first.cursor)
    assert (rest.cursor, rest.told, rest.full) == (LIMIT + 2, 2, False)


async def test_a_serial_that_cannot_be_asked_for_moves_no_cursor(http: Http, registry: Any) -> None:
    async def huge(_: web.Request) -> web.Response:
        entry = ["six", "1.0", 1_700_000_000, "new release"]
        body = xmlrpc.client.dumps(([[*entry, 40], [*entry, -1], [*entry, 7]],), methodresponse=True)
        return web.Response(text=body.replace("<int>7<", f"<int>{2**70}<"))

    registry.answers["/pypi"] = huge
    assert (await PypiFeed(http, f"{registry.url}pypi").after(12)).cursor == 40


async def test_a_journal_with_entities_is_refused(http: Http, registry: Any) -> None:
    async def bomb(_: web.Request) -> web.Response:
        return web.Response(body=b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><methodResponse/>')

    registry.answers["/pypi"] = bomb
    with pytest.raises(SourceError, match="entities"):
        await PypiFeed(http, f"{registry.url}pypi").head()


async def test_a_fault_is_told_in_its_words(http: Http, journal: Journal) -> None:
    journal.server.funcs.clear()
    with pytest.raises(SourceError, match="not supported"):
        await PypiFeed(http, journal.url).head()


CONFIG = """
[schedule]
packages = "12h"
[registries.npm]
url = "{registry}"
requests_per_second = 1000.0
changes_feed = "{feed}"
changes_every = "1s"
[web]
listen = ""
[[watch]]
name = "shop"
packages = ["npm:left-pad"]
[[channel]]
name = "hook"
url = "{sink}"
[[route]]
match = {{ severity = ">=high" }}
channels = ["hook"]
group_wait = "0s"
"""


@pytest.fixture
def daemon(tmp_path: Path, registry: Any, sink: Any, packument: Any) -> Iterator[Changes]:
    changes = Changes(registry)
    registry.documents["/left-pad"] = packument()
    (tmp_path / "weaklink.toml").write_text(CONFIG.format(registry=registry.url, feed=changes.url, sink=sink.url))
    process = subprocess.Popen(
        [sys.executable, "-c", "from monitor.cli import main; main()", "run"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
    )
    yield changes
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0


def wait_for(condition: Callable[[], bool], seconds: float = 40) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def test_an_event_is_told_though_a_cache_answers_with_the_old_document_first(
    daemon: Changes, registry: Any, sink: Any, taken_over: Any
) -> None:
    def asked() -> int:
        return sum(path == "/left-pad" for path, _ in registry.requests)

    assert wait_for(lambda: asked() == 1 and any("_changes" in path for path, _ in registry.requests))
    daemon.tell("somebody-else", "1-a")
    daemon.tell("left-pad", "2-b")
    assert wait_for(lambda: asked() == 2), "the event made it due, twelve hours before its time"
    registry.documents["/left-pad"] = taken_over()
    assert wait_for(lambda: bool(sink.posts)), "the cache had the old one; it was asked again"
    assert "left-pad" in sink.contents()[0]["title"]
    assert sink.contents()[0]["severity"] == "critical"


WEEK = timedelta(days=7)
EVENTS = 604_800
"""A week of npm: one a second."""


def test_a_week_of_the_feed_is_caught_up_with_after_a_sleep(tmp_path: Path, registry: Any, sink: Any) -> None:
    time_of, changes = Time(), Changes(registry)
    line = f'changes_feed = "{changes.url}"\nchanges_every = "1s"'
    here = Watch(tmp_path / "watch", registry, sink, packages=100, npm=line)
    here.config.write_text(here.config.read_text().replace('packages = "1s"', 'packages = "12h"', 1))

    def caught_up() -> bool:
        return here.ask("SELECT value FROM meta WHERE name = 'feed:npm'") == [(str(changes.seq),)]

    with forked.daemon(here.config, time_of.prepare) as running:
        assert wait_for(here.seen, 120)
        assert wait_for(caught_up, 120)
        assert forked.stop(running) == 0
    time_of.set_by(WEEK)
    for event in range(EVENTS):
        if event in {5, EVENTS // 2, EVENTS - 5}:
            package = here.packages[len(here.taken)]
            here.take_over(package)
            changes.tell(package, "2-b")
        else:
            changes.tell("somebody-else", "1-a")
    before = Counter(path for path, _ in registry.requests)
    with forked.daemon(here.config, time_of.prepare) as running:
        assert wait_for(here.told, 120), str(here)
        assert wait_for(caught_up, 120)
        assert wait_for(lambda: here.status()["overdue"] == 0, 120)
        here.assert_status_is_true()
        assert forked.stop(running) == 0
    asked = Counter(path for path, _ in registry.requests) - before
    # Everything was due after a week, and a package that was announced may be asked for again until its cache has it.
    assert all(asked[f"/watch/{package}"] <= 1 + (package in here.taken) for package in here.packages)
    assert here.assert_nothing_lost_nothing_twice() == 0
