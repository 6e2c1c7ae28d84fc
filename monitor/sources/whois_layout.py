"""What a WHOIS reply states, line by line: which fact, and its words. Pure.

Replies come in three shapes, often mixed: ``label: value`` (with dots, tabs, brackets or blanks between), a label alone
above lines of values, and blocks about people, registrars and name server sets that have dates and statuses of their
own. What such a block says of itself is never taken for a statement about the domain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from monitor.sources.whois_labels import about_others, fact_of, heads_other_object


class Statement(NamedTuple):
    """One value that a reply gives for one fact."""

    fact: str
    """A key of ``whois_labels.LABELS``."""
    label: str
    value: str


class _Heading(NamedTuple):
    """A label alone on its line, which speaks for the lines below it."""

    fact: str
    other: bool
    indent: int
    line: int


_LABELLED: Final = (
    re.compile(r"(?:[a-z](?:\.\s*|\s+))?\[\s*(?P<label>[^\]]{1,60}?)\s*\]\s*(?P<value>.*)", re.IGNORECASE),
    re.compile(r"(?P<label>[^:：]{1,80}?)[\s.]*[:：](?!//)[\s.]*(?P<value>.*)"),
    re.compile(r"(?P<label>\S.{1,40}?)\.{2,}\s*(?P<value>\S.*)"),
    re.compile(r"(?P<label>\S.{1,40}?)(?:\t\s*| {3,})(?P<value>\S.*)"),
    re.compile(r"(?P<label>\S.{1,40}? (?:on|at|until))\s+(?P<value>\S.*)", re.IGNORECASE),
)
_NO_STATEMENT: Final = re.compile(r"\s*(?:[%#]|>>>|notice|option )", re.IGNORECASE)
_HOST: Final = re.compile(r"(?:[\w-]+\.)+[a-z0-9-]{2,}\.?(?:\s|$)", re.IGNORECASE)
_BRACKET: Final = re.compile(r"(?:[a-z](?:\.\s*|\s+))?\[", re.IGNORECASE)
_NAMES: Final = re.compile(r"(?:name|organi[sz]ation(?: name)?|nombre|nom|registrar name)", re.IGNORECASE)


def statements(lines: Sequence[str]) -> Iterator[Statement]:
    """The facts that the lines of a reply state about the domain that was asked for, in their order."""
    reading = _Reading()
    for number, line in enumerate(lines):
        yield from reading.line(number, line)


class _Reading:
    """Where one reading of a reply has got to."""

    def __init__(self) -> None:
        self._heading: _Heading | None = None
        self._other_object = False
        """The block is about a contact or a registrar, not about the domain."""
        self._begins = True
        self._registrar_told = False

    def line(self, number: int, line: str) -> Iterator[Statement]:
        text, indent = line.strip(), len(line) - len(line.lstrip())
        if not text or _NO_STATEMENT.match(line):
            self._between(text)
            return
        heading = self._heading
        label, value = _split(text) if not (self._under("nameserver") and _HOST.match(text)) else ("", "")
        bracketed = _BRACKET.match(text) is not None
        if label and not value:
            # What stands below a bracketed heading is its own up to the next one, indented or not.
            self._open(label, -1 if bracketed else indent, number)
            self._other_object = False
        elif label and heading is not None and indent > heading.indent and not bracketed:
            yield from self._below(heading, label, value)
        elif label:
            yield from self._labelled(label, value, indent, number)
        elif heading is not None and heading.fact and _belongs(heading, indent, number):
            self._heading = heading._replace(line=number)
            yield from self._state(heading.fact, "", text.lstrip("- "), again=heading.fact != "registrar")
        elif fact_of(text) or about_others(text):
            self._open(text, indent, number)
        self._begins = False

    def _between(self, comment: str) -> None:
        """An empty line or a comment: what comes next begins something."""
        self._begins = True
        if not comment:
            self._other_object = False
            if self._heading is not None and self._heading.indent < 0:
                self._heading = None

    def _under(self, fact: str) -> bool:
        return self._heading is not None and self._heading.fact == fact

    def _open(self, label: str, indent: int, number: int) -> None:
        self._heading = _Heading(fact_of(label), about_others(label), indent, number)

    def _below(self, heading: _Heading, label: str, value: str) -> Iterator[Statement]:
        if heading.fact == "registrar" and _NAMES.fullmatch(label):
            yield from self._state("registrar", label, value, again=False)
        elif heading.fact == "nameserver":
            yield Statement("nameserver", label, value)
        elif not heading.other:
            yield from self._state(fact_of(label), label, value)

    def _labelled(self, label: str, value: str, indent: int, number: int) -> Iterator[Statement]:
        fact = fact_of(label)
        self._heading = _Heading(fact, False, indent, number) if fact == "nameserver" else None
        if self._begins:
            self._other_object = heads_other_object(label, self._registrar_told)
        if fact == "nameserver" or not self._other_object:
            yield from self._state(fact, label, value)

    def _state(self, fact: str, label: str, value: str, *, again: bool = True) -> Iterator[Statement]:
        if fact and (again or not self._registrar_told):
            self._registrar_told |= fact == "registrar"
            yield Statement(fact, label, value)


def _split(text: str) -> tuple[str, str]:
    """A line's label and value: where a known label ends, else at a colon; ``("", "")`` for a line without one."""
    found = [match for pattern in _LABELLED if (match := pattern.fullmatch(text)) is not None]
    for match in found:
        if match["value"] and fact_of(match["label"]):
            return match["label"], match["value"].strip()
    for match in found[:1]:
        if match.re is _LABELLED[0] or match.re is _LABELLED[1]:
            return match["label"], match["value"].strip()
    return "", ""


def _belongs(heading: _Heading, indent: int, number: int) -> bool:
    """Whether a line without a label is one of the heading's values: deeper than it, or right below it."""
    return indent > heading.indent or number == heading.line + 1 or heading.fact == "nameserver"
