"""Answers that take a look at everything: looked for again only when they are old by many times what they cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from config.clock import Elapsed, system_elapsed

T = TypeVar("T")

RESTS: Final = 100
"""Times as long as the look took, for which its answer is good: it takes a hundredth of a processor core at most, and
a small store, of which it takes milliseconds, is looked at nearly every time."""
AT_MOST: Final = 600.0
"""Seconds."""


class Sparing(Generic[T]):
    """The answer to one question."""

    def __init__(self, elapsed: Elapsed = system_elapsed) -> None:
        self._elapsed = elapsed
        self._known: tuple[T, float, float] | None = None
        """The answer, when it was looked for, and until when it is good."""

    def get(self, look: Callable[[], T]) -> tuple[T, float]:
        """The answer, and its age in seconds."""
        began = self._elapsed()
        if self._known is None or began >= self._known[2]:
            found = look()
            took = self._elapsed() - began
            self._known = (found, began, began + min(RESTS * took, AT_MOST))
        found, at, _ = self._known
        return found, self._elapsed() - at
