"""How a worker is doing, as it knows itself."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

DEAD: Final = 15.0
"""Seconds without a sign of life that the database took, after which others have a worker's work."""


class Condition(Struct, frozen=True, kw_only=True):
    """What a worker tells of itself; the store tells the rest, once for all."""

    jobs: int
    """That it has in hand."""
    doing: int
    """Targets that it is checking, and channels that it is sending to."""
    unheard: float | None
    """Seconds since the database last heard of it; None: it never did."""
    advancing: bool
    """Whether what it has in hand moves."""
    differs: bool
    """It was configured otherwise than the leader."""

    @property
    def wrong(self) -> str:
        """Why it is of no use now; empty where it works, or waits for work."""
        if self.unheard is None:
            return "the database has not heard of this worker yet"
        if self.unheard >= DEAD:
            return f"the database has not heard of this worker for {self.unheard:.0f} s"
        return "" if self.advancing else "what it has in hand does not move"
