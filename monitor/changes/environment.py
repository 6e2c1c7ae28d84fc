"""The way of publishing beside a package's own habit (domain facts, F: stolen tokens leave the account right)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

from msgspec import UNSET

from config.severity import Severity
from monitor.changes.model import Change
from monitor.changes.prior import Prior
from monitor.observations import Release

LEARNED: Final = 8
"""A habit needs so many releases in which the fact is known."""
STEADY: Final = 0.9
"""Share of them that must agree."""
ENOUGH: Final = 2
"""So many facts must differ at once: any one alone changes on honest days."""


def environment_changed(release: Release, prior: Prior, purl: str) -> Iterator[Change]:
    """Two or more facts of how it was published differ from what this package has always done."""
    recent = list(prior.recent)
    differing: dict[str, Any] = {}
    for name, tell in _HABITS.items():
        known = [value for one in recent if (value := tell(one)) is not None]
        now = tell(release)
        if now is None or len(known) < LEARNED:
            continue
        usual, count = Counter(known).most_common(1)[0]
        if now != usual and count >= STEADY * len(known) and now not in known[-3:]:
            differing[name] = {"usual": usual, "now": now}
    hour = _unusual_hour(release, recent)
    if hour is not None:
        differing["hour"] = hour
    files = _jump(release, recent)
    if files is not None:
        differing["files"] = files
    # Another hour or more files is too weak to count among the two by itself.
    if len(differing) >= ENOUGH and differing.keys() - {"hour", "files"}:
        yield Change(
            kind="publish-environment-changed",
            subject=purl,
            before={name: fact["usual"] for name, fact in differing.items()},
            after={name: fact["now"] for name, fact in differing.items()},
            version=release.version,
            severity=Severity.MEDIUM if len(differing) >= 4 else None,
            evidence={"facts": sorted(differing), "learned_from": len(recent)},
        )


def _present(fact: Any) -> str | None:
    return None if fact is UNSET else "present" if fact else "absent"


def _major(fact: Any) -> str | None:
    return None if fact is UNSET or not fact else str(fact).lstrip("v").partition(".")[0]


def _publisher(release: Release) -> str | None:
    if release.trusted_publisher is UNSET:
        return None
    return release.trusted_publisher or "a person"


_HABITS: Final[dict[str, Callable[[Release], str | None]]] = {
    "publisher": _publisher,
    "provenance": lambda release: _present(release.provenance),
    "git_head": lambda release: _present(release.git_head),
    "npm_version": lambda release: _major(release.npm_version),
    "node_version": lambda release: _major(release.node_version),
}


def _unusual_hour(release: Release, recent: list[Release]) -> dict[str, Any] | None:
    """More than six hours, around the clock, from every release of the habit."""
    if release.published_at is UNSET:
        return None
    hours = [one.published_at.hour for one in recent if one.published_at is not UNSET]
    if len(hours) < LEARNED * 2:
        return None
    now = release.published_at.hour
    if min(min((now - hour) % 24, (hour - now) % 24) for hour in hours) > 6:
        return {"usual": f"{min(hours)}-{max(hours)} h UTC", "now": f"{now} h UTC"}
    return None


def _jump(release: Release, recent: list[Release]) -> dict[str, Any] | None:
    counts = [one.files for one in recent if one.files is not UNSET]
    if release.files is UNSET or len(counts) < LEARNED:
        return None
    usual = sorted(counts)[len(counts) // 2]
    if usual and (release.files >= 3 * usual or release.files * 3 <= usual):
        return {"usual": usual, "now": release.files}
    return None
