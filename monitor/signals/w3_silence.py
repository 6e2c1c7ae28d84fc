"""W3: a package without a release, and a maintainer without activity, for years."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import UNSET, UnsetType

from config.names import short_form
from config.severity import Severity
from monitor.accounts import is_person
from monitor.observations import Account, Package, Release
from monitor.signals.model import Finding, Holds, Signal
from monitor.spans import span


def last_release(package: Package, now: datetime) -> datetime | UnsetType:
    """When the package was last released, taken-back releases included; unknown where a served release has no date.

    Dates in the future are wrong, and said to be now.
    """
    if package.releases is UNSET:
        return UNSET
    dates = [release.published_at for release in package.releases.values()]
    if package.withdrawn is not UNSET:
        dates += [at for at in package.withdrawn.values() if at is not None]
    known = [at for at in dates if at is not UNSET]
    if len(known) < len(dates) or not known:
        return UNSET
    return min(max(known), now)


def activity(package: Package, now: datetime) -> dict[str, datetime]:
    """When each account was last active on this package, by the names of people.

    A release is an act of its publisher, and of whoever approved it. Where no person is named (trusted publishing, a
    registry that does not tell), it is one of all its maintainers: somebody of them had a hand in it.
    """
    found: dict[str, datetime] = {}
    for release in (package.releases or {}).values():
        if release.published_at is not UNSET:
            at = min(release.published_at, now)
            for name in _actors(release, package.maintainers):
                found[name] = max(found.get(name, at), at)
    return found


def _actors(release: Release, listed: tuple[Account, ...] | UnsetType) -> list[str]:
    if release.publisher is not UNSET and not release.trusted_publisher and is_person(release.publisher):
        return [release.publisher.name, *([release.approver] if release.approver else [])]
    if release.approver:
        return [release.approver]
    maintainers = release.maintainers if release.maintainers is not UNSET else listed
    return [account.name for account in maintainers or () if is_person(account)]


def silent(last: datetime | UnsetType | None, inactive_after: timedelta, now: datetime) -> Finding:
    """Whether nothing has been published for so long."""
    if last is UNSET or last is None:
        return UNSET
    if now - last < inactive_after:
        return None
    return Holds(
        value=last.isoformat(),
        threshold=inactive_after.days,
        since=last + inactive_after,
        evidence={"last_release_at": last.isoformat()},
    )


def _days(holds: Holds, now: datetime) -> Any:
    return (now - datetime.fromisoformat(holds.value)).days


def _says(subject: str, holds: Holds, now: datetime) -> str:
    silence = span(now - datetime.fromisoformat(holds.value))
    if subject.startswith("pkg:"):
        return f"{short_form(subject)} has had no release for {silence}"
    return f"{subject} has published nothing that is known here for {silence}"


SIGNAL: Final = Signal(
    id="W3",
    name="unmaintained, inactive",
    about=("package", "maintainer"),
    severity=Severity.LOW,
    source="Dates of releases; for an account, the releases of every package of it that is known here, and what the "
    "registry's search tells of the others.",
    threshold="thresholds.inactive_after (the study: two years) since the last release.",
    says=_says,
    means="Nobody would notice a take-over or mend a hole, and forgotten accounts are the easiest to steal.",
    not_means="That it is broken: much that is finished needs no release. Trusted publishing hides who released, so "
    "such a release counts for every maintainer; activity outside packages is not seen.",
    advice="Prefer a maintained alternative for what matters; otherwise pin it, and watch its next release closely.",
    shown=_days,
)
