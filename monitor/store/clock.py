"""The database's time, for processes on machines whose clocks nobody vouches for.

Between looks at the database the time goes on by ``Elapsed``, which nobody sets.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, event

from config.clock import Clock, Elapsed, system_clock, system_elapsed
from config.log import log_of
from monitor.store.engine import Store

log = log_of("clock")

LOOK_EVERY: Final = 30.0
"""Seconds after which the next transaction begins with a look at the database's clock."""
SLOWEST: Final = 1.0
"""Seconds of a look that is still believed: its answer may be off by half of them."""
LARGEST_STEP: Final = timedelta(hours=1)
"""The most that one look moves the clock."""
WORTH_TELLING: Final = timedelta(seconds=5)


class DatabaseClock:
    """A ``Clock`` that follows looks at another one. It never goes back: where it is ahead, it goes half as fast."""

    def __init__(self, elapsed: Elapsed = system_elapsed) -> None:
        self.elapsed = elapsed
        self._lock = threading.Lock()
        self._anchor: tuple[datetime, float] | None = None
        self._shown: tuple[datetime, float] | None = None

    def __call__(self) -> datetime:
        """Now, in UTC; the machine's time as long as the database was never seen."""
        with self._lock:
            at = self.elapsed()
            if self._anchor is None:
                return system_clock()
            now = _since(self._anchor, at)
            if self._shown is not None:
                now = max(now, self._shown[0] + timedelta(seconds=max(0.0, at - self._shown[1])) / 2)
            self._shown = (now, at)
            return now

    def look_due(self) -> bool:
        return self._anchor is None or self.elapsed() - self._anchor[1] >= LOOK_EVERY

    def seen(self, told: datetime, asked: float, answered: float) -> None:
        """The database told its time between these two moments of ``elapsed``."""
        middle = (asked + answered) / 2
        with self._lock:
            if self._anchor is None:
                self._anchor = (told.astimezone(UTC), middle)
                return
            if answered - asked > SLOWEST:
                return
            expected = _since(self._anchor, middle)
            step = max(-LARGEST_STEP, min(LARGEST_STEP, told - expected))
            self._anchor = (expected + step, middle)
        if abs(step) >= WORTH_TELLING:
            log.warning("the database's clock moved", by_seconds=round(step.total_seconds()))


def clock_of(store: Store) -> Clock:
    """The time for what is written to this database: its own on PostgreSQL, the machine's on SQLite.

    Raises StoreError where the database does not answer.
    """
    if store.url.get_backend_name() != "postgresql":
        return system_clock
    clock = DatabaseClock()

    def look(connection: Connection) -> None:
        if clock.look_due():
            asked = clock.elapsed()
            told = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
            clock.seen(told, asked, clock.elapsed())

    event.listen(store.engine, "begin", look)
    with store.reading() as session:
        session.connection()
    return clock


def _since(anchor: tuple[datetime, float], at: float) -> datetime:
    return anchor[0] + timedelta(seconds=at - anchor[1])
