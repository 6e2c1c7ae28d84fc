"""The one place where the time of day comes from.

Everything that needs the time is handed a ``Clock``, so that a month runs in a second in tests and replays.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Now, in UTC and aware of it."""
    return datetime.now(UTC)


def parse_retry_after(stated: str, now: datetime) -> timedelta | None:
    """What ``Retry-After`` asks for (RFC 9110, 10.2.3), seconds or a date; None for what is neither. Not bounded."""
    stated = stated.strip()[:100]
    if stated.isascii() and stated.isdigit() and len(stated) < 10:
        return timedelta(seconds=int(stated))
    try:
        moment = parsedate_to_datetime(stated)
    except (ValueError, TypeError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
