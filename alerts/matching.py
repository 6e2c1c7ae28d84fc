"""Whether an alert is meant by a matcher of a route. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from msgspec import Struct

from config.settings import Match
from config.severity import Severity
from config.values import severities_matching


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
    return not (
        (match.severity and view.severity not in severities_matching(match.severity))
        or not _any(match.owner, view.owners)
        or not _any(match.watch, view.watches)
        or not _any(match.kind, view.kinds)
        or not _any(match.ecosystem, {view.ecosystem})
        or not _glob(match.subject, view.subject)
    )


def _wanted(stated: str | tuple[str, ...]) -> tuple[str, ...]:
    return (stated,) if isinstance(stated, str) and stated else tuple(stated)


def _any(stated: str | tuple[str, ...], present: Iterable[str]) -> bool:
    wanted = _wanted(stated)
    return not wanted or any(fnmatchcase(one, pattern) for one in present for pattern in wanted)


def _glob(stated: str | tuple[str, ...], subject: str) -> bool:
    wanted = _wanted(stated)
    return not wanted or any(fnmatchcase(subject, pattern) for pattern in wanted)
