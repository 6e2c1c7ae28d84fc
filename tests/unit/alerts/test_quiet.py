"""Quiet hours through the nights in which clocks are put ahead and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from alerts.quiet import quiet_until
from config.settings import QuietHours
from config.severity import Severity

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)
NIGHTS = {
    "ahead": datetime(2026, 3, 28, 20, tzinfo=BERLIN),
    "back": datetime(2026, 10, 24, 20, tzinfo=BERLIN),
}


@pytest.mark.parametrize("night", NIGHTS)
@pytest.mark.parametrize(
    ("start", "end"), [("22:00", "07:00"), ("22:00", "02:30"), ("02:15", "02:45"), ("02:30", "07:00")]
)
def test_quiet_hours_come_once_a_night_and_end_after_now(night: str, start: str, end: str) -> None:
    quiet = QuietHours(start=start, end=end)
    begin = NIGHTS[night].astimezone(UTC)
    moments = [begin + minute * MINUTE for minute in range(13 * 60)]
    until = [quiet_until(quiet, Severity.HIGH, now, "Europe/Berlin") for now in moments]
    assert all(end is None or end > now for now, end in zip(moments, until, strict=True))
    turns = sum(one is None and other is not None for one, other in pairwise(until))
    assert turns == 1
    assert len({end for end in until if end is not None}) == 1


@pytest.mark.parametrize(("night", "hours"), [("ahead", 8), ("back", 10)])
def test_a_night_is_as_long_as_it_is(night: str, hours: int) -> None:
    quiet = QuietHours(start="22:00", end="07:00")
    now = NIGHTS[night].replace(hour=22).astimezone(UTC)
    assert quiet_until(quiet, Severity.HIGH, now, "Europe/Berlin") == now + timedelta(hours=hours)
