"""Maintainers looked up in turn by the registry's search: a few questions a minute, and none while it wants peace.

What it does not tell is counted from what is watched, so nothing waits for it and no account fails by it.
"""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Final, Protocol

from config.clock import Clock, Elapsed
from config.log import log_of
from config.settings import Settings
from monitor.errors import Refused, Unavailable
from monitor.record import Recorder
from monitor.schedule import jittered
from monitor.sources.search import Portfolio, askable
from monitor.store.engine import Store
from monitor.store.portfolios import due_accounts

log = log_of("survey")

FIRST_PAUSE: Final = timedelta(minutes=5)
LONGEST_PAUSE: Final = timedelta(hours=6)
REFUSALS: Final = 3
"""A registry that did not tell so many accounts in a row has no search that can be used,"""
NOT_SERVED: Final = timedelta(hours=24)
"""and is asked again after so long."""
BATCH: Final = 50
"""Accounts that are read from the store at a time."""


class Search(Protocol):
    async def portfolio(self, account: str) -> Portfolio: ...


class Survey:
    """Asks about one account at a step."""

    def __init__(
        self, store: Store, search: Search, recorder: Recorder, clock: Clock, elapsed: Elapsed, rng: Random
    ) -> None:
        self._store = store
        self._search = search
        self._recorder = recorder
        self._clock = clock
        self._elapsed = elapsed
        self._rng = rng
        self._waiting: list[tuple[int, str]] = []
        self._next = 0.0
        self._pause = FIRST_PAUSE
        self._refusals = 0

    @property
    def _settings(self) -> Settings:
        return self._recorder.settings

    async def step(self) -> bool:
        """Ask about the account whose turn it is, if any and if it is time; whether one was asked about."""
        now, elapsed = self._clock(), self._elapsed()
        budget = self._settings.registries.npm.searches_per_minute
        if not budget or elapsed < self._next:
            return False
        if not self._waiting:
            self._waiting = await self._store.read(lambda session: due_accounts(session, now, BATCH))
        if not self._waiting:
            # The question itself costs a scan of the accounts.
            self._next = elapsed + 60.0
            return False
        target, subject = self._waiting.pop(0)
        again = jittered(self._settings.schedule.maintainers, self._rng)
        told = None
        name = subject.partition(":~")[2]
        if askable(name):
            self._next = elapsed + 60.0 / budget
            try:
                told = await self._search.portfolio(name)
                self._pause, self._refusals = FIRST_PAUSE, 0
            except Unavailable as error:
                again = max(self._pause, error.retry_after or timedelta(0))
                self._pause = min(self._pause * 2, LONGEST_PAUSE)
                self._rest(again, str(error))
            except Refused as error:
                self._refusals += 1
                if self._refusals >= REFUSALS:
                    self._rest(NOT_SERVED, str(error))
        await self._store.write(
            lambda session: self._recorder.surveyed(session, target, subject, told, now, now + again)
        )
        return True

    def _rest(self, pause: timedelta, why: str) -> None:
        self._next = self._elapsed() + pause.total_seconds()
        log.info("accounts are counted from what is watched", pause=pause, why=why)
