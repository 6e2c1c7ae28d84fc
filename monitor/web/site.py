"""What every handler needs: the store, the settings in force, the clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlmodel import Session
from starlette.requests import Request

from config.clock import Clock
from config.settings import Settings
from monitor.metrics import Metrics
from monitor.queries.gauges import Counted
from monitor.sparing import Sparing
from monitor.store.engine import Store
from monitor.store.readers import Readers

T = TypeVar("T")

REMEMBERED: Final = 10.0
"""Seconds."""


class Site:
    """One per daemon; ``settings`` is asked each time, so that a reload shows at once."""

    def __init__(
        self,
        store: Store,
        settings: Callable[[], Settings],
        clock: Clock,
        *,
        metrics: Metrics | None = None,
        advancing: Callable[[], bool] = lambda: True,
    ) -> None:
        self.metrics = metrics or Metrics()
        self.advancing = advancing
        """Whether the daemon's work goes on, for whoever would restart it."""
        self._store = store
        self._settings = settings
        self._clock = clock
        self.readers = Readers(store)
        self._known: dict[str, tuple[float, Any]] = {}
        self.counted: Sparing[Counted] = Sparing()
        """What metrics tell of all targets together."""
        self.closing = asyncio.Event()
        """Set when the server stops: open streams end."""

    @property
    def settings(self) -> Settings:
        return self._settings()

    def now(self) -> datetime:
        return self._clock()

    def remembered(self, name: str, work: Callable[[], T]) -> T:
        """What ``work`` found up to ``REMEMBERED`` seconds ago: for what counts everything and hardly moves."""
        known = self._known.get(name)
        if known is None or time.monotonic() - known[0] > REMEMBERED:
            known = self._known[name] = (time.monotonic(), work())
        found: T = known[1]
        return found

    @property
    def trouble(self) -> str:
        """What keeps the daemon from writing the database now; empty where nothing does."""
        return self._store.trouble.words

    async def read(self, work: Callable[[Session], T]) -> T:
        return await self.readers.read(work)

    async def write(self, work: Callable[[Session], T]) -> T:
        return await self._store.write(work)


def site_of(request: Request) -> Site:
    """The site that a request came to."""
    site: Site = request.app.state.site
    return site
