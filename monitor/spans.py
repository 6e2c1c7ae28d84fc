"""Lengths of time in words, and moments as JSON has them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import overload


def span(time: timedelta) -> str:
    """A length of time in its largest whole unit: ``3 hours``, ``2 years``."""
    seconds = int(time.total_seconds())
    for name, length in (("year", 31_556_952), ("month", 2_629_746), ("day", 86_400), ("hour", 3600), ("minute", 60)):
        if count := seconds // length:
            return f"{count} {name}{'s' if count > 1 else ''}"
    return f"{seconds} second{'' if seconds == 1 else 's'}"


def ago(moment: datetime | None, now: datetime) -> str:
    """``3 hours ago``; ``never`` for None, ``in 5 days`` for what is still to come."""
    if moment is None:
        return "never"
    words = span(abs(now - moment))
    return f"{words} ago" if moment <= now else f"in {words}"


@overload
def iso(moment: datetime) -> str: ...
@overload
def iso(moment: datetime | None) -> str | None: ...
def iso(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC with ``Z``, to the second; None stays None."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None
