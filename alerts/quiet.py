"""Hours in which people are left alone, unless it is grave. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from config.settings import QuietHours
from config.severity import Severity
from config.values import parse_days


def quiet_until(quiet: QuietHours | None, severity: Severity, now: datetime, timezone: str) -> datetime | None:
    """When the quiet hours in force at ``now`` end (UTC); None where it may be told now.

    The hours belong to the day on which they begin: ``22:00`` to ``07:00`` with ``days = "fri"`` ends on Saturday.
    A time that comes twice when clocks are put back counts where it comes first; one that is skipped, an hour later.
    """
    if quiet is None or severity >= quiet.unless:
        return None
    zone = ZoneInfo(timezone)
    here = now.astimezone(zone)
    days = parse_days(quiet.days)
    start, end = time.fromisoformat(quiet.start), time.fromisoformat(quiet.end)
    for begun in (here.date(), here.date() - timedelta(days=1)):
        last = begun + timedelta(days=1) if end <= start else begun
        # In UTC: within one zone Python compares what the clocks on the wall show.
        begins = datetime.combine(begun, start, zone).astimezone(UTC)
        ends = datetime.combine(last, end, zone).astimezone(UTC)
        if begun.weekday() in days and begins <= now < ends:
            return ends
    return None
