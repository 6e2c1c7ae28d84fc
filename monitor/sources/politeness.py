"""How one host is treated: so many requests a second, so many at once, and none while it asks to be left alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from msgspec import Struct

from config.clock import Clock
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
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self.name = name
        self.limit(per_second, connections)
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._next = 0.0
        self._failed_in_a_row = 0
        self._pause = FIRST_PAUSE
        self._closed_until: datetime | None = None
        self._slowed_until: datetime | None = None
        self._probing = False
        self._down_since: datetime | None = None
        self._last_ok_at: datetime | None = None
        self._last_error = ""
        self._successes = 0
        self._failures = 0

    def limit(self, per_second: float, connections: int) -> None:
        """Change how often and how widely it may be asked."""
        self._interval = 1 / per_second
        self._burst = min(1.0, self._interval * connections)
        self._slots = asyncio.Semaphore(connections)

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
            try:
                yield
            finally:
                if probing:
                    self._probing = False

    def _refuse_if_closed(self) -> None:
        now = self._clock()
        for until, why in ((self._slowed_until, "asked us to wait"), (self._closed_until, self._last_error)):
            if until is not None and until > now:
                raise Unavailable(self.name, why, retry_after=until - now)
        if self._probing:
            raise Unavailable(self.name, f"{self._last_error}; trying whether it is back", retry_after=FIRST_PAUSE)

    async def _wait_for_rate(self) -> None:
        now = self._monotonic()
        self._next = max(self._next, now - self._burst)
        wait = self._next - now
        self._next += self._interval
        if wait > 0:
            await self._sleep(wait)

    def succeeded(self) -> None:
        """The host answered as it should (a 404 is an answer)."""
        self._successes += 1
        self._failed_in_a_row = 0
        self._pause = FIRST_PAUSE
        self._closed_until = self._slowed_until = self._down_since = None
        self._last_ok_at = self._clock()

    def failed(self, reason: str) -> None:
        """It did not answer, or answered 5xx."""
        self._failures += 1
        self._failed_in_a_row += 1
        self._last_error = reason
        if self._failed_in_a_row >= TRIP_AFTER:
            now = self._clock()
            self._down_since = self._down_since or now
            self._closed_until = now + self._pause
            self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def slowed(self, retry_after: timedelta) -> timedelta:
        """It asked to be left alone; how long that will be obeyed."""
        wait = min(max(retry_after, timedelta(seconds=1)), LONGEST_RETRY_AFTER)
        self._slowed_until = self._clock() + wait
        self._last_error = "asked us to wait"
        return wait

    def health(self) -> HostHealth:
        now = self._clock()
        slowed = self._slowed_until is not None and self._slowed_until > now
        state = "down" if self._down_since is not None else "slowed" if slowed else "up"
        return HostHealth(
            host=self.name,
            state=state,
            down_since=self._down_since,
            last_ok_at=self._last_ok_at,
            last_error=self._last_error if state != "up" else "",
            retry_at=self._slowed_until if slowed else self._closed_until,
            successes=self._successes,
            failures=self._failures,
        )
