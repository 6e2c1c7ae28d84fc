"""What is wrong with an input: counted by kind, and named by file and line where it was seen first.

A *place* is one integer: the number of the file, and the line (a row, for Parquet) in it. It identifies a record from
the reading to the report, and orders records as they were read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final

from msgspec import Struct, field

_LINE_BITS: Final = 40
MOST_FILES: Final = 1 << 23
NAMED: Final = 5
"""Places that are named of each kind of fault."""


def place(file: int, line: int) -> int:
    """The place of a line (from 1) in a file (from 0)."""
    return file << _LINE_BITS | line


def file_and_line(at: int) -> tuple[int, int]:
    return at >> _LINE_BITS, at & (1 << _LINE_BITS) - 1


class Fault(StrEnum):
    """How an input can be wrong; the value stands in the JSON."""

    BROKEN_FILE = "broken-file"
    BROKEN_LINE = "broken-line"
    LONG_LINE = "long-line"
    NO_NAME = "no-name"
    NO_VERSIONS = "no-versions"
    DUPLICATE = "duplicate"
    WRONG_TYPE = "wrong-type"
    BAD_DATE = "bad-date"
    EARLY_DATE = "early-date"
    FUTURE_DATE = "future-date"


LOST: Final = frozenset({Fault.BROKEN_FILE, Fault.BROKEN_LINE, Fault.LONG_LINE, Fault.NO_NAME})
"""Faults by which something could not be counted at all."""

WORDS: Final = {
    Fault.BROKEN_FILE: "could not be read to the end; what came before is counted",
    Fault.BROKEN_LINE: "no JSON object; not counted",
    Fault.LONG_LINE: "longer than a record may be; not counted",
    Fault.NO_NAME: "no package name; not counted",
    Fault.NO_VERSIONS: "no version is served any more; not counted",
    Fault.DUPLICATE: "a package that was read before; only the first is counted",
    Fault.WRONG_TYPE: "a value of a wrong type or size; taken for unknown",
    Fault.BAD_DATE: "no ISO 8601 date; taken for unknown",
    Fault.EARLY_DATE: "a date before 2009, when there was no registry; taken for unknown",
    Fault.FUTURE_DATE: "a date in the future; taken for unknown",
}
assert WORDS.keys() == set(Fault)


class Seen(Struct):
    count: int = 0
    places: list[int] = field(default_factory=list)
    """The first of them."""
    reason: str = ""
    """What was said of the first."""


class Faults:
    """Collects faults; every kind by column, if it is about one."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Fault, str], Seen] = {}

    def note(self, fault: Fault, places: Iterable[int], count: int = 1, *, column: str = "", reason: str = "") -> None:
        """``count`` faults, the first of them at ``places``."""
        if not count:
            return
        seen = self._seen.setdefault((fault, column), Seen())
        seen.count += count
        seen.places += list(places)[: NAMED - len(seen.places)]
        seen.reason = seen.reason or reason

    def __iter__(self) -> Iterator[tuple[Fault, str, Seen]]:
        for (fault, column), seen in sorted(self._seen.items(), key=lambda item: (list(Fault).index(item[0][0]), item)):
            yield fault, column, seen

    def count(self, *faults: Fault) -> int:
        return sum(seen.count for fault, _column, seen in self if fault in faults)
