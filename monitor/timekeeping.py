"""Clocks that are set: by hand, by the network after a start without one, by a machine that wakes elsewhere.

Stored moments by which something waits were made by the clock as it went then. When it is set they go along, so that
nothing sleeps for the day by which a clock was put back, and nothing counts as late for the day that it was put ahead.
What happened keeps the moment that was written down.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlmodel import Session, col

from alerts import outbox, telling
from config.clock import Clock, Elapsed
from config.log import log_of
from monitor.store.bulk import update_rows
from monitor.store.health import last_alive, say_alive
from monitor.store.tables import Portfolio, Target
from monitor.systemd import ServiceManager

log = log_of("daemon")

LEAST: Final = timedelta(seconds=5)
"""A clock that is off by less was drawn near slowly, or reads coarsely."""
EARLIEST: Final = datetime(2024, 1, 1, tzinfo=UTC)
"""Before this the program did not exist: a clock that says so has not been set since the machine was started."""
LOOK_AGAIN: Final = 1.0


class Timekeeper:
    """Compares the clock with the time that passes."""

    def __init__(self, clock: Clock, elapsed: Elapsed) -> None:
        self._clock = clock
        self._elapsed = elapsed
        self._started = self._offset()

    def moved(self) -> timedelta:
        """By how much the clock was set since this was asked last; nothing, but for a few days in its life."""
        offset = self._offset()
        moved = offset - self._started
        if abs(moved) < LEAST:
            return timedelta(0)
        self._started = offset
        return moved

    def _offset(self) -> datetime:
        return self._clock() - timedelta(seconds=self._elapsed())


async def until_set(clock: Clock, manager: ServiceManager) -> None:
    """Wait while the clock cannot be right: nothing that is written down by it would be true."""
    if clock() >= EARLIEST:
        return
    log.warning("nothing is checked until the clock is set", clock=clock().date())
    manager.status("waiting until the clock is set")
    while clock() < EARLIEST:
        manager.takes(timedelta(seconds=30))
        await asyncio.sleep(LOOK_AGAIN)


def behind(session: Session, now: datetime) -> timedelta:
    """By how much the clock was put back while no daemon was running, at least: less than nothing, or nothing."""
    alive = last_alive(session)
    return min(timedelta(0), now - alive) if alive is not None and alive - now >= LEAST else timedelta(0)


def move_waits(session: Session, moved: timedelta, now: datetime) -> None:
    """Let everything that waits in the store go along with a clock that was set by so much.

    Checks stay due where it was put ahead: nobody knows how much of it was time that passed, and to look once too
    often harms nothing.
    """
    back = moved < timedelta(0)
    since = ("failing_since", "suspected_at", "awaited_since")
    rows = session.execute(
        select(col(Target.id), col(Target.due_at), *(getattr(Target, name) for name in since)).where(
            col(Target.due_at).is_not(None)
        )
    )
    update_rows(
        session,
        Target,
        ("id", "due_at", *since),
        [(row.id, row.due_at + moved if back else row.due_at, *_along(row[2:], moved)) for row in rows],
    )
    if back:
        for portfolio in session.scalars(select(Portfolio).where(col(Portfolio.due_at) > now)):
            portfolio.due_at += moved
    outbox.move_waits(session, moved)
    telling.move_waits(session, moved, now)
    say_alive(session, now)


def _along(moments: tuple[datetime | None, ...], moved: timedelta) -> list[datetime | None]:
    return [at + moved if at is not None else None for at in moments]
