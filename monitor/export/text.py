"""Rows as text: CSV that no spreadsheet runs, and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from alerts.messages.escape import visible
from monitor.spans import iso


def as_json(rows: list[dict[str, Any]]) -> str:
    """As ``--json`` prints it."""
    return json.dumps(rows, default=_plain)


def as_jsonl(rows: Iterable[dict[str, Any]]) -> str:
    """A line for each row, in ASCII, so that nothing in it moves a terminal."""
    return "".join(json.dumps(row, default=_plain, separators=(",", ":")) + "\n" for row in rows)


def as_csv(columns: Sequence[str], rows: Iterable[dict[str, Any]], *, head: bool = True) -> str:
    """RFC 4180; what a spreadsheet would take for a formula is made text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    if head:
        writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row.get(column)) for column in columns])
    return text.getvalue()


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, (int, float)):
        return value
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        value = "; ".join(value)
    text = value if isinstance(value, str) else json.dumps(value, default=_plain)
    # In a cell, only the end of a line means anything; a terminal that prints the file must not be moved by it.
    text = "\n".join(visible(line, len(line)) for line in text.replace("\x00", "").split("\n"))
    # A cell that begins like this is run by spreadsheets; strangers write what stands in ours.
    return f"'{text}" if text.lstrip()[:1] in _FORMULA or text[:1] == "\n" else text


_FORMULA: Final = frozenset("=+-@＝＋－＠")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
