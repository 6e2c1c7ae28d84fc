"""A TOML text that is changed in place: one value in, one value out, and every other character stays.

tomlkit moves arrays of tables together that stand apart, and sets commas behind comments (0.15.2); the spans of
``config.locate`` allow the exact cut. Each edit is also made on the parsed values, and the text must say the same.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from config.locate import Path, spans

_GAP: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*+)*+")
_KEY_LINE: Final = re.compile(r"([ \t]*)[A-Za-z0-9_-]+[ \t]*=[ \t]*$")


class NotEditable(ValueError):
    """The text is written in a way in which the edit cannot be made exactly."""


class TomlText:
    """The text of one file while it is edited. The file must be valid TOML."""

    def __init__(self, before: bytes) -> None:
        self.before = before
        self.text = before.decode("utf-8-sig")
        self.meant: dict[str, Any] = tomllib.loads(self.text)
        self._newline = "\r\n" if "\r\n" in self.text else "\n"

    def proven(self) -> bytes:
        """The new content, with the old byte order mark; NotEditable unless it says exactly what was meant."""
        try:
            if tomllib.loads(self.text) != self.meant:
                raise NotEditable("the edit came out differently")
            mark = b"\xef\xbb\xbf" if self.before.startswith(b"\xef\xbb\xbf") else b""
            return mark + self.text.encode("utf-8")
        except ValueError as error:
            raise NotEditable(str(error)) from None

    def append_values(self, path: Path, values: Sequence[str], after: str) -> None:
        """Append to the array at ``path``, in its own style; a new one is begun below the key ``after``."""
        where = spans(self.text)
        table = self._table(path)
        present = table.setdefault(path[-1], [])
        written = [quoted(value) for value in values]
        if path not in where:
            self._insert_key(path, f"[{', '.join(written)}]", after)
        elif present:
            self._append_after(where[*path, len(present) - 1], written)
        else:
            self._fill(where[path], written)
        present.extend(values)

    def _append_after(self, last: tuple[int, int], written: Sequence[str]) -> None:
        start, end = last
        comma = self._comma(end)
        line_start = self.text.rfind("\n", 0, start) + 1
        indent = self.text[line_start:start]
        stop = end if comma is None else comma + 1
        rest = self._rest_of_line(stop)
        if indent.strip() or "]" in rest.partition("#")[0]:
            # On one line with its neighbours.
            if comma is None:
                self._cut(end, end, "".join(f", {item}" for item in written))
            else:
                self._cut(stop, stop, "".join(f" {item}," for item in written))
            return
        lines = [f"{self._newline}{indent}{item}," for item in written]
        if comma is None:
            lines[-1] = lines[-1][:-1]
        at = stop + len(rest)
        self._cut(at, at, "".join(lines))
        if comma is None:
            self._cut(end, end, ",")

    def _fill(self, array: tuple[int, int], written: Sequence[str]) -> None:
        start, end = array
        inside = self.text[start + 1 : end - 1]
        if "\n" not in inside:
            self._cut(start, end, f"[{', '.join(written)}]")
            return
        closing = self.text.rfind("\n", 0, end) + 1
        indent = re.match(r"[ \t]*", self.text[closing:end])
        step = f"{indent[0] if indent else ''}    "
        self._cut(closing, closing, "".join(f"{step}{item},{self._newline}" for item in written))

    def delete_value(self, path: Path) -> None:
        """Take one element out of an array, and its line and comment where it has a line of its own."""
        where = spans(self.text)
        *outer, index = path
        assert isinstance(index, int)
        array = tuple(outer)
        if path not in where:
            raise NotEditable("the element was not found")
        start, end = where[path]
        comma = self._comma(end)
        stop = end if comma is None else comma + 1
        line_start = self.text.rfind("\n", 0, start) + 1
        rest = self._rest_of_line(stop)
        following = where.get((*array, index + 1))
        previous = where.get((*array, index - 1))
        if (
            not self.text[line_start:start].strip()
            and re.fullmatch(r"\s*(#.*)?", rest)
            and "\n" not in self.text[end:stop]
        ):
            line_end = self.text.find("\n", stop)
            self._cut(line_start, line_end + 1 if line_end >= 0 else len(self.text), "")
        elif following and _blank(self.text[stop : following[0]]):
            self._cut(start, following[0], "")
        elif previous and "#" not in self.text[previous[1] : start]:
            self._cut(previous[1], end, "")
        else:
            self._cut(start, stop, "")
        del self._table(path)[index]

    def set_value(self, path: Path, value: str, after: str) -> None:
        """Set one key of a table; a new one stands below the key ``after``."""
        span = spans(self.text).get(path)
        if span:
            self._cut(*span, quoted(value))
        else:
            self._insert_key(path, quoted(value), after)
        self._table(path)[path[-1]] = value

    def append_table(self, key: str, table: Mapping[str, str]) -> int:
        """One more table in the array of tables ``key``, behind the last of them; its number."""
        where = spans(self.text)
        present: list[Any] = self.meant.setdefault(key, [])
        if (key,) in where:
            inline = "{ " + ", ".join(f"{name} = {quoted(value)}" for name, value in table.items()) + " }"
            if present:
                self._append_after(where[key, len(present) - 1], [inline])
            else:
                self._fill(where[key,], [inline])
        else:
            number = len(present) - 1
            ends = [end for path, (_, end) in where.items() if path[:2] == (key, number)]
            at = max(ends) + len(self._rest_of_line(max(ends))) if ends else len(self.text.rstrip())
            lines = [f"[[{key}]]", *(f"{name} = {quoted(value)}" for name, value in table.items())]
            gap = self._newline * 2 if self.text[:at].strip() else ""
            tail = "" if "\n" in self.text[at:] else self._newline
            self._cut(at, at, gap + self._newline.join(lines) + tail)
        present.append(dict(table))
        return len(present) - 1

    def _insert_key(self, path: Path, value: str, after: str) -> None:
        span = spans(self.text).get((*path[:-1], after))
        if not span:
            raise NotEditable(f"there is no {after}")
        start, end = span
        line_start = self.text.rfind("\n", 0, start) + 1
        match = _KEY_LINE.match(self.text[line_start:start])
        if match:
            at = end + len(self._rest_of_line(end))
            self._cut(at, at, f"{self._newline}{match[1]}{path[-1]} = {value}")
        else:
            self._cut(end, end, f", {path[-1]} = {value}")

    def _table(self, path: Path) -> Any:
        found: Any = self.meant
        for part in path[:-1]:
            found = found[part]
        return found

    def _comma(self, end: int) -> int | None:
        """Where the comma behind a value stands, if there is one."""
        gap = _GAP.match(self.text, end)
        at = gap.end() if gap else end
        return at if self.text.startswith(",", at) else None

    def _rest_of_line(self, at: int) -> str:
        line_end = self.text.find("\n", at)
        return self.text[at : line_end if line_end >= 0 else len(self.text)].rstrip("\r")

    def _cut(self, start: int, end: int, instead: str) -> None:
        self.text = f"{self.text[:start]}{instead}{self.text[end:]}"


def _blank(text: str) -> bool:
    return not text.strip(" \t")


def quoted(text: str) -> str:
    """A TOML basic string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
