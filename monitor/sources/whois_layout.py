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
    re.compile(r"(?P<label>[^:：]{1,80}?)[\s.]*[:：](?!//)\s*(?P<value>.*)"),
    re.compile(r"(?P<label>\S.{1,40}?)\.{2,}\s*(?P<value>\S.*)"),
    re.compile(r"(?P<label>\S.{1,40}?)(?:\t\s*| {3,})(?P<value>\S.*)"),
    re.compile(r"(?P<label>\S.{1,40}? (?:on|at|until))\s+(?P<value>\S.*)", re.IGNORECASE),
)
_NO_STATEMENT: Final = re.compile(r"\s*(?:[%#]|>>>|notice|option )", re.IGNORECASE)
_HOST: Final = re.compile(r"(?:[\w-]+\.)+[a-z0-9-]{2,}\.?(?:\s|$)", re.IGNORECASE)
_NAMES: Final = re.compile(r"(?:name|organi[sz]ation(?: name)?|nombre|nom|registrar name)", re.IGNORECASE)


def statements(lines: Sequence[str]) -> Iterator[Statement]:
    """The facts that the lines of a reply state about the domain that was asked for, in their order."""
    heading: _Heading | None = None
    stated_registrar = other_object = False
    begins = True
    for number, line in enumerate(lines):
        text, indent = line.strip(), len(line) - len(line.lstrip())
        if not text or _NO_STATEMENT.match(line):
            begins = True
            other_object = other_object and bool(text)
            continue
        first, begins = begins, False
        servers = heading is not None and heading.fact == "nameserver" and _HOST.match(text)
        label, value = ("", "") if servers else _split(text)
        if label and not value:
            heading, other_object = _Heading(fact_of(label), about_others(label), indent, number), False
        elif label and heading is not None and indent > heading.indent:
            if heading.fact == "registrar" and _NAMES.fullmatch(label) and not stated_registrar:
                stated_registrar = True
                yield Statement("registrar", label, value)
            elif heading.fact == "nameserver":
                yield Statement("nameserver", label, value)
            elif not heading.other and (fact := fact_of(label)):
                yield Statement(fact, label, value)
        elif label:
            fact = fact_of(label)
            heading = _Heading(fact, False, indent, number) if fact == "nameserver" else None
            if first:
                other_object = heads_other_object(label, stated_registrar)
            if fact and (not other_object or fact == "nameserver"):
                stated_registrar |= fact == "registrar"
                yield Statement(fact, label, value)
        elif heading is not None and heading.fact and _belongs(heading, indent, number):
            if heading.fact != "registrar" or not stated_registrar:
                stated_registrar |= heading.fact == "registrar"
                yield Statement(heading.fact, "", text.lstrip("- "))
                heading = heading._replace(line=number)
        elif fact_of(text) or about_others(text):
            heading = _Heading(fact_of(text), about_others(text), indent, number)


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
