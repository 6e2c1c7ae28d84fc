"""Which packages and accounts could hurt most, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import select
from sqlmodel import Session, col

from config.names import domain_subject
from config.settings import Risk, Thresholds
from monitor.addresses import Sort, mailbox
from monitor.observations import DomainState
from monitor.signals.model import Holds
from monitor.signals.risk import Facts, Ranked, rank
from monitor.signals.table import SIGNALS
from monitor.store.signals import LAST_PUBLISHED, all_open, measures_of, undated
from monitor.store.tables import Membership, Target
from monitor.store.targets import by_subject, ids_of, reach_of


class _Watched(Struct):
    """Everything that is watched, as the factors need it; read in a handful of queries."""

    now: datetime
    thresholds: Thresholds
    subjects: dict[int, str]
    """The watched packages."""
    watches: dict[int, set[str]]
    owners: dict[int, set[str]] = {}
    """By package: the accounts that can publish it."""
    owned: dict[str, set[int]] = {}
    """By account: the packages that it can publish."""
    named: set[int] = set()
    """The packages of which the registry tells who published."""
    published: dict[str, datetime] = {}
    """By account: its own last release, unless one more recent may have no date."""
    domains: dict[int | str, set[str]] = {}
    """By package and by account: the domains of published addresses."""
    thrown_away: set[int | str] = set()
    held: dict[tuple[str, str], Holds] = {}
    """By subject and signal."""
    expires_in: dict[str, int] = {}
    """Days by domain, for those about to expire."""

    def package(self, target: int) -> Facts:
        subject, owners = self.subjects[target], self.owners.get(target, set())
        script = self.held.get((subject, "W2"))
        return Facts(
            **self._common(subject, target),
            watches=len(self.watches.get(target, ())),
            maintainers=len(owners),
            silent_maintainers=sum(
                (owner, "W3") in self.held or (target in self.named and self.unused_days(owner) > 0) for owner in owners
            ),
            script=script.evidence["reads"] if script else "",
            crowd=(subject, "W4") in self.held,
            contributors=(subject, "W5") in self.held,
            overloaded=any((owner, "W6") in self.held for owner in owners),
        )

    def account(self, subject: str) -> Facts:
        packages, common = self.owned[subject], self._common(subject, subject)
        if packages & self.named:
            common["silent_days"] = max(common["silent_days"], self.unused_days(subject))
        return Facts(
            **common,
            account=True,
            watches=len(self.watches_of(subject)),
            packages=len(packages),
            alone=sum(len(self.owners[target]) == 1 for target in packages),
            overloaded=(subject, "W6") in self.held,
        )

    def unused_days(self, subject: str) -> int:
        """Days for which an account published nothing itself beyond the threshold: a right that nobody would miss."""
        last = self.published.get(subject)
        unused = self.now - last - self.thresholds.inactive_after if last else timedelta(-1)
        return max(1, unused.days) if unused >= timedelta(0) else 0

    def watches_of(self, subject: str) -> set[str]:
        """The watches that an account reaches by its packages."""
        return set().union(*(self.watches.get(target, set()) for target in self.owned[subject]))

    def _common(self, subject: str, key: int | str) -> dict[str, Any]:
        silent, lapsed = self.held.get((subject, "W3")), self.held.get((subject, "W1"))
        days = SIGNALS["W3"].shown(silent, self.now) - silent.threshold if silent else 0
        expiring = [self.expires_in[name] for name in self.domains.get(key, ()) if name in self.expires_in]
        return {
            "subject": subject,
            "lapsed": lapsed.evidence["state"] if lapsed else "",
            "expires_in": min(expiring, default=None),
            "thrown_away": key in self.thrown_away,
            "silent_days": max(1, days) if silent else 0,
        }


def risk_json(
    session: Session, weights: Risk, thresholds: Thresholds, now: datetime, *, accounts: bool, limit: int
) -> list[dict[str, Any]]:
    """The ranking of packages, or of accounts: the order, the score, and each factor's share of it."""
    watched = _watched(session, thresholds, now)
    if accounts:
        ranked = rank(map(watched.account, watched.owned), weights)[:limit]
        watches: Mapping[str, Iterable[str]] = {one.subject: watched.watches_of(one.subject) for one in ranked}
    else:
        ranked = rank(map(watched.package, watched.subjects), weights)[:limit]
        watches = {subject: watched.watches.get(target, ()) for target, subject in watched.subjects.items()}
    return [_json(number, one, watches[one.subject]) for number, one in enumerate(ranked, 1)]


def _json(number: int, one: Ranked, watches: Iterable[str]) -> dict[str, Any]:
    return {
        "rank": number,
        "subject": one.subject,
        "score": round(one.score, 2),
        "factors": [
            {
                "factor": share.factor,
                "weight": share.weight,
                "measure": round(share.measure, 3),
                "contribution": round(share.contribution, 2),
                "says": share.says,
            }
            for share in one.shares
        ],
        "watches": sorted(watches),
    }


def _watched(session: Session, thresholds: Thresholds, now: datetime) -> _Watched:
    packages = session.execute(
        select(col(Target.id), col(Target.subject)).where(
            col(Target.sort) == "package", col(Target.due_at).is_not(None)
        )
    ).all()
    found = _Watched(now, thresholds, {row.id: row.subject for row in packages}, {})
    for target, reach in reach_of(session, found.subjects).items():
        found.watches[target] = {one.watch for one in reach}
    _people(session, found)
    accounts = {target: account for account, target in ids_of(session, found.owned).items()}
    dateless = undated(session, found.owned)
    for (target, measure), seconds in measures_of(session, accounts).items():
        if measure == LAST_PUBLISHED and seconds is not None and accounts[target] not in dateless:
            found.published[accounts[target]] = datetime.fromtimestamp(seconds, UTC)
    names = accounts | found.subjects
    for (target, signal), one in all_open(session, list(SIGNALS)).items():
        if target in names:
            found.held[names[target], signal] = one.holds
    found.expires_in = _expiring(session, set().union(*found.domains.values(), set()), now)
    return found


def _people(session: Session, found: _Watched) -> None:
    """Who can publish, and on which domains the addresses are that the metadata of these packages has now."""
    rows = session.execute(
        select(
            col(Membership.target_id),
            col(Membership.account),
            col(Membership.role),
            col(Membership.email),
            col(Membership.domain),
        )
        .join(Target, col(Target.id) == col(Membership.target_id))
        .where(col(Target.sort) == "package", col(Target.due_at).is_not(None))
    )
    for row in rows:
        if row.role == "maintainer":
            found.owners.setdefault(row.target_id, set()).add(row.account)
            found.owned.setdefault(row.account, set()).add(row.target_id)
        elif row.role == "publisher":
            found.named.add(row.target_id)
        for key in (row.target_id, row.account) if row.account else (row.target_id,):
            if row.domain:
                found.domains.setdefault(key, set()).add(row.domain)
            elif row.email and mailbox(row.email).sort is Sort.DISPOSABLE:
                found.thrown_away.add(key)


def _expiring(session: Session, domains: set[str], now: datetime) -> dict[str, int]:
    dues = by_subject(session, map(domain_subject, domains))
    return {
        due.domain.name: max(0, (due.domain.expires_at - now).days)
        for due in dues
        if due.domain is not None
        and due.domain.state is DomainState.EXPIRING
        and isinstance(due.domain.expires_at, datetime)
    }
