"""A distribution as a histogram: how often each value was seen. Pure; everything is exact, nothing is estimated."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from functools import cached_property
from itertools import accumulate
from math import ceil


class Distribution:
    """How many things have each value; with a total of something else that those things have, where it is known.

    Percentiles are nearest-rank: the smallest value that at least so many percent of the things do not exceed.
    """

    def __init__(self, bins: Iterable[tuple[int, int]] = (), totals: dict[int, tuple[int, int]] | None = None) -> None:
        self.bins = sorted((value, count) for value, count in bins if count)
        self.size = sum(count for _value, count in self.bins)
        self._totals = totals or {}
        """By value: sum of the other number, and of how many things it is known."""

    def __bool__(self) -> bool:
        return self.size > 0

    @cached_property
    def _below(self) -> list[int]:
        return list(accumulate(count for _value, count in self.bins))

    @property
    def mean(self) -> float | None:
        return sum(value * count for value, count in self.bins) / self.size if self.size else None

    @property
    def largest(self) -> int | None:
        return self.bins[-1][0] if self.bins else None

    def percentile(self, percent: float) -> int | None:
        """The value at a percentile (0 to 100); None where there is nothing."""
        rank = max(1, ceil(Fraction(str(percent)) * self.size / 100))
        return next((value for (value, _), below in zip(self.bins, self._below, strict=True) if below >= rank), None)

    def at_least(self, value: int) -> int:
        """How many things have this value or a greater one."""
        return sum(count for one, count in self.bins if one >= value)

    def at_most(self, value: int) -> int:
        return self.size - self.at_least(value + 1)

    def top(self, percent: float) -> list[tuple[int, int]]:
        """The bins of the greatest ``percent`` of the things, at least one of them; of a tie at the edge, a part."""
        left = max(1, ceil(Fraction(str(percent)) * self.size / 100))
        found = []
        for value, count in reversed(self.bins):
            taken = min(count, left)
            found.append((value, taken))
            left -= taken
            if not left:
                break
        return found

    def top_mean(self, percent: float) -> float | None:
        """The mean of the greatest ``percent`` of the values."""
        if not self.size:
            return None
        found = self.top(percent)
        return sum(value * count for value, count in found) / sum(count for _, count in found)

    def top_mean_of_totals(self, percent: float) -> float | None:
        """The mean of the other number over the things in the top; None where it is known of none of them.

        A bin that is only in part within the top counts with its own mean for that part.
        """
        total = known = Fraction(0)
        for value, taken in self.top(percent) if self.size else ():
            summed, of = self._totals.get(value, (0, 0))
            share = Fraction(taken, self.at_least(value) - self.at_least(value + 1))
            total += summed * share
            known += of * share
        return float(total / known) if known else None
