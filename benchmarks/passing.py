"""The time of a daemon in a process of its own: it passes, or its clock is set, as a test or benchmark says.

The clock is replaced for everything in that process, APScheduler and the database's driver included. Time that passes
moves the clock and what counts seconds; setting the clock moves only the clock.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import get_context
from typing import Any, Protocol

import time_machine
from aiohttp import connector

from config.clock import system_elapsed
from monitor import daemon
from monitor.cli import sweeping
from monitor.daemon import Daemon
from monitor.engine.alone import Alone

_context = get_context("forkserver")
_LOOK = 0.005
"""Seconds between looks at what is wanted."""
_TICK = 0.02
"""Seconds between ticks of the daemon, so that nobody need wait for them."""
_PARTS = ((Alone, "check_due"), (Daemon, "_deliver"), (Daemon, "_health"))
_SETTLED_WITHIN = 600.0


class Process(Protocol):
    def is_alive(self) -> bool: ...


class Time:
    """Shared between a test and its daemons, one after the other."""

    def __init__(self, at: datetime | None = None, tick: float = _TICK) -> None:
        """``at``: what the clock shows in the beginning, by default the real time; ``tick``: seconds of the daemon."""
        self._tick = tick
        self._set = _context.Value("d", (at - datetime.now(UTC)).total_seconds() if at else 0.0)
        self._passed = _context.Value("d", 0.0)
        self._asked = _context.Value("d", 0.0)
        self._settled = _context.Value("d", -1.0)
        self._blocks = _context.Value("d", 0.0)

    @property
    def prepare(self) -> Callable[[], None]:
        """What a daemon's process does before it begins."""
        return partial(_keep, self._set, self._passed, self._asked, self._settled, self._blocks, self._tick)

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._set.value + self._passed.value)

    def set_by(self, moved: timedelta) -> None:
        """The clock is set; no time passes by that."""
        self._set.value += moved.total_seconds()

    def passes(self, span: timedelta, process: Process, step: timedelta | None = None) -> None:
        """So much time passes, in steps after each of which the daemon has done what there was to do."""
        left = span
        while left > timedelta(0):
            one = min(left, step or span)
            self._passed.value += one.total_seconds()
            left -= one
            self.settle(process)

    def settle(self, process: Process) -> None:
        """Wait until the daemon knows the time, has looked at everything twice, and checks and sends nothing."""
        self._asked.value += 1
        end = time.monotonic() + _SETTLED_WITHIN
        while self._settled.value < self._asked.value:
            assert process.is_alive(), "the daemon died"
            assert time.monotonic() < end, "the daemon did not settle"
            time.sleep(_LOOK)

    def blocks(self, process: Process) -> int:
        """How many blocks of memory the settled daemon's Python holds."""
        self._blocks.value = -1
        self.settle(process)
        return int(self._blocks.value)


def _keep(set_by: Any, passed: Any, asked: Any, settled: Any, blocks: Any, tick: float) -> None:
    applied = [set_by.value + passed.value, passed.value]
    clock = time_machine.travel(datetime.now(UTC) + timedelta(seconds=applied[0]), tick=True).start()
    rounds: Counter[str] = Counter()
    daemons: list[Daemon] = []

    async def keep() -> None:
        # In the event loop, so that nobody there sees the clock moved and the seconds not.
        while True:
            if (wanted := set_by.value + passed.value) != applied[0]:
                clock.shift(wanted - applied[0])
                applied[:] = [wanted, passed.value]
            asking = asked.value
            if asking > settled.value and daemons:
                await _twice(rounds, daemons[0])
                if blocks.value < 0:
                    gc.collect()
                    blocks.value = sys.getallocatedblocks()
                settled.value = asking
            await asyncio.sleep(_LOOK)

    def running(original: Callable[..., Awaitable[None]]) -> Any:
        async def wrapped(*args: Any) -> None:
            keeping = asyncio.create_task(keep())
            await original(*args)
            keeping.cancel()

        return wrapped

    def counted(part: type, name: str) -> Any:
        original = getattr(part, name)

        async def wrapped(self: Any) -> None:
            if isinstance(self, Daemon):
                daemons[:] = [self]
            await original(self)
            rounds[name] += 1

        return wrapped

    # Connections and what is known of names grow old too.
    for module, name in ((sweeping, "system_elapsed"), (connector, "monotonic")):
        setattr(module, name, lambda: system_elapsed() + applied[1])
    sweeping._run = running(sweeping._run)
    daemon.TICK = daemon.HEALTH_EVERY = tick
    for part, name in _PARTS:
        setattr(part, name, counted(part, name))


async def _twice(rounds: Counter[str], running: Daemon) -> None:
    """Until each part has begun and ended anew, and nothing is being checked or sent."""
    for _ in range(2):
        before = Counter(rounds)
        # Nothing of the daemon's tells of this.
        while any(rounds[one] < before[one] + 2 for _, one in _PARTS) or running._parts.watcher.busy:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK)
        await running._parts.deliverer.settle()
