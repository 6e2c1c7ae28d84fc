"""Jobs that run at every tick, however the clock is set, and at once where somebody knows that there is work.

APScheduler plans by the clock. Left alone, its jobs sleep for as long as a clock was put back, and a clock that was
put ahead has them count every tick that it skipped: minutes without an answer for one that began in 1970.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import wraps

from apscheduler.job import Job
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger


class Every(IntervalTrigger):  # type: ignore[misc]
    """An interval after which a job that is late runs once, now, whatever went by."""

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        return max(previous_fire_time + self.interval, now) if previous_fire_time else now


class Scheduler(AsyncIOScheduler):  # type: ignore[misc]
    """One whose jobs, all of them ``Every``, wait no longer than their interval."""

    def __init__(self) -> None:
        super().__init__(
            timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )

    def every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> Job:
        """Run ``work`` now and then at every so many seconds."""

        @wraps(work)
        async def run() -> None:
            # It is cancelled when the scheduler ends, which APScheduler would log as a failure of it.
            with suppress(asyncio.CancelledError):
                await work()

        return self.add_job(run, Every(seconds=seconds, timezone=UTC), next_run_time=_now())

    def wakeup(self) -> None:
        if self._eventloop is not None:
            self._eventloop.call_soon_threadsafe(self._hold_to_intervals)
        super().wakeup()

    def _hold_to_intervals(self) -> None:
        latest = _now() + timedelta(seconds=1)
        for job in self.get_jobs():
            if job.next_run_time is not None and job.next_run_time > latest + job.trigger.interval:
                job.modify(next_run_time=_now())


class Ticking:
    """One recurring job of a scheduler; never runs beside itself."""

    def __init__(self, scheduler: Scheduler, work: Callable[[], Awaitable[None]], seconds: float) -> None:
        self._work = work
        self._running = False
        self._again = False
        self._job = scheduler.every(seconds, self._run)

    def nudge(self) -> None:
        """Run now rather than at the next tick; once more afterwards, if it is running."""
        if self._running:
            self._again = True
        else:
            with suppress(JobLookupError):  # the scheduler has been told to end
                self._job.modify(next_run_time=_now())

    async def _run(self) -> None:
        self._running = True
        try:
            await self._work()
        finally:
            self._running = False
        if self._again:
            self._again = False
            self.nudge()


def _now() -> datetime:
    return datetime.now(UTC)
