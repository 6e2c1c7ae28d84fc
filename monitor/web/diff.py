"""A before and an after side by side: which parts went, which came, which stayed. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any, Final

from alerts.messages.escape import visible
from alerts.messages.render import said

LONGEST: Final = 4000
MOST_ROWS: Final = 60

Row = tuple[str, str]
"""``-``, ``+`` or ``=`` and a text that can be shown."""


def diff_rows(before: Any, after: Any) -> list[Row]:
    """Rows that went, came and stayed; parts of lists and tables are compared by themselves, texts line by line."""
    rows = list(_rows(_parts(before), _parts(after)))
    left = len(rows) - MOST_ROWS
    return rows if left <= 0 else [*rows[:MOST_ROWS], ("=", f"… and {left} more")]


def _rows(before: list[str], after: list[str]) -> Iterator[Row]:
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for what, first, last, start, end in matcher.get_opcodes():
        if what == "equal":
            yield from (("=", part) for part in before[first:last])
        else:
            yield from (("-", part) for part in before[first:last])
            yield from (("+", part) for part in after[start:end])


def _parts(value: Any) -> list[str]:
    if value is None or value in ("", [], {}, ()):
        return []
    if isinstance(value, dict):
        parts = [f"{name}: {part if isinstance(part, str) else said(part)}" for name, part in value.items()]
    elif isinstance(value, (list, tuple)):
        parts = [part if isinstance(part, str) else said(part) for part in value]
    else:
        parts = str(value).split("\n")
    return [visible(part, LONGEST) for part in parts[: 4 * MOST_ROWS]]
