"""A signal and a signal that holds: one entry each in one table (``monitor.signals.table``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct, UnsetType

from config.severity import Severity


class Holds(Struct, frozen=True, kw_only=True):
    """A weak link that holds for one subject."""

    value: Any
    """JSON: the lapsed domains (W1), the scripts (W2), the last release (W3), a count (W4 to W6)."""
    threshold: Any = None
    """What the value crossed; None where any value is one too many."""
    since: datetime | None = None
    """Since when it holds at the source; None where the source does not say."""
    evidence: Mapping[str, Any] = {}
    cause: str = ""
    """The alert that it belongs to, where that is about something else than the signal: a domain, a release."""


Finding = Holds | None | UnsetType
"""What an evaluation gives: it holds, it is known not to hold, or nothing is known, which changes nothing."""


class Signal(Struct, frozen=True, kw_only=True):
    """One of the study's six weak links."""

    id: str
    name: str
    about: tuple[str, ...]
    """Sorts of subjects: ``package``, ``maintainer``."""
    severity: Severity
    """Of its raising. The study's survey endorsed W1 to W3."""
    source: str
    """Where the facts come from."""
    threshold: str
    """When it holds, in words."""
    says: Callable[[str, Holds, datetime], str]
    """One sentence about a subject, at a moment."""
    means: str
    """Why it matters, one sentence."""
    not_means: str
    """What must not be concluded from it."""
    advice: str
    shown: Callable[[Holds, datetime], Any] = lambda holds, _now: holds.value
    """The value as it is told at a moment: days of silence grow by themselves."""
