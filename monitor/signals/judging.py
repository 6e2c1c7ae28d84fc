"""Stored measures judged by the thresholds in force. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from msgspec import UNSET, Struct
from msgspec.structs import replace

from config.settings import Thresholds
from monitor.signals.limits import Cut, too_many
from monitor.signals.model import Finding, Holds
from monitor.signals.w3_silence import silent

Judge = Callable[[Holds | None], Finding]
"""Given what holds now, what is found."""

COUNTED: Final = {"W4": "maintainers", "W5": "contributors", "W6": "packages_per_maintainer"}
"""Signals that are counts, and the threshold of each."""


class Judging(Struct, frozen=True):
    """The thresholds in force at a moment."""

    thresholds: Thresholds
    now: datetime
    relative: Mapping[str, int | None] | None
    """The watched set's percentiles; None before they were taken for the first time, when no count is judged."""

    def cut(self, signal: str) -> Cut | None:
        """The threshold of a count."""
        if self.relative is None:
            return None
        return Cut(getattr(self.thresholds, COUNTED[signal]), self.relative.get(signal))

    def silence(self, last: int | None, cause: str = "", *, certain: bool = True) -> Judge:
        """W3, from seconds since 1970; where a later release may have no date, it can only be known not to hold."""
        at = None if last is None else datetime.fromtimestamp(last, UTC)
        found = silent(at, self.thresholds.inactive_after, self.now)
        if isinstance(found, Holds) and not certain:
            found = UNSET
        return always(replace(found, cause=cause) if isinstance(found, Holds) else found)

    def count(self, signal: str, value: int | None, counted_by: str = "") -> Judge:
        """W4 to W6; who counted stands in the evidence where it says so."""
        cut = self.cut(signal)

        def judge(held: Holds | None) -> Finding:
            if value is None or cut is None:
                return UNSET
            found = too_many(value, cut, held)
            if found is None or not counted_by:
                return found
            return replace(found, evidence={**found.evidence, "counted_by": counted_by})

        return judge


def always(found: Finding) -> Judge:
    """A judgement that does not depend on what held before."""
    return lambda _held: found
