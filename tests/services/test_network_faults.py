"""The daemon while the network fails it: no failure becomes a fact, nothing floods, and others go on."""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from aiohttp import web

from benchmarks.passing import Time
from monitor.sources import resolver
from tests.services.forked import daemon, stop
from tests.services.watch import Watch, wait_for

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_context = get_context("forkserver")

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


def registered(name: str) -> dict[str, Any]:
    expires = {"eventAction": "expiration", "eventDate": (datetime.now(UTC) + 400 * DAY).isoformat()}
    return {"objectClassName": "domain", "ldhName": name, "status": ["active"], "events": [expires]}


class Names:
    """The names of hosts, as a daemon resolves them, until there is nobody who knows them."""

    def __init__(self) -> None:
        self.gone = _context.Value("b", 0)

    def prepare(self, time: Time) -> Callable[[], None]:
        return partial(_resolve, self.gone, time.prepare)


def _resolve(gone: Any, then: Callable[[], None]) -> None:
    original = socket.getaddrinfo

    def resolved(host: Any, *args: Any, **options: Any) -> Any:
        if str(host).endswith(".example"):
            if gone.value:
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            host = "127.0.0.1"
        return original(host, *args, **options)

    socket.getaddrinfo = resolved
    resolver.QUESTION_TIME = 0.5  # type: ignore[misc]
    then()


@pytest.mark.parametrize("fault", ["no name is resolved", "every source answers 503"])
def test_a_day_without_any_source_and_the_day_after(
    tmp_path: Path, registry: Any, sink: Any, knots: Callable[[], Any], fault: str
) -> None:
    knot, time, names = knots(), Time(), Names()
    knot.zone("alice-mail.org", "@ NS ns1.host.org.\n@ MX 10 mx.host.org.\n@ A 192.0.2.1")
    knot.start()
    port = registry.url.rpartition(":")[2].rstrip("/")
    npm, rdap = (f"http://{name}.example:{port}/" for name in ("npm", "rdap"))
    sources = {f"npm.example:{port}", f"rdap.example:{port}", "127.0.0.1:9"}
    registry.documents["/dns.json"] = {"services": [[["org"], [f"{rdap}rdap/"]]]}
    registry.documents["/rdap/domain/alice-mail.org"] = registered("alice-mail.org")
    more = MORE.format(pypi=registry.url, dns=knot.address, rdap=rdap, sink=sink.url)
    here = Watch(tmp_path / "watch", registry, sink, packages=40, more=more)
    rewrite(
        here,
        ('packages = "1s"', 'packages = "1h"\ndomains = "1h"'),
        (f"{registry.url}watch/", f"{npm}watch/"),
        ("requests_per_second = 1000.0", "requests_per_second = 50.0"),
        ("packages = [", 'domains = ["alice-mail.org"]\npackages = ['),
    )
    here.prepare = time.prepare
    served: list[tuple[datetime, str]] = []
    down = False

    async def serve(request: web.Request) -> web.Response:
        path = unquote(request.path)
        served.append((time.now(), path))
        if down:
            return web.Response(status=503)
        return web.json_response(registry.documents.get(path), status=200 if path in registry.documents else 404)

    registry.answers = Under("/", serve)
    with daemon(here.config, names.prepare(time)) as running:
        assert wait_for(here.seen, running)
        time.passes(2 * HOUR, running, HOUR / 2)
        assert here.status()["failing"] == []

        if fault == "no name is resolved":
            names.gone.value = 1
            knot.stop()
        else:
            down = True
        served.clear()
        for package in here.packages[:5]:
            here.take_over(package)
        time.passes(DAY, running, HOUR / 2)
        assert len(served) <= 200, "a few times an hour it is tried whether they are back"
        known = here.assert_status_is_true(already=others(sink))
        assert {one["host"] for one in asked(known) if one["state"] == "down"} == sources
        assert len(known["failing"]) >= len(here.packages)
        assert known["stale"] >= len(here.packages)
        assert here.ask("SELECT kind, subject FROM change WHERE kind NOT LIKE 'signal-%'") == []
        assert not here.arrived()
        assert Counter(health(sink)) == {("first", f"source:{one}"): 1 for one in sources}

        names.gone.value, down = 0, False
        knot.start()
        served.clear()
        back = time.now()
        time.passes(2 * HOUR, running, HOUR / 4)
        assert wait_for(here.told, running), here
        quarters = Counter((at - back) // (HOUR / 4) for at, _ in served)
        assert max(quarters.values()) < len(here.packages), "not all at once"
        calm = Counter(path for _, path in served if path.rpartition("/")[2] in here.packages[5:])
        assert set(calm.values()) <= {1, 2, 3}
        assert len(calm) == len(here.packages) - 5
        known = here.assert_status_is_true(already=others(sink))
        assert known["failing"] == []
        assert known["stale"] == 0
        time.passes(18 * HOUR, running, 3 * HOUR)
        assert {one["host"]: one["state"] for one in asked(here.status())} == dict.fromkeys(
            sources - {"127.0.0.1:9"}, "up"
        ), "WHOIS is asked no more, and its state is not known"
        firsts = Counter(("first", f"source:{one}") for one in sources)
        ends = Counter(("resolved", f"source:{one}") for one in sources)
        told = Counter(health(sink))
        # Ends may wait for company.
        assert firsts <= told <= firsts + ends
        alerts = here.ask("SELECT subject, state FROM alert WHERE subject LIKE 'source:%'")
        assert Counter(alerts) == {(f"source:{one}", "resolved"): 1 for one in sources}
        assert stop(running) == 0
    assert here.assert_nothing_lost_nothing_twice() == 0


def others(sink: Any) -> int:
    """How many messages arrived that tell of no take-over."""
    return sum(path == "/hook-health" for path, _ in sink.received)


def asked(known: dict[str, Any]) -> list[dict[str, Any]]:
    """The sources in a status but those that are asked for their search."""
    return [one for one in known["sources"] if not one["host"].endswith("(search)")]


def health(sink: Any) -> list[tuple[str, str]]:
    """What was told of the watch itself: the kind of each message, and whom it tells of."""
    told = [json.loads(post["message"]) for path, post in sink.received if path == "/hook-health"]
    return [
        (message["kind"], item["subject"])
        for message in told
        for item in message["items"]
        if not item["subject"].startswith(("npm:", "domain:"))
    ]


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
