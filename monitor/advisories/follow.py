"""Following advisories: what is new is asked for in turn, and recorded together with how far it was asked.

A package that could not be asked for stays due; what is known of it stays known, and is not taken for all there is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random
from typing import Final

from msgspec.structs import replace

from config.clock import Clock, Elapsed, system_elapsed
from config.log import log_of
from config.names import ECOSYSTEMS
from config.registries import Destinations
from config.settings import Advisories as Asked
from monitor.advisories import by_dump, by_name
from monitor.advisories.ledger import Ledger
from monitor.advisories.ways import API, DUMPS, ways
from monitor.errors import SourceError, Unavailable
from monitor.record import Recorder
from monitor.schedule import jittered
from monitor.sources.http import Http
from monitor.sources.osv import OsvApi
from monitor.sources.osv_dumps import OsvDumps
from monitor.sources.politeness import HostHealth
from monitor.store import advisories as rows
from monitor.store.engine import Store, StoreError

log = log_of("advisories")

FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(hours=1)
_NEARLY: Final = 0.8
"""Of the interval: what was asked for so long ago is asked for with the rest."""


class Advisories:
    """Knows the settings in force through the recorder; ``look`` does what is due."""

    def __init__(
        self,
        store: Store,
        http: Http,
        recorder: Recorder,
        destinations: Callable[[], Destinations],
        clock: Clock,
        rng: Random,
        *,
        elapsed: Elapsed = system_elapsed,
    ) -> None:
        self.ledger = Ledger(store, recorder, clock)
        self._store = store
        self._http = http
        self._recorder = recorder
        self._destinations = destinations
        self._clock = clock
        self._elapsed = elapsed
        self._rng = rng
        self._stirred = asyncio.Event()
        self._stirred.set()
        self._due_at: float | None = None
        self._pause = FIRST_PAUSE
        self._down_since: float | None = None
        self._error = ""

    @property
    def _settings(self) -> Asked:
        return self._recorder.settings.advisories

    def stir(self) -> None:
        """What is watched, or how, may be other than it was."""
        if self._down_since is None:
            self._due_at = None
        self._stirred.set()

    def health(self) -> list[HostHealth]:
        """The hosts that were asked; one that answers, but not as it should, is down all the same."""
        if not self._settings.enabled:
            return []
        hosts = [replace(host, host=f"{host.host} (advisories)") for host in self._http.health()]
        if self._down_since is None or any(host.state != "up" for host in hosts):
            return hosts
        since = self._clock() - timedelta(seconds=self._elapsed() - self._down_since)
        down = HostHealth(host="advisories", state="down", down_since=since, last_error=self._error)
        return [replace(down, host=host.host, last_ok_at=host.last_ok_at) for host in hosts] or [down]

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                await self.look()
            except StoreError as error:
                log.error("the database cannot be used", part="advisories", error=error)
                self._rest(FIRST_PAUSE)
            except Exception:  # the outermost loop: a bug here must not stop the rest
                log.exception("following advisories broke")
                self._rest(FIRST_PAUSE)
            wait = LONGEST_PAUSE.total_seconds() if self._due_at is None else self._due_at - self._elapsed()
            with suppress(TimeoutError):
                async with asyncio.timeout(max(1.0, wait)):
                    await self._stirred.wait()

    def _rest(self, wait: timedelta) -> None:
        self._due_at = self._elapsed() + wait.total_seconds()

    async def look(self) -> str:
        """Ask for what is due, and record it; what went wrong far away, ``""`` where nothing did."""
        if self._stirred.is_set():
            self._stirred.clear()
            await self.ledger.settle()
        if not self._settings.enabled or (self._due_at is not None and self._elapsed() < self._due_at):
            return ""
        trouble = await self._ask(self._clock())
        if trouble is not None:
            self._failed(trouble)
            return str(trouble)
        self._down_since, self._error, self._pause = None, "", FIRST_PAUSE
        self._rest(jittered(self._settings.every, self._rng))
        return ""

    async def _ask(self, now: datetime) -> SourceError | None:
        """Each way for itself: trouble on one of them stops no other."""
        destinations, settings = self._destinations(), self._settings
        by_way = await self._store.read(lambda session: ways(rows.watched_packages(session), destinations, settings))
        api = OsvApi(self._http, settings.api_url)
        folder = self._store.file.parent if self._store.file else None
        dumps = OsvDumps(self._http, settings.dumps_url, settings.largest_dump, folder)
        work = [by_name.ask(self.ledger, api, by_way[API], now - settings.every * _NEARLY, now)]
        by_ecosystem = {name: [one for one in by_way[DUMPS] if one.ecosystem == name] for name in ECOSYSTEMS}
        work += [by_dump.follow(self.ledger, dumps, name, here, now) for name, here in by_ecosystem.items() if here]
        trouble = None
        for one in work:
            try:
                await one
            except SourceError as error:
                trouble = trouble or error
        return trouble

    def _failed(self, error: SourceError) -> None:
        asked = error.retry_after if isinstance(error, Unavailable) else None
        wait = max(jittered(self._pause, self._rng), asked or timedelta(0))
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        self._down_since = self._elapsed() if self._down_since is None else self._down_since
        self._error = str(error)[:500]
        self._rest(wait)
        log.warning("advisories could not be asked for", again_in_seconds=round(wait.total_seconds()), error=error)
