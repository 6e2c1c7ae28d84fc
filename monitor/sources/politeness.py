"""How one host is treated: so many requests a second, so many at once, and none while it asks to be left alone.

A process that asks a host alone keeps all of it in its ``Host``. Where several do, they hold it together: ``Shared``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from config.clock import Clock, Elapsed
from monitor.errors import Unavailable

TRIP_AFTER = 5
"""Failures in a row after which the breaker opens."""
FIRST_PAUSE = timedelta(seconds=15)
LONGEST_PAUSE = timedelta(minutes=10)
LONGEST_RETRY_AFTER = timedelta(hours=6)
"""A host that asks for more is asked again after this time all the same."""


class HostHealth(Struct, frozen=True, kw_only=True):
    """How a host is doing."""

    host: str
    state: str
    """``up``, ``slowed`` (it asked us to wait) or ``down`` (the breaker is open)."""
    down_since: datetime | None = None
    last_ok_at: datetime | None = None
    last_error: str = ""
    retry_at: datetime | None = None
    successes: int = 0
    failures: int = 0


class Standing(Struct, frozen=True, kw_only=True):
    """How a host stands with all processes that ask it. Seconds from now, so that no two clocks need to agree."""

    slowed: float = 0.0
    """For so long it wants to be left alone."""
    closed: float = 0.0
    """For so long the breaker stays open."""
    down: float | None = None
    """Since so long it is down; None while it is not."""
    tried: bool = False
    """Another process tries whether it is back."""
    failures: int = 0
    """In a row, of all processes."""
    error: str = ""
    sharers: int = 1
    """Processes that asked it lately."""


def together(healths: Iterable[HostHealth]) -> list[HostHealth]:
    """One for each host: the worst of how it does, where it serves several registries and is asked for each."""
    found: dict[str, HostHealth] = {}
    for one in healths:
        known = found.setdefault(one.host, one)
        if known is not one:
            worse, other = (one, known) if _WORSE[one.state] > _WORSE[known.state] else (known, one)
            found[one.host] = replace(
                worse,
                last_ok_at=max(filter(None, (one.last_ok_at, known.last_ok_at)), default=None),
                successes=worse.successes + other.successes,
                failures=worse.failures + other.failures,
            )
    return list(found.values())


_WORSE: Final = {"up": 0, "slowed": 1, "stalled": 2, "down": 3}


class Shared(Protocol):
    """What several processes hold together towards one host: its rate, its breaker, and its wish to be left alone."""

    async def turn(self, interval: float, burst: float) -> Standing | None:
        """Wait for a turn, one each ``interval`` seconds and those of ``burst`` seconds at once after a rest.

        How the host stands, where that was read anew; no turn was given where that forbids it. Raises Unavailable
        where the other processes cannot be reached: no turn, no request.
        """

    def succeeded(self) -> None: ...

    def failed(self, reason: str) -> None: ...

    def slowed(self, wait: timedelta) -> None: ...

    def given_up(self) -> None:
        """The request that was to try whether the host is back was not made to its end."""


class Host:
    """Rate limit, concurrency and circuit breaker of one host.

    The breaker opens after some failures in a row; then one request at a time tries whether the host is back, after
    a pause that doubles, and the first success closes it.
    """

    def __init__(
        self,
        name: str,
        *,
        per_second: float,
        connections: int,
        clock: Clock,
        elapsed: Elapsed,
        sleep: Callable[[float], Awaitable[object]],
        shared: Shared | None = None,
    ) -> None:
        self.name = name
        self._shared = shared
        self._sharers = 1
        self.limit(per_second, connections)
        self._clock = clock
        self._elapsed = elapsed
        self._sleep = sleep
        self._next = 0.0
        self._failed_in_a_row = 0
        self._pause = FIRST_PAUSE
        # By the time that passes: a clock that is set must neither open a breaker nor keep one shut for a day.
        self._closed_until: float | None = None
        self._slowed_until: float | None = None
        self._down_since: float | None = None
        self._probing = False
        self._last_ok_at: datetime | None = None
        self._last_error = ""
        self._successes = 0
        self._failures = 0
        self._told = 0
        """Answers and failures told of, by any request."""

    def limit(self, per_second: float, connections: int) -> None:
        """Change how often and how widely it may be asked."""
        self._interval = 1 / per_second
        self._burst = min(1.0, self._interval * connections)
        self._connections = connections
        self._slots = asyncio.Semaphore(max(1, connections // self._sharers))

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a place and for the rate; Unavailable at once while the host wants or needs to be left alone."""
        self._refuse_if_closed()
        async with self._slots:
            self._refuse_if_closed()
            await self._wait_for_rate()
            self._refuse_if_closed()  # what the host asked of another request while this one waited
            probing = self._down_since is not None
            self._probing = probing
            told = self._told
            try:
                yield
            finally:
                if probing:
                    self._probing = False
                    if self._shared is not None and self._told == told:
                        self._shared.given_up()

    def _refuse_if_closed(self) -> None:
        now = self._elapsed()
        for until, why in ((self._slowed_until, "asked us to wait"), (self._closed_until, self._last_error)):
            if until is not None and until > now:
                raise Unavailable(self.name, why, retry_after=timedelta(seconds=until - now))
        if self._probing:
            raise self._being_tried()

    async def _wait_for_rate(self) -> None:
        if self._shared is not None:
            standing = await self._shared.turn(self._interval, self._burst)
            if standing is not None:
                self._adopt(standing)
            return
        now = self._elapsed()
        self._next = max(self._next, now - self._burst)
        wait = self._next - now
        self._next += self._interval
        if wait > 0:
            await self._sleep(wait)

    def _adopt(self, standing: Standing) -> None:
        """What all processes hold is what this one goes by."""
        now = self._elapsed()
        self._slowed_until = _after(now, standing.slowed)
        self._closed_until = _after(now, standing.closed)
        self._down_since = None if standing.down is None else now - standing.down
        self._failed_in_a_row = standing.failures
        if standing.failures == 0:
            self._pause = FIRST_PAUSE
        if standing.error:
            self._last_error = standing.error
        if standing.sharers != self._sharers:
            self._sharers = standing.sharers
            self._slots = asyncio.Semaphore(max(1, self._connections // self._sharers))
        if standing.tried:
            raise self._being_tried()

    def _being_tried(self) -> Unavailable:
        return Unavailable(self.name, f"{self._last_error}; trying whether it is back", retry_after=FIRST_PAUSE)

    def succeeded(self) -> None:
        """The host answered as it should (a 404 is an answer)."""
        if self._shared is not None and (self._failed_in_a_row or self._down_since is not None):
            self._shared.succeeded()
        self._told += 1
        self._successes += 1
        self._failed_in_a_row = 0
        self._pause = FIRST_PAUSE
        # A wish to be left alone stays: what succeeds after it was under way before.
        self._closed_until = self._down_since = None
        self._last_ok_at = self._clock()

    def failed(self, reason: str) -> None:
        """It did not answer, or answered 5xx."""
        if self._shared is not None:
            self._shared.failed(reason)
        self._told += 1
        self._failures += 1
        self._failed_in_a_row += 1
        self._last_error = reason
        now = self._elapsed()
        # Those that were under way when the breaker opened tell nothing new.
        if self._failed_in_a_row >= TRIP_AFTER and (self._closed_until is None or self._closed_until <= now):
            self._down_since = now if self._down_since is None else self._down_since
            self._closed_until = now + self._pause.total_seconds()
            self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def slowed(self, retry_after: timedelta) -> timedelta:
        """It asked to be left alone; how long that will be obeyed."""
        wait = min(max(retry_after, timedelta(seconds=1)), LONGEST_RETRY_AFTER)
        if self._shared is not None:
            self._shared.slowed(wait)
        self._told += 1
        self._slowed_until = self._elapsed() + wait.total_seconds()
        self._last_error = "asked us to wait"
        return wait

    def health(self) -> HostHealth:
        slowed = self._slowed_until is not None and self._slowed_until > self._elapsed()
        state = "down" if self._down_since is not None else "slowed" if slowed else "up"
        return HostHealth(
            host=self.name,
            state=state,
            down_since=self._moment(self._down_since),
            last_ok_at=self._last_ok_at,
            last_error=self._last_error if state != "up" else "",
            retry_at=self._moment(self._slowed_until if slowed else self._closed_until),
            successes=self._successes,
            failures=self._failures,
        )

    def _moment(self, elapsed: float | None) -> datetime | None:
        """By the clock as it goes now."""
        return None if elapsed is None else self._clock() + timedelta(seconds=elapsed - self._elapsed())


def _after(now: float, seconds: float) -> float | None:
    return now + seconds if seconds > 0 else None
