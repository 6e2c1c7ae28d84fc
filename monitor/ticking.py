"""A job that runs at every tick, and at once where somebody knows that there is something to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime

from apscheduler.job import Job
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.asyncio import AsyncIOScheduler


class Ticking:
    """One recurring job of a scheduler; never runs beside itself."""

    def __init__(self, scheduler: AsyncIOScheduler, work: Callable[[], Awaitable[None]], seconds: float) -> None:
        self._work = work
        self._running = False
        self._again = False
        self._job: Job = scheduler.add_job(self._run, trigger="interval", seconds=seconds, next_run_time=_now())

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
