"""Who can publish, and who did."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from msgspec import UNSET

from config.severity import Severity
from monitor.accounts import is_person
from monitor.changes.model import Change, Context
from monitor.changes.prior import Prior
from monitor.observations import Account, Package, Release

SMALL_TEAM: Final = 3


def compare_people(before: Package, after: Package, context: Context, purl: str, dormant: bool) -> Iterator[Change]:
    """Maintainers that came, went, or changed their published address."""
    if before.maintainers is UNSET or after.maintainers is UNSET:
        return
    yield from maintainers_changed(before.maintainers, after.maintainers, purl, dormant)


def maintainers_changed(
    before: tuple[Account, ...],
    after: tuple[Account, ...],
    purl: str,
    dormant: bool = False,
    happened_at: datetime | None = None,
) -> Iterator[Change]:
    """The difference between two lists of maintainers; their order says nothing."""
    old = {account.name: account for account in before if is_person(account)}
    new = {account.name: account for account in after if is_person(account)}
    added = sorted(new.keys() - old.keys())
    # One stranger who is let into a small package that nobody worked on for years is how event-stream was lost; an
    # organisation that lists its members anew is not.
    alone = dormant and len(added) == 1 and len(old) <= SMALL_TEAM
    for name in added:
        yield Change(
            kind="maintainer-added",
            subject=purl,
            after=name,
            account=name,
            happened_at=happened_at,
            severity=Severity.HIGH if alone else None,
            evidence={"email": new[name].email or "", "maintainers": sorted(new), "dormant": dormant},
        )
    for name in sorted(old.keys() - new.keys()):
        yield Change(
            kind="maintainer-removed",
            subject=purl,
            before=name,
            account=name,
            happened_at=happened_at,
            evidence={"maintainers": sorted(new)},
        )
    for name in sorted(old.keys() & new.keys()):
        was, now = old[name].email, new[name].email
        if was is not UNSET and now is not UNSET and was.lower() != now.lower():
            moved = _domain(was) != _domain(now)
            yield Change(
                kind="maintainer-email-changed",
                subject=purl,
                before=was,
                after=now,
                account=name,
                happened_at=happened_at,
                severity=Severity.MEDIUM if moved else None,
            )
    if old and new and not old.keys() & new.keys():
        yield Change(
            kind="ownership-replaced", subject=purl, before=sorted(old), after=sorted(new), happened_at=happened_at
        )


def publisher_changed(release: Release, prior: Prior, purl: str) -> Iterator[Change]:
    """The first release ever by this account, where earlier publishers are known."""
    publisher = release.publisher
    if publisher is UNSET or not is_person(publisher) or not prior.last_publisher:
        return
    if publisher.name in prior.publishers:
        return
    stranger = bool(prior.listed) and publisher.name not in prior.listed
    yield Change(
        kind="publisher-changed",
        subject=purl,
        before=prior.last_publisher,
        after=publisher.name,
        account=publisher.name,
        version=release.version,
        evidence={
            "earlier_publishers": sorted(prior.publishers),
            "never_listed_before": stranger,
            "email": publisher.email or "",
        },
    )


def publisher_not_maintainer(release: Release, purl: str) -> Iterator[Change]:
    """The publisher is a person and stands not among the maintainers recorded in the same release."""
    publisher = release.publisher
    if publisher is UNSET or not is_person(publisher) or not release.maintainers:
        return
    if release.trusted_publisher or release.approver:
        return
    if publisher.name not in {account.name for account in release.maintainers}:
        yield Change(
            kind="publisher-not-maintainer",
            subject=purl,
            before=sorted(account.name for account in release.maintainers),
            after=publisher.name,
            account=publisher.name,
            version=release.version,
        )


def _domain(email: str) -> str:
    return email.rpartition("@")[2].lower()
