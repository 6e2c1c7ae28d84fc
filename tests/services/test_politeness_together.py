"""Several processes on one PostgreSQL ask one host as if they were one: its rate, its wishes, its breaker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiohttp import web

from benchmarks.cable import Cable
from config.settings import HttpLimits
from monitor.errors import Unavailable
from monitor.sources.http import Http
from monitor.store import budgets
from monitor.store.budgets import LAPSE, Budgets
from monitor.store.engine import Store, database_url
from monitor.store.upgrade import upgrade
from tests.services.asking_process import Asked, ask, hear, processes

RATE, CONNECTIONS = 40.0, 8
BURST = CONNECTIONS / RATE
CLOCKS = [timedelta(hours=1), timedelta(hours=-1), timedelta(0), timedelta(days=300)]
LIMITS = HttpLimits(requests_per_second=RATE, connections=CONNECTIONS, timeout=timedelta(seconds=30))


@pytest.fixture
def database(postgresql_url: str) -> str:
    store = Store(postgresql_url)
    upgrade(store, datetime(2026, 11, 1, tzinfo=UTC))
    store.close()
    return postgresql_url


def most_within(began: list[float], seconds: float) -> int:
    """Most requests that began within so many seconds."""
    began = sorted(began)
    return max(sum(first <= at < first + seconds for at in began) for first in began)


def all_began(told: list[Asked]) -> list[float]:
    return [at for began, _ in told for at in began]


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.02)


def test_four_processes_with_wrong_clocks_keep_one_rate(database: str, registry: Any) -> None:
    registry.documents["/left-pad"] = {"name": "left-pad"}
    with processes(database, LIMITS, CLOCKS) as pipes:
        told = ask(pipes, f"{registry.url}left-pad", times=30, at_once=6)
    began = all_began(told)
    assert [reasons for _, reasons in told] == [[]] * 4
    assert len(registry.requests) == len(began) == 120
    for seconds in (0.25, 0.5, 1.0, 2.0):
        # One request of each process may be on its way from its turn to the wire.
        assert most_within(began, seconds) <= RATE * (seconds + BURST + LAPSE) + len(pipes), seconds


def test_a_wish_to_be_left_alone_that_one_process_hears_holds_for_all(database: str, registry: Any) -> None:
    asked = 0

    async def soon_too_much(_request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response(status=429, headers={"Retry-After": "300"}) if asked == 10 else web.json_response({})

    registry.answers["/left-pad"] = soon_too_much
    with processes(database, LIMITS, CLOCKS) as pipes:
        told = ask(pipes, f"{registry.url}left-pad", times=400, at_once=4)
        assert all(reasons and all("asked us to wait" in r or "429" in r for r in reasons) for _, reasons in told)
        assert sum("429" in reason for _, reasons in told for reason in reasons) == 1
        # What was under way or in hand when it came; alone, each of the others would have gone on to its 400.
        before = len(registry.requests)
        assert before < 10 + RATE * 2
        told = ask(pipes, f"{registry.url}left-pad", times=1, at_once=1)
        assert [reasons for _, reasons in told] == [["asked us to wait"]] * 4
        assert len(registry.requests) == before
        with psycopg.connect(database) as connection:
            (left,) = connection.execute("SELECT slowed_until - now() FROM host_budget").fetchone() or (None,)
        assert timedelta(seconds=200) < left <= timedelta(seconds=300)


def test_a_breaker_that_one_process_opens_is_open_for_all_and_one_of_them_tries(
    database: str, registry: Any, servers: Any
) -> None:
    broken, let_go = True, asyncio.Event()

    async def answer(_request: web.Request) -> web.Response:
        if broken:
            return web.Response(status=503)
        await let_go.wait()
        return web.json_response({})

    registry.answers["/left-pad"] = answer
    url = f"{registry.url}left-pad"
    with processes(database, LIMITS, CLOCKS) as pipes, psycopg.connect(database, autocommit=True) as connection:
        ask(pipes[:1], url, times=8, at_once=8)
        until(lambda: connection.execute("SELECT 1 FROM host_budget WHERE closed_until > now()").fetchone() is not None)
        before = len(registry.requests)
        told = ask(pipes[1:], url, times=1, at_once=1)
        assert [reasons for _, reasons in told] == [["503 Service Unavailable"]] * 3
        assert len(registry.requests) == before
        # An hour passes in the database, whatever the clocks of the processes say.
        connection.execute("UPDATE host_budget SET closed_until = closed_until - interval '1 hour'")
    broken = False
    with processes(database, LIMITS, CLOCKS[1:]) as pipes:
        pipes[0].send((url, 1, 1))
        until(lambda: len(registry.requests) == before + 1)
        told = ask(pipes[1:], url, times=1, at_once=1)
        assert [reasons for _, reasons in told] == [["503 Service Unavailable; trying whether it is back"]] * 2
        servers.loop.call_soon_threadsafe(let_go.set)
        ((tried, reasons),) = hear(pipes[:1])
        assert (len(tried), reasons) == (1, [])
        until(lambda: ask(pipes[1:], url, times=1, at_once=1)[0][1] == [])
        assert [len(began) for began, _ in ask(pipes, url, times=2, at_once=1)] == [2, 2, 2]


async def test_a_process_without_the_database_stops_asking_and_goes_on_when_it_is_back(
    database: str, registry: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in {"ANSWER_WITHIN": 0.3, "RETRY": 0.05, "PATIENCE": 1.0}.items():
        monkeypatch.setattr(budgets, name, seconds)
    registry.documents["/left-pad"] = {"name": "left-pad"}
    url = database_url(database)
    cable = Cable(Path(str(url.query["host"])))
    server = await cable.start()
    mine = Budgets(url.update_query_dict({"host": str(cable.folder)}))
    http = Http(LIMITS, share=partial(mine.host, "npm"))
    for _ in range(3):
        await http.get(f"{registry.url}left-pad")
    cable.cut()
    before = len(registry.requests)
    asked = await asyncio.gather(*(http.get(f"{registry.url}left-pad") for _ in range(20)), return_exceptions=True)
    hosts = [one.host for one in asked if isinstance(one, Unavailable)]
    # Hardly a turn was in hand.
    assert len(hosts) >= 18
    assert set(hosts) == {"weaklink"}
    assert len(registry.requests) - before == 20 - len(hosts)
    cable.mend()
    await http.get(f"{registry.url}left-pad")
    await http.close()
    await mine.close()
    server.close()
