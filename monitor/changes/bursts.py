"""One account, many packages, one hour: what a stolen token looks like. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from config.names import account_subject
from monitor.accounts import is_person
from monitor.changes.model import Change
from monitor.observations import Account

WINDOW: Final = timedelta(hours=1)


def bursts(releases: Iterable[tuple[str, str, datetime]], least: int, ecosystem: str) -> Iterator[Change]:
    """Accounts that published ``least`` packages or more within an hour.

    ``releases`` are ``(account, purl, time of publication)``. One burst an account and day: what it published later
    belongs to the same alert.
    """
    by_account: dict[str, list[tuple[datetime, str]]] = {}
    for account, purl, at in releases:
        if account and is_person(Account(account)):
            by_account.setdefault(account, []).append((at, purl))
    for account, published in sorted(by_account.items()):
        published.sort()
        packages = _densest_hour(published)
        if len(packages) >= least:
            yield Change(
                kind="release-burst",
                subject=account_subject(ecosystem, account),
                after=len(packages),
                account=account,
                happened_at=published[0][0],
                evidence={"packages": sorted(packages)},
            )


def _densest_hour(published: list[tuple[datetime, str]]) -> set[str]:
    best: set[str] = set()
    start = 0
    for end, (at, _) in enumerate(published):
        while at - published[start][0] > WINDOW:
            start += 1
        inside = {purl for _, purl in published[start : end + 1]}
        if len(inside) > len(best):
            best = inside
    return best
