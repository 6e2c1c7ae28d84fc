"""The one place where the time of day comes from, and the time that passes.

Everything that needs the time is handed a ``Clock``, so that a month runs in a second in tests and replays. What waits
or rests for a while counts by ``Elapsed``: a clock can be set, by a day or by half a century.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

Clock = Callable[[], datetime]
Elapsed = Callable[[], float]
"""Seconds since some moment in the past; no setting of the clock changes how they go by."""


def system_clock() -> datetime:
    """Now, in UTC and aware of it."""
    return datetime.now(UTC)


def system_elapsed() -> float:
    """Seconds since the machine was started, those included for which it slept."""
    return time.clock_gettime(_STEADY)


_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def parse_retry_after(stated: str, now: datetime) -> timedelta | None:
    """What ``Retry-After`` asks for (RFC 9110, 10.2.3), seconds or a date; None for what is neither. Not bounded."""
    stated = stated.strip()[:100]
    if stated.isascii() and stated.isdigit() and len(stated) < 10:
        return timedelta(seconds=int(stated))
    moment = http_date(stated)
    return None if moment is None else moment - now


def http_date(stated: str) -> datetime | None:
    """A date of a header (RFC 9110, 5.6.7) in UTC; None for what is none."""
    try:
        moment = parsedate_to_datetime(stated.strip()[:100])
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None
