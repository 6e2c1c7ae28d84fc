"""How much others may say: libraries, and the pages, do not know how often somebody makes them say it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

MOST: Final = 20
"""Lines of one kind in one window."""
WINDOW: Final = 60.0
"""Seconds."""
MOST_KINDS: Final = 500
"""Kinds in one window; of more nothing is said. A library that puts values into its words makes many."""


class Allowance(logging.Filter):
    """Lets through so many lines of one kind in each window; the first one later says how many were left out.

    What weaklink says of its own work is bounded where it is said, and always let through.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._began = monotonic()
        self._counts: dict[tuple[str, str], int] = {}
        self._left_out = 0

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("weaklink.") and record.name != "weaklink.web":
            return True
        if self._monotonic() - self._began >= WINDOW:
            self._began = self._monotonic()
            self._counts = {}
        kind = record.name, str(record.msg)[:200]
        count = self._counts.get(kind, 0)
        if count >= MOST or (not count and len(self._counts) >= MOST_KINDS):
            self._left_out += 1
            return False
        self._counts[kind] = count + 1
        if self._left_out and not count:
            record.fields = {**getattr(record, "fields", {}), "left_out": self._left_out}
            self._left_out = 0
        return True
