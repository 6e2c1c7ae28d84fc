"""What all processes on one PostgreSQL hold together towards the hosts that they ask: rate, breaker, wishes to wait.

A row for each host. A process takes turns from it, as many as wait for one and a quarter of a second's worth at most
(GCRA: the row holds when the next turn is). Whatever forbids asking is in the same row and is read with every take.
Each statement is one short transaction of its own, and all times are the database's: no process needs a right clock,
none can hold a lock while it is away, and one that dies wastes its few turns. One that cannot reach the database gets
no turn.

In any span of time the processes together begin at most as many requests as the rate gives for that span, those of the
burst, and those of ``LAPSE`` more.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

import psycopg
from psycopg.rows import dict_row
from sqlalchemy.engine import URL

from monitor.errors import Unavailable
from monitor.sources.politeness import Shared, Standing
from monitor.store import budget_sql
from monitor.store.budget_sql import LOOK_AHEAD

Row = dict[str, Any]

LAPSE: Final = 0.25
"""Seconds after which a turn that was not used is none any more."""
ANSWER_WITHIN: Final = 5.0
"""Seconds for one statement; after that its connection is cut."""
PATIENCE: Final = 60.0
"""Seconds for which a request waits for a database that is away."""
RETRY: Final = 0.5
SEEN_EVERY: Final = 5.0
"""Seconds after which a process says again that it asks a host."""
_AWAY: Final = "the database does not answer, and without it nobody knows how often others ask this host"


class Away(Exception):
    """The database did not answer."""


class Budgets:
    """One connection in a thread of its own, apart from that of the store: a turn never waits for a recording."""

    def __init__(self, url: URL, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.monotonic = monotonic
        self.process = uuid4().hex
        self._parameters: dict[str, Any] = dict(url.get_dialect()().create_connect_args(url)[1])
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="budgets")
        self._connection: psycopg.Connection[Row] | None = None
        self._hosts: dict[str, SharedHost] = {}
        self._away_since: float | None = None

    def host(self, pool: str, name: str) -> Shared:
        """The budget of one host, as asked for one purpose: a registry's search has a rate of its own."""
        key = f"{pool} {name}"[:300]
        if key not in self._hosts:
            self._hosts[key] = SharedHost(key, self)
        return self._hosts[key]

    async def ask(self, query: str, parameters: Mapping[str, Any]) -> Row | None:
        """The first row, with the monotonic time of its arrival as ``arrived``. Raises Away."""
        future = asyncio.get_running_loop().run_in_executor(self._thread, self._ask, query, parameters)
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        done, _ = await asyncio.wait({future}, timeout=ANSWER_WITHIN)
        try:
            if not done:
                future.cancel()
                self._cut()
                raise Away
            row = future.result()
        except (Away, psycopg.Error):
            self._away_since = self._away_since or self.monotonic()
            raise Away from None
        self._away_since = None
        return row

    def away(self) -> float:
        """Seconds since the database stopped to answer; none while it answers."""
        return 0.0 if self._away_since is None else self.monotonic() - self._away_since

    def _ask(self, query: str, parameters: Mapping[str, Any]) -> Row | None:
        connection = self._connection
        if connection is None or connection.closed:
            connection = psycopg.connect(
                **self._parameters | {"autocommit": True, "connect_timeout": 4}, row_factory=dict_row
            )
            connection.execute("SET statement_timeout = '4s'")
            self._connection = connection
        row = connection.execute(query.encode(), parameters).fetchone()
        if row is not None:
            row["arrived"] = self.monotonic()
        return row

    def _cut(self) -> None:
        """End the connection under the thread that waits for it."""
        if (connection := self._connection) is not None:
            with suppress(OSError, psycopg.Error):
                twin = socket.socket(fileno=os.dup(connection.fileno()))
                twin.shutdown(socket.SHUT_RDWR)
                twin.close()

    async def close(self) -> None:
        """Tell what is still to be told, as far as the database answers at once, and let the connection go."""
        for host in self._hosts.values():
            await host.close()
        with suppress(Away):
            await self.ask("DELETE FROM host_user WHERE process = %(process)s RETURNING 1", {"process": self.process})
        self._cut()
        self._thread.shutdown(wait=False, cancel_futures=True)


class SharedHost:
    """One host's share in this process: the turns in hand, and the news that the other processes are to hear."""

    def __init__(self, key: str, budgets: Budgets) -> None:
        self._key = key
        self._budgets = budgets
        self._turns: deque[float] = deque()
        self._waiting = 0
        self._one_asks = asyncio.Lock()
        self._news: deque[tuple[str, dict[str, Any], float]] = deque(maxlen=100)
        self._one_tells = asyncio.Lock()
        self._telling: asyncio.Task[None] | None = None
        self._sharers = 1
        self._seen_at = -SEEN_EVERY

    async def turn(self, interval: float, burst: float) -> Standing | None:
        """See ``politeness.Shared``. Raises Unavailable where the database is away for ``PATIENCE``."""
        standing = None
        self._waiting += 1
        try:
            while True:
                async with self._one_asks:
                    at, news = await self._next(interval, burst)
                standing = news or standing
                if at is None:
                    return standing
                if (early := at - self._budgets.monotonic()) > 0:
                    await asyncio.sleep(early)
                if self._budgets.monotonic() < at + LAPSE:
                    return standing
        finally:
            self._waiting -= 1

    async def _next(self, interval: float, burst: float) -> tuple[float | None, Standing | None]:
        """The time of a turn, from the hand or the database; no time where nobody may ask now."""
        standing = None
        while (at := self._in_hand()) is None:
            try:
                standing, wait = await self._take(interval, burst)
            except Away:
                if self._budgets.away() > PATIENCE:
                    raise Unavailable("weaklink", _AWAY) from None
                wait = RETRY
            else:
                if standing.slowed > 0 or standing.closed > 0 or standing.tried:
                    return None, standing
            if wait > 0:
                await asyncio.sleep(wait)
        return at, standing

    def _in_hand(self) -> float | None:
        lapsed = self._budgets.monotonic() - LAPSE
        while self._turns:
            if (at := self._turns.popleft()) > lapsed:
                return at
        return None

    async def _take(self, interval: float, burst: float) -> tuple[Standing, float]:
        """Take turns into the hand; how the host stands, and for how long nobody gets a turn."""
        await self._tell()
        await self._be_seen()
        wanted = min(self._waiting, max(1, int(LOOK_AHEAD / interval)))
        row = await self._budgets.ask(
            budget_sql.TAKE, {"host": self._key, "interval": interval, "burst": burst, "wanted": wanted}
        )
        if row is None:
            await self._budgets.ask(budget_sql.BEGIN, {"host": self._key})
            return Standing(sharers=self._sharers), 0.0
        if row["first"] is not None:
            self._turns.extend(row["arrived"] + row["first"] + interval * n for n in range(row["granted"]))
        standing = Standing(
            slowed=row["slowed"],
            closed=row["closed"],
            down=row["down"],
            tried=row["first"] is None and row["tried"] > 0,
            failures=row["failures"],
            error=row["error"],
            sharers=self._sharers,
        )
        # Ahead of us are the turns of others; the least wait lets them be rid of the row.
        return standing, 0.0 if row["first"] is not None else max(row["ahead"] - LOOK_AHEAD, min(interval, 0.01))

    async def _be_seen(self) -> None:
        now = self._budgets.monotonic()
        if now - self._seen_at >= SEEN_EVERY:
            row = await self._budgets.ask(budget_sql.SEEN, {"host": self._key, "process": self._budgets.process})
            self._seen_at, self._sharers = now, 1 + (row["others"] if row else 0)

    # --- news for the others --------------------------------------------------------------------------------------

    def succeeded(self) -> None:
        self._report(budget_sql.SUCCEEDED, {})

    def failed(self, reason: str) -> None:
        self._report(budget_sql.FAILED, {"error": reason[:500]})

    def slowed(self, wait: timedelta) -> None:
        self._report(budget_sql.SLOWED, {"wait": wait.total_seconds()})

    def given_up(self) -> None:
        self._report(budget_sql.GIVEN_UP, {})

    def _report(self, query: str, parameters: dict[str, Any]) -> None:
        self._news.append((query, parameters, self._budgets.monotonic()))
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._at_once())

    async def _at_once(self) -> None:
        with suppress(Away):  # told before the next turn is taken
            await self._tell()

    async def _tell(self) -> None:
        """Tell the news in their order; what could not be told stays for the next time. Raises Away."""
        if not self._news:
            return
        async with self._one_tells:
            while self._news:
                query, parameters, since = self._news[0]
                passed = self._budgets.monotonic() - since
                await self._budgets.ask(query, {"host": self._key, "passed": passed, **parameters})
                self._news.popleft()

    async def close(self) -> None:
        if self._telling is not None:
            await self._telling
