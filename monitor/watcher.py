"""Checks at work: a lane for each source, bounded at every point, and one recorder that groups what arrives together.

Nothing here holds what could be lost: a target stays due until its result is recorded.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import Callable, Iterable, Sequence
from random import Random

from msgspec.structs import replace

from config.clock import Clock
from config.log import log_of
from monitor import trail
from monitor.check import Checker
from monitor.observations import Package
from monitor.record import Lookup, Outcome, Recorder
from monitor.results import Failed, Result, Seen
from monitor.schedule import Due
from monitor.store.engine import Store, StoreError, StoreRefused

log = log_of("watcher")

BATCH = 1000
"""Most results in one transaction."""
HEAVY = 4000
"""Most releases in one transaction: observations are held in memory until they are written."""
GATHER = 0.25
"""Seconds to wait for more results before a transaction begins: a change costs some twenty statements, alone or not."""
WAITING = 200
"""Most results that wait for their transaction; then checks wait too."""
STORE_RETRY = (0.2, 1.0, 5.0)
"""Seconds between attempts to write while the database is locked, full or away; the last one is repeated."""


class Watcher:
    """Takes due targets, checks them with bounded concurrency, and records the results in groups."""

    def __init__(
        self,
        store: Store,
        checker: Checker,
        recorder: Recorder,
        clock: Clock,
        *,
        lanes: dict[str, int],
        rng: Random | None = None,
        on_outcome: Callable[[Outcome], None] | None = None,
        on_result: Callable[[Result], None] | None = None,
        on_checked: Callable[[Result, float], None] = lambda _result, _seconds: None,
    ) -> None:
        """``on_checked`` is told of each check when it ends, with the seconds that it took."""
        self._store = store
        self._checker = checker
        self.recorder = recorder
        self._clock = clock
        self._rng = rng or Random()
        self._width = lanes
        self._lanes = {name: asyncio.Queue[Due](maxsize=4 * width) for name, width in lanes.items()}
        self._filled: set[str] = set()
        """Lanes that were offered all that they take; more may be due."""
        self._results: asyncio.Queue[Result] = asyncio.Queue(maxsize=WAITING)
        self._busy: set[int] = set()
        self._ending = False
        self._awaited: dict[int, asyncio.Future[bool]] = {}
        """Who waits for which target; True once its result is recorded."""
        self._idle = asyncio.Event()
        self._idle.set()
        self._tasks: list[asyncio.Task[None]] = []
        self._on_outcome = on_outcome
        self._on_result = on_result
        self._on_checked = on_checked
        self.on_findings: Callable[[], None] = lambda: None
        """Called when something was recorded that people may have to hear."""
        self.on_room: Callable[[], None] = lambda: None
        """Called when a lane that was filled has little left, so that what is due besides need not wait for a tick."""
        self.recorded = 0
        """Results recorded since the start; the watchdog looks at it."""

    async def __aenter__(self) -> Watcher:
        # Documents make objects by the hundred thousand, none of them in cycles: looking for cycles at every 700 of
        # them takes a sixth of a first sweep (docs/performance.md).
        gc.freeze()
        gc.set_threshold(100_000, 20, 20)
        self._ending = False
        for name, width in self._width.items():
            self._tasks += [asyncio.create_task(self._work(self._lanes[name])) for _ in range(width)]
        self._tasks.append(asyncio.create_task(self._record()))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        self._leave_waiting()
        while not self._results.empty():
            self._results.get_nowait()
        for target in list(self._busy):
            self._end(target, recorded=False)

    @property
    def busy(self) -> frozenset[int]:
        """Targets that wait for their check, are being checked, or wait to be recorded."""
        return frozenset(self._busy)

    @property
    def lanes(self) -> tuple[str, ...]:
        return tuple(self._lanes)

    def room(self, lane: str) -> int:
        """How many more targets a lane takes now."""
        queue = self._lanes.get(lane)
        return queue.maxsize - queue.qsize() if queue else 0

    def offer(self, dues: Iterable[Due]) -> int:
        """Put targets into their lanes as far as there is room; how many were taken."""
        taken = 0
        for due in dues:
            queue = self._lanes.get(due.source)
            if queue is None or queue.full() or due.id in self._busy:
                continue
            queue.put_nowait(due)
            self._begin(due)
            taken += 1
            if queue.full():
                self._filled.add(due.source)
        return taken

    async def sweep(self, dues: Sequence[Due]) -> None:
        """Check all of these once and wait until the last result is recorded."""

        async def feed(name: str) -> None:
            for due in dues:
                if due.source == name and due.id not in self._busy:
                    self._begin(due)
                    await self._lanes[name].put(due)

        await asyncio.gather(*(feed(name) for name in self._lanes))
        await self._idle.wait()

    async def see_to(self, dues: Sequence[Due]) -> set[int]:
        """Check these, beside whatever else is under way; the targets that were left when the lanes were emptied."""
        left, waiting = {due.id for due in dues}, {}
        for due in dues:
            if self._ending:
                break
            if due.id not in self._busy:
                waiting[due.id] = self._awaited[due.id] = asyncio.get_running_loop().create_future()
                self._begin(due)
                await self._lanes[due.source].put(due)
        for target, ended in waiting.items():
            if await ended:
                left.discard(target)
        return left

    async def drain(self, seconds: float) -> None:
        """Finish what is under way, for at most so long; what waits in the lanes is left for another time."""
        self._leave_waiting()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()

    def _leave_waiting(self) -> None:
        self._ending = True
        for queue in self._lanes.values():
            while not queue.empty():
                self._end(queue.get_nowait().id, recorded=False)

    def _begin(self, due: Due) -> None:
        self._busy.add(due.id)
        self._idle.clear()

    def _end(self, target: int, *, recorded: bool = True) -> None:
        self._busy.discard(target)
        if (awaited := self._awaited.pop(target, None)) is not None and not awaited.done():
            awaited.set_result(recorded)
        if not self._busy:
            self._idle.set()

    async def _work(self, lane: asyncio.Queue[Due]) -> None:
        while True:
            due = await lane.get()
            if due.source in self._filled and lane.qsize() <= self._width[due.source]:
                self._filled.discard(due.source)
                self.on_room()
            due = replace(due, check=trail.check_id(self._clock(), self._rng))
            began = time.monotonic()
            try:
                result = await self._checker.check(due)
            except Exception as error:
                log.exception("check broke", check=due.check, subject=due.subject)
                result = Failed(due=due, at=self._clock(), host="weaklink", reason=f"internal: {type(error).__name__}")
            seconds = time.monotonic() - began
            self._on_checked(result, seconds)
            trail.answered(result, seconds)
            await self._results.put(result)

    async def _record(self) -> None:
        while True:
            batch = [await self._results.get()]
            weight = _weight(batch[0])
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GATHER):
                    while len(batch) < BATCH and weight < HEAVY and (len(batch) < len(self._busy)):
                        batch.append(await self._results.get())
                        weight += _weight(batch[-1])
            outcome = await self._recorded(batch)
            trail.recorded(batch, outcome)
            waiting = {lookup.seen.due.id for lookup in outcome.lookups}
            self.recorded += len(batch)
            for result in batch:
                if result.due.id not in waiting:
                    if self._on_result is not None:
                        self._on_result(result)
                    self._end(result.due.id)
            for lookup in outcome.lookups:
                task = asyncio.create_task(self._look_up(lookup))
                self._tasks.append(task)
                task.add_done_callback(self._tasks.remove)
            if outcome.findings:
                self.on_findings()
            if self._on_outcome is not None:
                self._on_outcome(outcome)

    async def _look_up(self, lookup: Lookup) -> None:
        """Learn more of an observation, within a deadline, while others are recorded; it comes back as a result."""
        try:
            seen = await self._checker.look_up(lookup.seen, lookup.names)
        except Exception:
            due = lookup.seen.due
            log.exception("new dependencies could not be looked up", check=due.check, subject=due.subject)
            seen = replace(lookup.seen, looked_up=True)
        await self._results.put(seen)

    async def _recorded(self, batch: Sequence[Result]) -> Outcome:
        """Record these together; one that cannot be recorded, by a mistake of ours, is found and holds up no other."""
        try:
            return await self._until_written(batch)
        except Exception:
            if len(batch) > 1:
                middle = len(batch) // 2
                return _joined(await self._recorded(batch[:middle]), await self._recorded(batch[middle:]))
            due = batch[0].due
            log.exception("check could not be recorded", check=due.check, subject=due.subject)
        failed = Failed(due=due, at=self._clock(), host="weaklink", reason="internal: it could not be recorded")
        try:
            return await self._until_written([failed])
        except Exception:
            log.exception("nor could the failure")
            await asyncio.sleep(STORE_RETRY[-1])
            return Outcome()

    async def _until_written(self, batch: Sequence[Result]) -> Outcome:
        """Write, and try again while the database cannot be written: what was fetched is not thrown away."""
        for attempt in range(1_000_000):
            try:
                return await self._store.write(
                    lambda session: self.recorder.record(session, batch, self._clock()),
                    turns=not self.recorder.changes_nothing(batch),
                )
            except StoreRefused:
                raise
            except StoreError:
                await asyncio.sleep(STORE_RETRY[min(attempt, len(STORE_RETRY) - 1)])
        raise StoreError("the database could not be written")  # pragma: no cover - a year of attempts


def _joined(one: Outcome, other: Outcome) -> Outcome:
    return Outcome(
        findings=one.findings + other.findings,
        lookups=one.lookups + other.lookups,
        suspected=one.suspected + other.suspected,
        first_seen=one.first_seen + other.first_seen,
    )


def _weight(result: Result) -> int:
    if isinstance(result, Seen) and isinstance(result.observation, Package):
        return len(result.observation.releases or ())
    return 0
