"""One account, many packages, one hour: what a stolen token looks like, and what a monorepo does every week. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from config.names import account_subject
from monitor.accounts import is_person
from monitor.changes.model import Change
from monitor.observations import Account

WINDOW: Final = timedelta(hours=1)
HABIT: Final = 2
"""So many earlier hours of the same kind are a habit."""

Published = tuple[datetime, str]
"""When, and the package."""


def bursts(
    releases: Iterable[tuple[str, str, datetime]], least: int, ecosystem: str, *, own: bool = True
) -> Iterator[Change]:
    """Accounts with releases of ``least`` packages or more within an hour.

    ``releases`` are ``(account, purl, time of publication)``. ``own``: the account published them; otherwise it is
    one that can, since no registry tells who did. What such accounts have in common is told of one of them. One
    burst an account and day: what is published later belongs to the same alert.
    """
    by_account: dict[str, list[Published]] = {}
    for account, purl, at in releases:
        if account and is_person(Account(account)):
            by_account.setdefault(account, []).append((at, purl))
    found: list[tuple[str, frozenset[str], datetime]] = []
    for account, published in by_account.items():
        packages = max(_hours(published), key=len, default=frozenset())
        if len(packages) >= least:
            found.append((account, packages, min(at for at, purl in published if purl in packages)))
    found.sort(key=lambda one: (-len(one[1]), one[0]))
    told: list[frozenset[str]] = []
    for account, packages, first in found:
        if not own and any(packages <= other for other in told):
            continue
        told.append(packages)
        words = f"{account} published {len(packages)} packages"
        yield Change(
            kind="release-burst",
            subject=account_subject(ecosystem, account),
            after=len(packages),
            account=account,
            happened_at=first,
            evidence={
                "packages": sorted(packages),
                "told": words if own else f"{len(packages)} packages that {account} can publish were published",
            },
        )


def is_habit(past: Iterable[Published], present: Iterable[Published]) -> bool:
    """Whether at least half as many packages as in ``present`` were published within an hour, at several times before.

    Times at which the packages followed one another in the very same rhythm count once, and not at all where it is
    the present one: people and builds are never so exact, dates of a mirror or of an import are.
    """
    burst = sorted(present)
    wanted = max(2, (len({purl for _, purl in burst}) + 1) // 2)
    published = sorted(past)
    rhythms = [_rhythm(burst, burst[0][0])] if burst else []
    known = len(rhythms)
    after: datetime | None = None
    for (first, _), together in zip(published, _hours(published), strict=True):
        if len(together) < wanted or (after is not None and first <= after):
            continue
        rhythm = _rhythm([one for one in published if first <= one[0] <= first + WINDOW], first)
        if not any(_alike(rhythm, other) for other in rhythms):
            rhythms.append(rhythm)
        after = first + WINDOW
    return len(rhythms) - known >= HABIT


def _rhythm(published: Iterable[Published], first: datetime) -> dict[str, int]:
    """Seconds from the first release to that of each package."""
    found: dict[str, int] = {}
    for at, purl in published:
        found.setdefault(purl, round((at - first).total_seconds()))
    return found


def _alike(one: dict[str, int], other: dict[str, int]) -> bool:
    common = one.keys() & other.keys()
    if len(common) < 2:
        return False
    shift = min(one[purl] for purl in common) - min(other[purl] for purl in common)
    return sum(abs(one[purl] - other[purl] - shift) <= 1 for purl in common) >= 0.8 * len(common)


def _hours(published: Sequence[Published]) -> list[frozenset[str]]:
    """For each release in order, the packages that were published within the hour that it begins."""
    ordered = sorted(published)
    found, end = [], 0
    for start, (at, _) in enumerate(ordered):
        while end < len(ordered) and ordered[end][0] - at <= WINDOW:
            end += 1
        found.append(frozenset(purl for _, purl in ordered[start:end]))
    return found
