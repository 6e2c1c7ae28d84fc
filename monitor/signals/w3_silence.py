"""W3: a package without a release for years, and a maintainer all of whose packages are so."""

from __future__ import annotations

from collections.abc import Mapping
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


def activity(package: Package, now: datetime, own: Mapping[str, datetime] | None = None) -> dict[str, datetime]:
    """The last release of this package that each account stood behind, by the names of people.

    Those who can publish it now stand behind all of its releases; those who could at the time, who published, and who
    approved, behind that one. So a maintainer is active where any package of theirs is. ``own``: its
    ``own_acts``, where they are known already.
    """
    found = dict(own_acts(package, now) if own is None else own)
    dates = [min(at, now) for at in (package.withdrawn or {}).values() if at is not None]
    latest: dict[tuple[Account, ...], datetime] = {}
    for release in (package.releases or {}).values():
        if release.published_at is not UNSET:
            at = min(release.published_at, now)
            dates.append(at)
            if release.maintainers is not UNSET:
                latest[release.maintainers] = max(latest.get(release.maintainers, at), at)
    if dates and package.maintainers is not UNSET:
        latest[package.maintainers] = max(dates)
    for name, at in _by_name(latest).items():
        found[name] = max(found.get(name, at), at)
    return found


def own_acts(package: Package, now: datetime) -> dict[str, datetime]:
    """When each person is known to have published a release of this package, or to have approved one.

    Trusted publishing names nobody and uses nobody's right to publish, so it is no act of a maintainer.
    """
    latest: dict[tuple[Account, ...], datetime] = {}
    for release in (package.releases or {}).values():
        if release.published_at is not UNSET:
            publishers, at = _publishers(release), min(release.published_at, now)
            latest[publishers] = max(latest.get(publishers, at), at)
    return _by_name(latest)


def _publishers(release: Release) -> tuple[Account, ...]:
    approvers = (Account(release.approver),) if release.approver else ()
    return approvers if release.publisher is UNSET or release.trusted_publisher else (release.publisher, *approvers)


def _by_name(latest: dict[tuple[Account, ...], datetime]) -> dict[str, datetime]:
    """The accounts of each group one by one; a group is the same for most releases, so this is short."""
    found: dict[str, datetime] = {}
    for accounts, at in latest.items():
        for account in accounts:
            if is_person(account):
                found[account.name] = max(found.get(account.name, at), at)
    return found


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
    return f"no package of {subject} that is known here has had a release for {silence}"


SIGNAL: Final = Signal(
    id="W3",
    name="unmaintained, inactive",
    about=("package", "maintainer"),
    severity=Severity.LOW,
    source="Dates of releases; for an account, those of every package known here that it can publish or could at the "
    "time, whoever published them, and what the registry's search tells of the others.",
    threshold="thresholds.inactive_after (the study: two years) since the last release.",
    says=_says,
    means="Nobody would notice a take-over or mend a hole, and forgotten accounts are the easiest to steal.",
    not_means="That it is broken: much that is finished needs no release. And whoever is not silent need not be at "
    "work: a release counts for all its maintainers. What an account last published itself is its last_published_at, "
    "and weaklink risk counts it. Activity outside packages is not seen.",
    advice="Prefer a maintained alternative for what matters; otherwise pin it, and watch its next release closely.",
    shown=_days,
)
