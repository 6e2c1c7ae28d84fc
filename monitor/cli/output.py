"""How the command line speaks: tables for people, one JSON document for programs, nothing hostile to a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape as escape_markup
from rich.table import Table
from rich.text import Text

from alerts.messages.escape import visible
from config.secrets import masked
from config.severity import Severity
from monitor.spans import iso

STYLES = {
    Severity.INFO: "dim",
    Severity.LOW: "cyan",
    Severity.MEDIUM: "yellow",
    Severity.HIGH: "bold red",
    Severity.CRITICAL: "bold white on red",
}

out = Console(highlight=False, soft_wrap=False)
err = Console(stderr=True, highlight=False)


def write_json(document: Any) -> None:
    """One JSON document on standard output. Control and bidi characters are escaped, so a terminal shows them."""
    json.dump(document, sys.stdout, indent=2, ensure_ascii=True, default=_plain)
    sys.stdout.write("\n")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Severity):
        return str(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def note(text: str) -> None:
    """A diagnostic on standard error: one line, however long, so that programs find it again."""
    err.print(Text(visible(masked(text))), soft_wrap=True)


def say(text: str = "", style: str = "") -> None:
    """A line on standard output; ``text`` may come from anywhere."""
    out.print(Text(visible(text), style=style))


def cell(value: Any, style: str = "") -> Text:
    return Text(visible(str(value)) if value is not None else "", style=style)


def severity_cell(severity: Severity) -> Text:
    return Text(str(severity), style=STYLES[severity])


def table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "", *, numbers: Collection[str] = ()
) -> None:
    """A table without lines around it: one header, aligned columns (``numbers`` to the right), long cells folded."""
    grid = Table(
        *(escape_markup(name) for name in columns),
        title=title or None,
        title_justify="left",
        box=None,
        header_style="bold",
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    for name, column in zip(columns, grid.columns, strict=True):
        column.justify = "right" if name in numbers else "left"
        column.overflow = "fold"
    for row in rows:
        grid.add_row(*(value if isinstance(value, Text) else cell(value) for value in row))
    out.print(grid)
