"""Following one feed: the cursor and the work that it caused are written together, so that no change falls between.

Where the feed was reset, skipped or cannot be read, every package of its registry becomes due within the usual
interval: what the feed may have missed is found by looking.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Final

from msgspec import Struct

from config.clock import Clock, Elapsed
from config.log import log_of
from monitor.errors import SourceError
from monitor.feeds.model import Feed, Page
from monitor.sources.politeness import HostHealth
from monitor.store import feeds as rows
from monitor.store.engine import Store

log = log_of("feeds")

LIVE_FOR: Final = 120.0
"""Seconds; a feed that gave no answer for so long is not relied on."""
LOOK_AT_HEAD_AFTER: Final = 60.0
"""Seconds of silence after which the feed's newest place is asked for: a reset shows only there."""
SHORTEST_STALL: Final = 600.0
USUAL_GAPS: Final = 50
"""So many of a feed's usual gaps of silence mean that it stands still."""
LEARNED: Final = 20
"""Entries after which the usual gap is known."""
FARTHEST: Final = 2_000_000
"""Entries behind which the feed is not caught up with: looking at what is watched costs less."""


class Rhythm(Struct):
    """How often a feed tells something, in seconds that passed; pure but for what it remembers."""

    began: float
    told: int = 0
    last: float | None = None

    def heard(self, count: int, now: float) -> None:
        self.told += count
        self.last = now

    def stalled(self, now: float) -> bool:
        """Whether it has been silent for much longer than it ever is. A feed of few entries never is."""
        if self.last is None or self.told < LEARNED:
            return False
        gap = (self.last - self.began) / self.told
        return now - self.last > max(SHORTEST_STALL, USUAL_GAPS * gap)


class Follower:
    """Follows one feed; ``advance`` is called again and again."""

    def __init__(
        self,
        feed: Feed,
        store: Store,
        clock: Clock,
        elapsed: Elapsed,
        rng: Random,
        sweep: timedelta,
        on_due: Callable[[], None],
    ) -> None:
        """``sweep``: within which everything is looked at after a gap. ``on_due``: called when packages became due."""
        self.feed = feed
        self._store = store
        self._clock = clock
        self._elapsed = elapsed
        self._rng = rng
        self._sweep = sweep
        self._on_due = on_due
        self._cursor: int | None = None
        self._begun = False
        self._rhythm = Rhythm(began=elapsed())
        self._answered: float | None = None
        self._answered_at: datetime | None = None
        self._headed: float | None = None
        self._state = "down"
        self._since = elapsed()
        self._error = ""

    @property
    def live(self) -> bool:
        """Whether the feed can be relied on to tell of changes now."""
        return self._state == "live" and not self._silent()

    def _silent(self) -> bool:
        return self._answered is None or self._elapsed() - self._answered >= LIVE_FOR

    def health(self) -> HostHealth:
        """The feed as one more source: ``stalled`` where it answers and tells nothing any more."""
        live = self._state == "live"
        return HostHealth(
            host=f"feed of {self.feed.source}",
            state="up" if live else self._state,
            down_since=None if live else self._clock() - timedelta(seconds=self._elapsed() - self._since),
            last_ok_at=self._answered_at,
            last_error=self._error or ("" if live else "it tells nothing any more; its packages are polled as usual"),
        )

    async def advance(self) -> bool:
        """One look at the feed; True where there is more to be had at once. Never raises for trouble at the far end."""
        try:
            more = await self._advance()
        except SourceError as error:
            if error.reason != self._error and not self.live:
                log.warning("feed does not answer", source=self.feed.source, reason=error.reason)
            self._error = error.reason
            if self._silent():
                self._begun = False  # how far it is ahead is asked again when it is back
                await self._enter("down")
            return False
        self._error = ""
        self._answered, self._answered_at = self._elapsed(), self._clock()
        await self._enter("stalled" if self._rhythm.stalled(self._elapsed()) else "live")
        return more

    async def _advance(self) -> bool:
        if not self._begun:
            self._cursor = await self._store.read(lambda session: rows.cursor_of(session, self.feed.source))
            self._begun = True
            if self._cursor is not None and abs(await self._head() - self._cursor) > FARTHEST:
                await self._restart("too much happened while nobody followed it")
                return False
        if self._cursor is None:
            await self._restart("it is followed for the first time")
            return False
        page = await self.feed.after(self._cursor)
        if page.cursor < self._cursor:
            await self._restart("its sequence began anew")
            return False
        if page.told:
            await self._take(page)
        elif await self._reset_in_silence():
            await self._restart("its sequence began anew")
        return page.full

    async def _take(self, page: Page) -> None:
        now = self._clock()
        source = self.feed.source
        newest = {one.subject: one.revision for one in page.announced}
        due = await self._store.write(lambda session: rows.take(session, source, page.cursor, newest, now))
        self._cursor = page.cursor
        self._rhythm.heard(page.told, self._elapsed())
        if due:
            self._on_due()

    async def _reset_in_silence(self) -> bool:
        """Whether the feed says nothing because its sequence lies behind our cursor."""
        quiet_since = max(self._rhythm.last or 0.0, self._headed or 0.0, self._rhythm.began)
        if self._elapsed() - quiet_since < LOOK_AT_HEAD_AFTER:
            return False
        head = await self._head()
        return self._cursor is not None and head < self._cursor

    async def _head(self) -> int:
        head = await self.feed.head()
        self._headed = self._elapsed()
        return head

    async def _restart(self, why: str) -> None:
        """Go on from the feed's newest place, and look at everything that it may have told of before."""
        head = await self._head()
        now, source, rng, sweep = self._clock(), self.feed.source, self._rng, self._sweep
        await self._store.write(lambda session: rows.restart(session, source, head, now, sweep, rng))
        self._cursor = head
        log.info("feed begun anew", source=source, why=why, every_package_within=sweep)

    async def _enter(self, state: str) -> None:
        if state == self._state:
            return
        was, self._state, self._since = self._state, state, self._elapsed()
        (log.info if state == "live" else log.warning)("feed", source=self.feed.source, state=state)
        if was == "live":
            # Checks were put off because the feed was relied on.
            now, source, rng, sweep = self._clock(), self.feed.source, self._rng, self._sweep
            await self._store.write(lambda session: rows.hasten(session, source, now, sweep, rng))
