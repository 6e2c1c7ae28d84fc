"""The simulated month of ``benchmarks.noise``, made small: a week of 120 packages with all that is grave in it."""

from __future__ import annotations

from datetime import timedelta

from benchmarks.month import Month
from benchmarks.noise import lost, take_overs, twice


async def test_a_week_tells_all_that_must_be_heard_once_and_little_else() -> None:
    month = await Month(packages=120, days=7).run()
    assert lost(month) == []
    assert twice(month) == []
    told = list(take_overs(month))
    assert len(told) == 3
    for event, first in told:
        assert first is not None, event
        assert first.at - event.at < timedelta(hours=2, minutes=30), event
    # One of them while the chat took nothing.
    assert {first.channel for _, first in told if first is not None} == {"chat", "mail"}
    assert len(month.received) < 40
