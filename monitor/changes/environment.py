"""The way of publishing beside a package's own habit (domain facts, F: stolen tokens leave the account right).

Each fact has a direction: a build that gains provenance, a commit or a newer toolchain is an honest day, one that
loses them is the other kind. npm comes with Node, so both together are one fact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final

from msgspec import UNSET, UnsetType

from config.severity import Severity
from monitor.accounts import is_person
from monitor.changes.model import Change
from monitor.changes.prior import Prior, line_of
from monitor.observations import Release

LEARNED: Final = 5
"""A habit needs so many releases in which the fact is known."""
STEADY: Final = 0.9
"""Share of them that must agree."""
ENOUGH: Final = 2
"""So many facts must differ at once: any one alone changes on honest days."""
MUCH: Final = 3
"""From so many on it is more than odd."""
AWAY: Final = timedelta(days=365)
"""An account that did not publish for so long, and does, is a fact; at its first release ever it is a change."""
TOGETHER: Final = timedelta(hours=1)
TIMES: Final = 3
"""Files or bytes: so many times as much, or as little."""

Difference = dict[str, Any]


def environment_changed(release: Release, prior: Prior, purl: str) -> Iterator[Change]:
    """Two or more facts of how it was published differ from what this package has always done.

    Prereleases are often made by hand, and no range takes them: they have no habit.
    """
    if line_of(release.version)[1]:
        return
    recent = [one for one in prior.recent if not line_of(one.version)[1]]
    differing = {name: found for name, tell in _FACTS.items() if (found := tell(release, recent, prior)) is not None}
    # A newer machine, another hour and more files are too weak to be all there is.
    if len(differing) >= ENOUGH and differing.keys() - _WEAK:
        yield Change(
            kind="publish-environment-changed",
            subject=purl,
            before={name: fact["usual"] for name, fact in differing.items()},
            after={name: fact["now"] for name, fact in differing.items()},
            version=release.version,
            severity=Severity.MEDIUM if len(differing) >= MUCH else None,
            evidence={"facts": sorted(differing), "learned_from": len(recent)},
        )


def _lost(tell: Callable[[Release], bool | None]) -> Callable[[Release, list[Release], Prior], Difference | None]:
    """Something that nearly every release had, the last one too, and this one has not."""

    def find(release: Release, recent: list[Release], _: Prior) -> Difference | None:
        known = [value for one in recent if (value := tell(one)) is not None]
        if tell(release) is not False or len(known) < LEARNED or not known[-1]:
            return None
        return {"usual": "present", "now": "absent"} if sum(known) >= STEADY * len(known) else None

    return find


def _has(fact: str | UnsetType) -> bool | None:
    return None if fact is UNSET else bool(fact)


def _toolchain(older: bool) -> Callable[[Release, list[Release], Prior], Difference | None]:
    """npm and Node in major versions that this package never used: newer ones, or older than at its last release."""

    def find(release: Release, recent: list[Release], _: Prior) -> Difference | None:
        known = [pair for one in recent if (pair := _versions(one)) is not None]
        now = _versions(release)
        if now is None or len(known) < LEARNED or now in known:
            return None
        usual, count = Counter(known).most_common(1)[0]
        back = now[0] < known[-1][0] or now[1] < known[-1][1]
        if back is not older or count < STEADY * len(known):
            return None
        return {"usual": _words(usual), "now": _words(now)}

    return find


def _versions(release: Release) -> tuple[int, int] | None:
    """Major numbers of npm and Node; 0 for one that is not told, None where neither is or it is another tool."""
    npm, node = (_major(fact) for fact in (release.npm_version, release.node_version))
    return None if npm is None and node is None else (npm or 0, node or 0)


def _major(fact: str | UnsetType) -> int | None:
    digits = "" if fact is UNSET else fact.lstrip("v").partition(".")[0]
    return int(digits) if digits.isdecimal() and len(digits) < 6 else None


def _words(pair: tuple[int, int]) -> str:
    return ", ".join(f"{name} {major}" for name, major in zip(("npm", "node"), pair, strict=True) if major)


def _account(release: Release, recent: list[Release], prior: Prior) -> Difference | None:
    """A person who published long ago, comes back while others did the work, and is no newcomer."""
    publisher = release.publisher
    if publisher is UNSET or not is_person(publisher) or publisher.name not in prior.publishers:
        return None
    if release.published_at is UNSET or len(recent) < LEARNED:
        return None
    last = prior.last_published.get(publisher.name)
    if last is None or release.published_at - last < AWAY:
        return None
    since = [one for one in recent if one.published_at is not UNSET and one.published_at > last]
    others = {one.publisher.name for one in since if one.publisher is not UNSET}
    return {"usual": sorted(others), "now": f"{publisher.name}, last on {last:%Y-%m-%d}"} if others else None


def _lines(release: Release, recent: list[Release], prior: Prior) -> Difference | None:
    """Another release line within the hour, where that never happened: a token used on every branch."""
    if release.published_at is UNSET or prior.lines_together or len(recent) < LEARNED:
        return None
    here = line_of(release.version)[0]
    near = [
        one.version
        for one in recent
        if one.published_at is not UNSET
        and abs(release.published_at - one.published_at) <= TOGETHER
        and line_of(one.version)[0] != here
    ]
    return {"usual": "one line at a time", "now": f"within an hour of {near[-1]}"} if near else None


def _hour(release: Release, recent: list[Release], _: Prior) -> Difference | None:
    """More than six hours, around the clock, from every release of the habit."""
    if release.published_at is UNSET:
        return None
    hours = [one.published_at.hour for one in recent if one.published_at is not UNSET]
    if len(hours) < 2 * LEARNED:
        return None
    now = release.published_at.hour
    if min(min((now - hour) % 24, (hour - now) % 24) for hour in hours) > 6:
        return {"usual": f"{min(hours)}-{max(hours)} h UTC", "now": f"{now} h UTC"}
    return None


def _contents(release: Release, recent: list[Release], _: Prior) -> Difference | None:
    """So many times more, or fewer, files or bytes than usual."""
    for unit, tell in _UNITS:
        counts = sorted(value for one in recent if (value := tell(one)) is not UNSET)
        now = tell(release)
        usual = counts[len(counts) // 2] if len(counts) >= LEARNED else 0
        if usual and now is not UNSET and (now >= TIMES * usual or now * TIMES <= usual):
            return {"usual": f"{usual} {unit}", "now": f"{now} {unit}"}
    return None


_UNITS: Final[tuple[tuple[str, Callable[[Release], int | UnsetType]], ...]] = (
    ("files", lambda release: release.files),
    ("bytes", lambda release: release.size),
)
_FACTS: Final[dict[str, Callable[[Release, list[Release], Prior], Difference | None]]] = {
    "trusted_publisher": _lost(lambda release: _has(release.trusted_publisher)),
    "provenance": _lost(lambda release: _has(release.provenance)),
    "git_head": _lost(lambda release: _has(release.git_head)),
    "older_toolchain": _toolchain(older=True),
    "newer_toolchain": _toolchain(older=False),
    "account": _account,
    "lines": _lines,
    "hour": _hour,
    "contents": _contents,
}
_WEAK: Final = frozenset({"newer_toolchain", "hour", "contents"})
