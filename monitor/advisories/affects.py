"""Whether an advisory affects a version, by the algorithm of the OSV schema ("Evaluation"). Pure.

Ranges of commits are left out: they say nothing of a published version. What cannot be ordered is unknown and not
unaffected.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from monitor.advisories.model import Affected, Event, Range
from monitor.versions import pep440, semver_key

_SHORT: Final = re.compile(r"[v=]{0,2}(\d{1,9})(?:\.(\d{1,9}))?")
_RANK: Final = {"fixed": 0, "introduced": 1, "last_affected": 2}
"""Of events at one version: what is fixed and introduced again there is affected, what is last affected there too."""


def affects(ecosystem: str, affected: Sequence[Affected], version: str) -> bool | None:
    """Whether what an advisory says of a package includes this version of it; None where that cannot be told."""
    unknown = False
    for one in affected:
        if any(same(ecosystem, version, listed) for listed in one.versions):
            return True
        verdicts = [_in_range(ecosystem, found, version) for found in one.ranges]
        if True in verdicts:
            return True
        unknown = unknown or None in verdicts or not (one.versions or one.ranges)
    return None if unknown else False


def always(affected: Sequence[Affected]) -> bool:
    """Whether every version is affected, past and to come."""
    return any(
        {event.kind for event in found.events} == {"introduced"} and any(event.version == "0" for event in found.events)
        for one in affected
        for found in one.ranges
    )


def same(ecosystem: str, one: str, other: str) -> bool:
    """Whether two spellings are one version."""
    if one == other:
        return True
    key = order(ecosystem, one)
    return key is not None and key == order(ecosystem, other)


def order(ecosystem: str, version: str) -> Any:
    """Sorts as the ecosystem orders versions; None for what is no version there."""
    if ecosystem == "pypi":
        return pep440(version)
    key = semver_key(version)
    if key is None and (short := _SHORT.fullmatch(version)) is not None:
        key = semver_key(f"{short[1]}.{short[2] or 0}.0")
    return key


def _in_range(ecosystem: str, found: Range, version: str) -> bool | None:
    at = order(ecosystem, version)
    events = [_placed(ecosystem, event) for event in found.events]
    if at is None or not events or any(place is None for _, place in events):
        return None
    limits = [place for event, place in events if event.kind == "limit"]
    if limits and not any(place == () or at < place[0] for place in limits):
        return False
    vulnerable = False
    for event, place in sorted(events, key=_sorting):
        reached = place == () or at >= place[0]
        if event.kind == "introduced" and reached:
            vulnerable = True
        elif (event.kind == "fixed" and reached) or (event.kind == "last_affected" and reached and at != place[0]):
            vulnerable = False
    return vulnerable


def _placed(ecosystem: str, event: Event) -> tuple[Event, Any]:
    """The event with its place in the order: ``()`` is before all versions, or for a limit after all of them."""
    if (event.kind, event.version) == ("introduced", "0") or (event.kind == "limit" and "*" in event.version):
        return event, ()
    place = order(ecosystem, event.version)
    return event, None if place is None else (place,)


def _sorting(one: tuple[Event, Any]) -> tuple[Any, int]:
    event, place = one
    return place, _RANK.get(event.kind, 3)
