"""The watched domains by expiry, and what hangs on each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import UNSET
from sqlalchemy import func, select
from sqlmodel import Session, col

from monitor.observations import Domain
from monitor.snapshots import decode_domain
from monitor.spans import iso
from monitor.store.packages import chunks
from monitor.store.tables import Membership, Snapshot, Target, Value


def domains_json(session: Session) -> list[dict[str, Any]]:
    """All of them, the nearest expiry first; those without a known date last."""
    return with_users(session, by_expiry(session))


def by_expiry(session: Session) -> list[dict[str, Any]]:
    """State and expiry of all of them, in the order of the calendar, in one statement."""
    rows = session.execute(
        select(col(Target.subject), col(Target.fresh_at), col(Target.error), col(Value.body))
        .join(Snapshot, col(Snapshot.id) == col(Target.snapshot_id), isouter=True)
        .join(Value, col(Value.digest) == col(Snapshot.digest), isouter=True)
        .where(col(Target.sort) == "domain", col(Target.due_at).is_not(None))
    )
    found = [_row(row) for row in rows]
    return sorted(found, key=lambda one: (one["expires_at"] is None, one["expires_at"] or "", one["domain"]))


def _row(row: Any) -> dict[str, Any]:
    name = row.subject.removeprefix("domain:")
    domain = decode_domain(row.body) if row.body else Domain(name=name)
    return {
        "domain": name,
        "state": str(domain.state),
        "expires_at": iso(domain.expires_at) if isinstance(domain.expires_at, datetime) else None,
        "registrar": None if domain.registrar is UNSET else domain.registrar,
        "checked_at": row.fresh_at,
        "error": row.error,
    }


def with_users(session: Session, domains: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same rows, each with the accounts that have an address on it and how many packages hang on it."""
    names = [one["domain"] for one in domains]
    accounts: dict[str, list[str]] = {}
    packages: dict[str, int] = {}
    for chunk in chunks(names):
        on_these = col(Membership.domain).in_(chunk)
        who = select(col(Membership.domain), col(Membership.account)).where(on_these, col(Membership.account) != "")
        for domain, account in session.execute(who.distinct().order_by(col(Membership.account))):
            accounts.setdefault(domain, []).append(account)
        packages |= _packages_on(session, chunk)
    return [
        one | {"accounts": accounts.get(one["domain"], []), "packages": packages.get(one["domain"], 0)}
        for one in domains
    ]


def _packages_on(session: Session, names: Iterable[str]) -> dict[str, int]:
    counted = select(col(Membership.domain), func.count(func.distinct(col(Membership.target_id))))
    rows = session.execute(counted.where(col(Membership.domain).in_(names)).group_by(col(Membership.domain)))
    return {row[0]: row[1] for row in rows}


def expiring(session: Session, now: datetime, within: timedelta) -> list[dict[str, Any]]:
    """The domains that expire from now on and within that time."""
    first, last = iso(now), iso(now + within)
    soon = [one for one in by_expiry(session) if one["expires_at"] and first <= one["expires_at"] <= last]
    return with_users(session, soon)
