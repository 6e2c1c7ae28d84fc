"""The feeds of the configuration, each followed by a task of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from random import Random

from config.clock import Clock, Elapsed
from config.log import log_of
from config.settings import NpmRegistry, PypiRegistry, Settings
from monitor.feeds.follow import Follower
from monitor.feeds.npm import NpmFeed
from monitor.feeds.pypi import PypiFeed
from monitor.sources.http import Http
from monitor.sources.politeness import HostHealth
from monitor.store.engine import Store, StoreError

log = log_of("feeds")


class Following:
    """Follows what the settings in force name, and tells which sources have a feed that can be relied on."""

    def __init__(
        self,
        store: Store,
        https: Mapping[str, Http],
        settings: Settings,
        clock: Clock,
        rng: Random,
        *,
        elapsed: Elapsed,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._https = https
        self._clock = clock
        self._elapsed = elapsed
        self._rng = rng
        self._sleep = sleep
        self._changed = asyncio.Event()
        self._urls: dict[str, tuple[str, timedelta]] = {}
        self._followers: dict[str, Follower] = {}
        self.on_due: Callable[[], None] = lambda: None
        """Called when a feed made packages due, so that nobody waits for the next look."""
        self.use(settings)

    def use(self, settings: Settings) -> None:
        """From now on, the feeds of these settings; one whose address and pace stay is followed on."""
        registries: dict[str, NpmRegistry | PypiRegistry] = {
            "npm": settings.registries.npm,
            "pypi": settings.registries.pypi,
        }
        wanted = {name: (one.changes_feed, one.changes_every) for name, one in registries.items() if one.changes_feed}
        self._followers = {
            name: self._followers[name] if self._urls.get(name) == way else self._follower(name, way[0], settings)
            for name, way in wanted.items()
        }
        self._urls = wanted
        self._changed.set()

    def _follower(self, source: str, url: str, settings: Settings) -> Follower:
        http = self._https[source]
        feed = NpmFeed(http, url) if source == "npm" else PypiFeed(http, url)
        sweep = settings.schedule.packages
        return Follower(feed, self._store, self._clock, self._elapsed, self._rng, sweep, lambda: self.on_due())

    def live(self, source: str) -> bool:
        """Whether a feed tells of changes at this source now, so that its packages need be polled but rarely."""
        follower = self._followers.get(source)
        return follower is not None and follower.live

    def health(self) -> list[HostHealth]:
        return [follower.health() for follower in self._followers.values()]

    async def run(self) -> None:
        """Follow until cancelled."""
        tasks: dict[Follower, asyncio.Task[None]] = {}
        try:
            while True:
                self._changed.clear()
                present = {follower: self._urls[name][1] for name, follower in self._followers.items()}
                gone = [tasks.pop(follower) for follower in list(tasks) if follower not in present]
                await _end(gone)
                for follower, every in present.items():
                    if follower not in tasks:
                        tasks[follower] = asyncio.create_task(self._follow(follower, every.total_seconds()))
                await self._changed.wait()
        finally:
            await _end(list(tasks.values()))

    async def _follow(self, follower: Follower, every: float) -> None:
        while True:
            try:
                more = await follower.advance()
            except StoreError as error:
                log.error("the database cannot be used", part=follower.feed.source, error=error)
                more = False
            except Exception:  # the outermost loop: a bug in a feed must not stop the polling
                log.exception("feed broke", source=follower.feed.source)
                more = False
            if not more:
                await self._sleep(every)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
