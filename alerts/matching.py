"""Whether an alert is meant by a matcher of a route. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final

from msgspec import Struct

from config.settings import Match
from config.severity import Severity
from config.values import BadValue, check_severity_match, severities_matching


class View(Struct, frozen=True):
    """What matchers see of an alert."""

    subject: str
    severity: Severity
    kinds: frozenset[str]
    ecosystem: str = ""
    owners: frozenset[str] = frozenset()
    watches: frozenset[str] = frozenset()


def matches(match: Match, view: View) -> bool:
    """All that the matcher states holds; a list means any of it; globs for subjects."""
    return not mismatch(match, view)


def mismatch(match: Match, view: View) -> str:
    """The first thing that the matcher states and that does not hold, in words; ``""`` where all of it holds."""
    if match.severity and view.severity not in severities_matching(match.severity):
        return f"severity is {view.severity}, not {match.severity}"
    for name, stated, present in (
        ("owner", match.owner, view.owners),
        ("watch", match.watch, view.watches),
        ("kind", match.kind, view.kinds),
        ("ecosystem", match.ecosystem, frozenset({view.ecosystem})),
        ("subject", match.subject, frozenset({view.subject})),
    ):
        wanted = _wanted(stated)
        if wanted and not any(fnmatchcase(one, pattern) for one in present for pattern in wanted):
            return f"{name} is {', '.join(sorted(filter(None, present))) or 'not stated'}, not {' or '.join(wanted)}"
    return ""


def _wanted(stated: str | tuple[str, ...]) -> tuple[str, ...]:
    return (stated,) if isinstance(stated, str) and stated else tuple(stated)


_FIELD: Final = re.compile(
    r"\s*(severity|owner|watch|kind|subject|ecosystem)\s*(>=|<=|!=|==|=|<|>)\s*(.*?)\s*", re.DOTALL
)


def parse_match(words: Iterable[str]) -> Match:
    """A matcher as a person types it: ``severity>=high kind=deprecated subject=pkg:npm/%40corp/*``.

    A field that stands twice means either value. BadValue says what is wrong.
    """
    fields: dict[str, list[str]] = {}
    for word in (part for words_ in words for part in words_.split()):
        found = _FIELD.fullmatch(word)
        if found is None or not found[3]:
            raise BadValue(
                f"{word[:80]!r} is no matcher",
                "write FIELD=VALUE with a field of severity, owner, watch, kind, subject and ecosystem",
            )
        name, sign, value = found[1], found[2], found[3]
        if name == "severity":
            value = value if sign in {"=", "=="} else f"{sign}{value}"
            check_severity_match(value)
            if name in fields:
                raise BadValue("severity stands twice", 'write one comparison, for example "severity>=high"')
        elif sign not in {"=", "=="}:
            raise BadValue(f"{word[:80]!r} compares what has no order", f"write {name}=VALUE")
        fields.setdefault(name, []).append(value)
    return Match.model_validate({name: given[0] if len(given) == 1 else given for name, given in fields.items()})
