"""The lanes of checks: what is due besides those that a lane takes at once waits for room, not for a tick."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any, cast

from alerts.routing import Policy
from config.settings import Settings
from monitor.check import Checker
from monitor.record import Outcome, Recorder
from monitor.results import Result, Unchanged
from monitor.schedule import Due
from monitor.store.engine import Store
from monitor.validators import Validators
from monitor.watcher import Watcher

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
WIDTH = 2
TAKES = 4 * WIDTH


class Sources:
    """All of them say that nothing has changed."""

    async def check(self, due: Due) -> Result:
        await asyncio.sleep(0)
        return Unchanged(due=due, at=NOW, validators=Validators())


class Nowhere:
    """A store that takes everything and keeps nothing."""

    async def write(self, _work: Callable[..., Any], *, turns: bool = True) -> Outcome:
        return Outcome()


def watcher() -> Watcher:
    recorder = Recorder(Settings(), cast("Policy", None), Random(0))
    return Watcher(
        cast("Store", Nowhere()), cast("Checker", Sources()), recorder, lambda: NOW, lanes={"npm": WIDTH}, rng=Random(0)
    )


def dues(count: int) -> list[Due]:
    return [Due(id=number, subject=f"pkg:npm/p{number}", sort="package", source="npm") for number in range(count)]


async def test_a_lane_that_was_filled_is_filled_again_before_it_is_empty() -> None:
    left, found = dues(10 * TAKES), []

    async with watcher() as lanes:

        def refill() -> None:
            found.append(TAKES - lanes.room("npm"))
            del left[: lanes.offer(left)]

        lanes.on_room = refill
        refill()
        async with asyncio.timeout(30):
            while lanes.recorded < 10 * TAKES:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
    assert found[0] == 0
    assert set(found[1:]) == {WIDTH}, "neither too early, which costs a look for each check, nor when all are idle"


async def test_a_lane_that_had_room_asks_for_nothing() -> None:
    async with watcher() as lanes:
        asked: list[bool] = []
        lanes.on_room = lambda: asked.append(True)
        lanes.offer(dues(TAKES - 1))
        async with asyncio.timeout(30):
            while lanes.recorded < TAKES - 1:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
    assert not asked
