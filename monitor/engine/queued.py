"""Due work done by workers: the engine of the daemon that leads on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlmodel import Session

from alerts.outbox import release_claims, waiting_channels
from config.clock import Clock
from config.log import log_of
from monitor.assembly import Assembly
from monitor.engine.condition import DEAD
from monitor.engine.queues import DELIVER, DELIVERIES, TARGETS, Deferring, prepare, queue_of
from monitor.engine.worker import Worker
from monitor.sources.politeness import HostHealth
from monitor.store import health as health_rows
from monitor.store.claims import claim_due, free_orphans

log = log_of("queues")

FEWEST: Final = 8
"""Jobs that wait in a queue at least, as far as there is work;"""
MOST: Final = 512
"""and at most: what waits there is checked in the order in which it came, so little should."""
GONE_AFTER: Final = 3600.0
"""Seconds after which a worker that gave no sign of life is no longer shown."""


class Queued:
    """Queues for the workers of any machine, one of which runs in this process unless it is told otherwise."""

    def __init__(self, parts: Assembly, clock: Clock, *, name: str) -> None:
        self._parts = parts
        self._clock = clock
        self._deferring = Deferring()
        self._depth = dict.fromkeys(TARGETS, FEWEST)
        self._worker = Worker(parts, clock, name=name) if parts.settings.workers.in_daemon else None
        self._working: asyncio.Task[None] | None = None

    async def start(self, nudge: Callable[[], None]) -> None:
        await asyncio.to_thread(prepare, self._parts.store)
        await self.keep()
        if self._worker is not None:
            self._parts.watcher.on_findings = nudge
            self._working = asyncio.create_task(self._worker.run())

    async def check_due(self) -> None:
        now = self._clock()
        await self._parts.store.write(lambda session: self._defer_checks(session, now), turns=False)

    def _defer_checks(self, session: Session, now: datetime) -> None:
        waiting = dict(session.execute(_WAITING).tuples().all())
        for source, size in TARGETS.items():
            queue, depth = queue_of(source), self._depth[source]
            there = waiting.get(queue, 0)
            defer = self._deferring.checks(source, told_of=self._parts.following.live(source))
            made = claim_due(session, source, now, max(0, depth - there), size, defer)
            # The queue was found empty although it had been filled: the workers could do more at a time.
            if there == 0 and made == depth:
                self._depth[source] = min(2 * depth, MOST)
            elif there > depth // 2:
                self._depth[source] = max(depth // 2, FEWEST)

    async def deliver_due(self, now: datetime) -> None:
        """Defer a delivery for each channel that is owed something and has none."""
        if await self._parts.store.read(lambda session: self._to_tell(session, now)):
            await self._parts.store.write(self._defer_deliveries(now), turns=False)

    def _defer_deliveries(self, now: datetime) -> Callable[[Session], None]:
        return lambda session: self._deferring.deliveries(session, self._to_tell(session, now))

    def _to_tell(self, session: Session, now: datetime) -> list[str]:
        waiting = waiting_channels(session, now)
        if not waiting:
            return []
        served = set(session.scalars(_SERVED, {"queue": DELIVERIES}))
        return [channel for channel in waiting if f"{DELIVER} {channel}" not in served]

    @property
    def advancing(self) -> bool:
        if self._worker is None or self._working is None:
            return True
        return self._worker.advancing and not self._working.done()

    async def hosts(self) -> list[HostHealth]:
        """Those that this process asks, and those that only workers do."""
        own = self._parts.health()
        names = {host.host for host in own}
        told = await self._parts.store.read(health_rows.told)
        return own + [host for host in told if host.host not in names]

    async def keep(self) -> None:
        """Take back what workers had that are dead, so that it is deferred anew."""
        now = self._clock()
        taken = await self._parts.store.write(lambda session: self._take_over(session, now))
        if taken:
            log.warning("the work of workers that are gone is taken over", jobs=taken)

    def _take_over(self, session: Session, now: datetime) -> int:
        dead: list[Any] = list(session.execute(_STALLED, {"dead": DEAD}))
        session.execute(_BURIED, {"dead": DEAD})
        session.execute(_FORGOTTEN, {"gone": GONE_AFTER})
        free_orphans(session, TARGETS, now)
        if channels := [job.channel for job in dead if job.queue_name == DELIVERIES]:
            release_claims(session, now, channels)
        return len(dead)

    async def stop(self, seconds: float) -> None:
        if self._worker is not None and self._working is not None:
            self._worker.stop()
            await asyncio.wait([self._working], timeout=seconds + 1.5)
            self._working.cancel()
            await asyncio.gather(self._working, return_exceptions=True)


_WAITING: Final = text("SELECT queue_name, count(*) FROM procrastinate_jobs WHERE status = 'todo' GROUP BY queue_name")
_SERVED: Final = text("SELECT lock FROM procrastinate_jobs WHERE queue_name = :queue AND status IN ('todo', 'doing')")
# Procrastinate would put such a job back into its queue: here it ends with its claims, so that whoever had it and
# comes back has nothing left to record.
_STALLED: Final = text(
    "DELETE FROM procrastinate_jobs AS job WHERE status = 'doing' AND NOT EXISTS (SELECT FROM procrastinate_workers AS "
    "hand WHERE hand.id = job.worker_id AND hand.last_heartbeat >= now() - make_interval(secs => :dead)) "
    "RETURNING queue_name, args ->> 'channel' AS channel"
)
_BURIED: Final = text("DELETE FROM procrastinate_workers WHERE last_heartbeat < now() - make_interval(secs => :dead)")
_FORGOTTEN: Final = text("DELETE FROM worker WHERE seen_at < now() - make_interval(secs => :gone)")
