"""Where each key of a TOML text stands: its line.

``tomllib`` gives values without places, so this reads the same text for places only. It trusts ``tomllib`` to judge
the syntax: at the first thing it cannot follow it stops, and keeps the places found so far.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from contextlib import suppress
from typing import Final

Path = tuple[str | int, ...]
"""Where a value stands in the tree: ``("watch", 0, "packages", 2)``."""

DEEPEST: Final = 32

# Possessive throughout (`*+`): a hostile text cannot make these backtrack.
_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*+)*+")
_SPACE: Final = re.compile(r"[ \t]*+")
_KEY_PART: Final = re.compile(r"""[A-Za-z0-9_-]++|"(?:[^"\\\n]|\\[^\n])*+"|'[^'\n]*+'""")
_STRING: Final = re.compile(
    r'''"""(?:[^"\\]|\\.|""?(?!"))*+"{3,5}'''
    r"""|'{3}(?:[^']|''?(?!'))*+'{3,5}"""
    r"""|"(?:[^"\\\n]|\\[^\n])*+"|'[^'\n]*+'""",
    re.DOTALL,
)
_BARE_VALUE: Final = re.compile(r"[^,\]}#\r\n]++")


class TooDeep(ValueError):
    """The text nests deeper than any configuration does."""

    def __init__(self, line: int) -> None:
        super().__init__(f"nested more than {DEEPEST} deep")
        self.line = line


class _Lost(Exception):
    """This is no TOML that the locator can follow."""


def locate(text: str) -> dict[Path, int]:
    """The line (from 1) of every table, key and array element; TooDeep if the text nests beyond ``DEEPEST``.

    A key stands where it is written, a table where it is first named, an array element where it begins.
    """
    scanner = _Scanner(text)
    with suppress(_Lost):
        scanner.document()
    return scanner.places


def spans(text: str) -> dict[Path, tuple[int, int]]:
    """Where in the text each value begins and ends, brackets and quotes included."""
    scanner = _Scanner(text)
    with suppress(_Lost):
        scanner.document()
    return scanner.spans


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.places: dict[Path, int] = {}
        self.spans: dict[Path, tuple[int, int]] = {}
        self.table_counts: dict[Path, int] = {}
        self.line_ends = [match.start() for match in re.finditer("\n", text)]

    def document(self) -> None:
        table: Path = ()
        while True:
            self.skip(_BLANK)
            if self.at >= len(self.text):
                return
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table, depth=1)

    def header(self) -> Path:
        line = self.line()
        is_array = self.text.startswith("[[", self.at)
        self.at += 2 if is_array else 1
        *outer, last = self.key()
        self.expect("]]" if is_array else "]")
        path: Path = ()
        for part in outer:
            path = self.inside((*path, part))
            self.places.setdefault(path, line)
        path = (*path, last)
        self.places.setdefault(path, line)
        if is_array:
            count = self.table_counts.get(path, 0)
            self.table_counts[path] = count + 1
            path = (*path, count)
        else:
            path = self.inside(path)
        self.places.setdefault(path, line)
        return path

    def inside(self, path: Path) -> Path:
        """An array of tables is entered through its latest table."""
        count = self.table_counts.get(path)
        return path if count is None else (*path, count - 1)

    def pair(self, table: Path, depth: int) -> None:
        line = self.line()
        path = table
        for part in self.key():
            path = (*path, part)
            self.places.setdefault(path, line)
        self.expect("=")
        self.value(path, depth)

    def key(self) -> list[str]:
        parts: list[str] = []
        while True:
            self.skip(_SPACE)
            match = _KEY_PART.match(self.text, self.at)
            if not match:
                raise _Lost
            if len(parts) == DEEPEST:
                raise TooDeep(self.line())
            parts.append(_plain(match[0]))
            self.at = match.end()
            self.skip(_SPACE)
            if not self.text.startswith(".", self.at):
                return parts
            self.at += 1

    def value(self, path: Path, depth: int) -> None:
        self.skip(_SPACE)
        start = self.at
        self.any_value(path, depth)
        self.spans[path] = (start, self.at)

    def any_value(self, path: Path, depth: int) -> None:
        opening = self.text[self.at : self.at + 1]
        if opening and opening in "[{":
            if depth >= DEEPEST:
                raise TooDeep(self.line())
            self.at += 1
            if opening == "[":
                self.array(path, depth + 1)
            else:
                self.inline_table(path, depth + 1)
            return
        pattern = _STRING if opening in ('"', "'") else _BARE_VALUE
        match = pattern.match(self.text, self.at)
        if not match:
            raise _Lost
        self.at = match.start() + len(match[0].rstrip(" \t"))

    def array(self, path: Path, depth: int) -> None:
        index = 0
        while not self.closed_by("]"):
            self.places[*path, index] = self.line()
            self.value((*path, index), depth)
            index += 1
            self.separated("]")

    def inline_table(self, path: Path, depth: int) -> None:
        while not self.closed_by("}"):
            self.pair(path, depth)
            self.separated("}")

    def closed_by(self, bracket: str) -> bool:
        self.skip(_BLANK)
        if not self.text.startswith(bracket, self.at):
            return False
        self.at += 1
        return True

    def separated(self, bracket: str) -> None:
        self.skip(_BLANK)
        if self.text.startswith(",", self.at):
            self.at += 1
        elif not self.text.startswith(bracket, self.at):
            raise _Lost

    def expect(self, mark: str) -> None:
        self.skip(_SPACE)
        if not self.text.startswith(mark, self.at):
            raise _Lost
        self.at += len(mark)

    def skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        if match:
            self.at = match.end()

    def line(self) -> int:
        return bisect_left(self.line_ends, self.at) + 1


def _plain(part: str) -> str:
    if part[0] == "'":
        return part[1:-1]
    if part[0] == '"':
        try:
            return str(tomllib.loads(f"key = {part}")["key"])
        except tomllib.TOMLDecodeError:
            raise _Lost from None
    return part
