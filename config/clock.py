"""The one place where the time of day comes from.

Everything that needs the time is handed a ``Clock``, so that a month runs in a second in tests and replays.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Now, in UTC and aware of it."""
    return datetime.now(UTC)
