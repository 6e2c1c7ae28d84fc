"""Who can publish, and who did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Final

from msgspec import UNSET

from config.severity import Severity
from monitor.accounts import is_person
from monitor.changes.model import Change
from monitor.changes.prior import Prior
from monitor.observations import Account, Package, Release

SMALL_TEAM: Final = 3


def compare_people(
    before: Package, after: Package, purl: str, prior: Prior, new: Sequence[Release], dormant: bool
) -> Iterator[Change]:
    """Maintainers that came, went, or changed their published address; ``new`` are the releases that came with it."""
    if before.maintainers is UNSET or after.maintainers is UNSET:
        return
    ahead = bool(new) and all(prior.is_ahead(release.version) for release in new)
    yield from maintainers_changed(
        before.maintainers,
        after.maintainers,
        purl,
        dormant and not ahead,
        known=prior.publishers | prior.listed,
        mild=ahead or _vouched(before, after),
    )


def _vouched(before: Package, after: Package) -> bool:
    """The latest release comes verifiably from a build, and its repository is the one it was."""
    latest = after.releases.get(after.latest) if after.releases and after.latest else None
    if latest is None or not (latest.provenance or latest.trusted_publisher):
        return False
    return bool(before.repository) and before.repository == after.repository


def maintainers_changed(
    before: tuple[Account, ...],
    after: tuple[Account, ...],
    purl: str,
    dormant: bool = False,
    happened_at: datetime | None = None,
    known: AbstractSet[str] = frozenset(),
    mild: bool = False,
) -> Iterator[Change]:
    """The difference between two lists of maintainers; their order says nothing.

    ``known`` are accounts that published or could publish the package at some time before: a list in which one of
    them stands again is a list of another day, not of strangers. ``mild``: the project's own build has published since,
    or all that was published is a new line, which no range takes: names are handed on so.
    """
    old = {account.name: account for account in before if is_person(account)}
    new = {account.name: account for account in after if is_person(account)}
    added = sorted(new.keys() - old.keys())
    # One stranger who is let into a small package that nobody worked on for years is how event-stream was lost; an
    # organisation that lists its members anew is not.
    alone = dormant and len(added) == 1 and len(old) <= SMALL_TEAM
    replaced = bool(old) and bool(new) and not old.keys() & new.keys()
    for name in added:
        yield Change(
            kind="maintainer-added",
            subject=purl,
            after=name,
            account=name,
            happened_at=happened_at,
            severity=Severity.HIGH if alone else None,
            evidence={
                "email": new[name].email or "",
                "maintainers": sorted(new),
                "dormant": dormant,
                "replaced": replaced,
            },
        )
    for name in sorted(old.keys() - new.keys()):
        yield Change(
            kind="maintainer-removed",
            subject=purl,
            before=name,
            account=name,
            happened_at=happened_at,
            # A newcomer who is left alone with a package decides everything about it.
            severity=Severity.MEDIUM if len(new) == 1 and not new.keys() & known and not mild else None,
            evidence={"maintainers": sorted(new), "replaced": replaced},
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
    if replaced:
        returning = sorted(new.keys() & known)
        yield Change(
            kind="ownership-replaced",
            subject=purl,
            before=sorted(old),
            after=sorted(new),
            happened_at=happened_at,
            severity=Severity.MEDIUM if returning or mild else None,
            evidence={"known_before": returning},
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
        # Whoever was listed before got the right to publish from somebody; that this one uses it is no great news.
        severity=Severity.LOW if publisher.name in prior.listed else None,
        evidence={
            "earlier_publishers": sorted(prior.publishers),
            "never_listed_before": stranger,
            "email": publisher.email or "",
        },
    )


def publisher_not_maintainer(release: Release, prior: Prior, purl: str) -> Iterator[Change]:
    """The publisher is a person and stands not among the maintainers recorded in the same release.

    Told once for an account: a list that misses somebody goes on missing them.
    """
    publisher = release.publisher
    if publisher is UNSET or not is_person(publisher) or not release.maintainers:
        return
    if release.trusted_publisher or release.approver or publisher.name in prior.unlisted:
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
