"""How a registry describes a package as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import UNSET

from monitor.changes.model import Change
from monitor.observations import Package, Standing

_KINDS: Final = {
    Standing.REMOVED: "package-removed",
    Standing.SECURITY_PLACEHOLDER: "security-placeholder",
    Standing.ARCHIVED: "project-archived",
    Standing.QUARANTINED: "project-quarantined",
}


def standing_changed(before: Package, after: Package, purl: str) -> Iterator[Change]:
    """Removed, replaced by a placeholder, archived, quarantined."""
    if before.standing is UNSET or after.standing is UNSET or before.standing is after.standing:
        return
    if after.standing in _KINDS:
        yield Change(
            kind=_KINDS[after.standing],
            subject=purl,
            before=str(before.standing),
            after=str(after.standing),
            evidence={"reason": after.standing_reason or ""},
        )


def deprecation_changed(before: Package, after: Package, purl: str) -> Iterator[Change]:
    """The latest version is deprecated, or is not any more."""
    was, now = before.deprecated, after.deprecated
    if was is UNSET or now is UNSET or bool(was) == bool(now):
        return
    kind = "deprecated" if now else "undeprecated"
    yield Change(kind=kind, subject=purl, before=was or None, after=now or None)
