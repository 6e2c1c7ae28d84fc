"""Lists of what is watched: packages, accounts, domains, a page at a time by name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import UNSET, Struct
from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlmodel import Session, col

from config.names import domain_subject
from monitor.queries.domains import by_expiry, with_users
from monitor.snapshots import decode_package
from monitor.spans import iso
from monitor.store.packages import chunks
from monitor.store.tables import Membership, Snapshot, Target, Value, WatchEntry
from monitor.store.targets import reach_of

SOON: Final = timedelta(days=30)
NO_MONTH: Final = "9999"
"""Sorts behind every month: no date is known."""


class TargetFilter(Struct, frozen=True, kw_only=True):
    """Everything that is stated must hold."""

    sort: str = "package"
    source: str = ""
    """``npm`` or ``pypi``."""
    watch: str = ""
    text: str = ""
    """Part of the name."""
    state: str = ""
    """``failing`` or ``stale``."""


class Numbered(Struct, frozen=True):
    """One page of a list whose pages are numbered."""

    rows: list[dict[str, Any]]
    page: int
    pages: int
    total: int


def like(text: str) -> str:
    """Part of a name as a LIKE pattern; ``\\`` is the escape."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def packages_page(session: Session, wanted: TargetFilter, page: int, size: int) -> Numbered:
    """Watched packages with what a table needs of each; facts that the registry does not tell are None."""
    conditions = _conditions(wanted)
    total: int = session.execute(select(func.count()).select_from(Target).where(*conditions)).scalar_one()
    pages = max(1, -(-total // size))
    page = min(max(page, 1), pages)
    rows = session.execute(
        select(
            col(Target.id),
            col(Target.subject),
            col(Target.fresh_at),
            col(Target.changed_at),
            col(Target.failing_since),
            col(Target.error),
            col(Target.stale),
            col(Value.body),
        )
        .join(Snapshot, col(Target.snapshot_id) == col(Snapshot.id), isouter=True)
        .join(Value, col(Snapshot.digest) == col(Value.digest), isouter=True)
        .where(*conditions)
        .order_by(col(Target.subject))
        .limit(size)
        .offset((page - 1) * size)
    ).all()
    reach = reach_of(session, [row.id for row in rows])
    return Numbered(
        rows=[_package(row, sorted({one.watch for one in reach.get(row.id, ())})) for row in rows],
        page=page,
        pages=pages,
        total=total,
    )


def _package(row: Any, watches: Sequence[str]) -> dict[str, Any]:
    package = decode_package(row.body) if row.body else None

    def told(name: str) -> Any:
        value = getattr(package, name) if package is not None else UNSET
        return None if value is UNSET else value

    maintainers = told("maintainers")
    return {
        "subject": row.subject,
        "latest": told("latest"),
        "maintainers": None if maintainers is None else len(maintainers),
        "standing": told("standing"),
        "deprecated": told("deprecated"),
        "changed_at": row.changed_at,
        "fresh_at": row.fresh_at,
        "failing_since": row.failing_since,
        "error": row.error,
        "stale": row.stale.split(),
        "watches": list(watches),
    }


def _conditions(wanted: TargetFilter) -> list[ColumnElement[bool]]:
    found = [col(Target.sort) == wanted.sort]
    if wanted.sort != "maintainer":
        found.append(col(Target.due_at).is_not(None))
    if wanted.source:
        found.append(col(Target.source) == wanted.source)
    if wanted.text:
        found.append(named_like(wanted.text))
    if wanted.state == "failing":
        found.append(col(Target.failing_since).is_not(None))
    elif wanted.state == "stale":
        found.append(or_(col(Target.fresh_at).is_(None), col(Target.failing_since).is_not(None)))
    if wanted.watch:
        found.append(exists().where(col(WatchEntry.target_id) == col(Target.id), col(WatchEntry.watch) == wanted.watch))
    return found


def named_like(text: str) -> ColumnElement[bool]:
    """Whether a subject has this in it, as a person types it: ``@corp/x`` is ``%40corp/x`` in a purl."""
    return col(Target.subject).ilike(like(text.strip().replace("@", "%40")), escape="\\")


def maintainers_page(session: Session, wanted: TargetFilter, page: int, size: int) -> Numbered:
    """Accounts that can publish, or have published, what is watched: those with the most packages first."""
    packages = func.count(func.distinct(col(Membership.target_id)))
    conditions: list[ColumnElement[bool]] = [col(Membership.account) != ""]
    if wanted.text:
        conditions.append(col(Membership.account).ilike(like(wanted.text.strip()), escape="\\"))
    if wanted.source:
        conditions.append(col(Membership.account).startswith(f"{wanted.source}:~"))
    counted = select(func.count(func.distinct(col(Membership.account)))).where(*conditions)
    total: int = session.execute(counted).scalar_one()
    pages = max(1, -(-total // size))
    page = min(max(page, 1), pages)
    accounts = session.execute(
        select(col(Membership.account), packages.label("packages"))
        .where(*conditions)
        .group_by(col(Membership.account))
        .order_by(packages.desc(), col(Membership.account))
        .limit(size)
        .offset((page - 1) * size)
    ).all()
    details = _of_accounts(session, [row.account for row in accounts])
    rows = [
        {"subject": row.account, "packages": row.packages} | details.get(row.account, {"emails": [], "domains": []})
        for row in accounts
    ]
    return Numbered(rows=rows, page=page, pages=pages, total=total)


def domains_page(session: Session, page: int, size: int, now: datetime) -> Numbered:
    """Watched domains by expiry, each with its month, and whether that is ``soon`` or ``past``."""
    found = by_expiry(session)
    pages = max(1, -(-len(found) // size))
    page = min(max(page, 1), pages)
    rows = with_users(session, found[(page - 1) * size : page * size])
    today, soon = iso(now), iso(now + SOON)
    for row in rows:
        expires = row["expires_at"] or ""
        row["month"] = expires[:7] or NO_MONTH
        row["near"] = "" if not expires or expires > soon else "soon" if expires > today else "past"
    return Numbered(rows=rows, page=page, pages=pages, total=len(found))


def _of_accounts(session: Session, accounts: Sequence[str]) -> dict[str, dict[str, Any]]:
    emails: dict[str, set[str]] = {}
    domains: dict[str, set[str]] = {}
    for chunk in chunks(list(accounts)):
        for row in session.execute(
            select(col(Membership.account), col(Membership.email), col(Membership.domain))
            .where(col(Membership.account).in_(chunk))
            .distinct()
        ):
            emails.setdefault(row.account, set()).update([row.email] if row.email else [])
            domains.setdefault(row.account, set()).update([domain_subject(row.domain)] if row.domain else [])
    return {name: {"emails": sorted(emails[name]), "domains": sorted(domains[name])} for name in emails}
