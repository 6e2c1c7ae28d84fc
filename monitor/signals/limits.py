"""When a count is too many: absolute, relative to what is watched, and without flapping. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from monitor.signals.model import Holds

RELIEF: Final = 0.9
"""A signal that holds clears below this part of the threshold that raised it."""
DEADBAND: Final = 0.1
"""The watched set's percentile is taken over only when it moved by more than this part."""


class Cut(Struct, frozen=True):
    """A threshold in force."""

    absolute: int
    relative: int | None = None
    """The count at the configured percentile of what is watched; None while too little is watched for one."""

    @property
    def at(self) -> int:
        return max(self.absolute, self.relative or 0)


def percentile(counts: Mapping[int, int], percent: float) -> int | None:
    """The nearest-rank percentile of a histogram (count by value); None where nothing could lie above it.

    Of fewer than a hundred values none is beyond the 99th percentile, so only the absolute threshold counts.
    """
    total = sum(counts.values())
    if total * (100 - percent) < 100:
        return None
    rank = total * percent / 100
    seen = 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= rank:
            return value
    return None


def settled(kept: int | None, fresh: int | None) -> int | None:
    """The percentile to go on with: the kept one, unless the fresh one differs by more than jitter."""
    if kept is None or fresh is None:
        return fresh
    return fresh if abs(fresh - kept) > DEADBAND * kept else kept


def too_many(count: int, cut: Cut, held: Holds | None) -> Holds | None:
    """Whether a count is too many.

    One that was too many stays so until it falls clearly below what raised it, however the watched set moves; only
    another absolute threshold in the configuration is applied at once.
    """
    if count >= cut.at:
        # The threshold that raised it stays with it: a moving percentile must not make news.
        threshold = held.threshold if held and _same(cut, held) and count >= held.threshold else cut.at
        return _holds(count, threshold, cut)
    if held is not None and _same(cut, held) and count >= RELIEF * held.threshold:
        return _holds(count, held.threshold, cut)
    return None


def _same(cut: Cut, held: Holds) -> bool:
    return bool(held.evidence.get("absolute") == cut.absolute)


def _holds(count: int, threshold: int, cut: Cut) -> Holds:
    return Holds(value=count, threshold=threshold, evidence={"absolute": cut.absolute, "percentile": cut.relative})
