"""Accounts that the registry's search is asked about, and what it told."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import case, or_, select, update
from sqlmodel import Session, col

from monitor.store.signals import is_watched
from monitor.store.tables import Portfolio, Target


def due_accounts(session: Session, now: datetime, limit: int) -> list[tuple[int, str]]:
    """npm accounts whose turn it is: those that a watch lists first, then those that were never asked about."""
    order = (case((col(Target.listed), 0), else_=1), case((col(Portfolio.due_at).is_(None), 0), else_=1))
    rows = session.execute(
        select(col(Target.id), col(Target.subject))
        .join(Portfolio, col(Portfolio.target_id) == col(Target.id), isouter=True)
        .where(
            col(Target.sort) == "maintainer",
            col(Target.source) == "npm",
            or_(col(Portfolio.due_at).is_(None), col(Portfolio.due_at) <= now),
            is_watched(),
        )
        .order_by(*order, col(Portfolio.due_at), col(Target.id))
        .limit(limit)
    )
    return [(row.id, row.subject) for row in rows]


def put_portfolio(session: Session, target: int, total: int | None, now: datetime, due_at: datetime) -> bool:
    """Keep what was told and when to ask again; whether a total was told for the first time.

    Without a total only the time is kept: what was known stays known.
    """
    row = session.get(Portfolio, target)
    if row is None:
        row = Portfolio(target_id=target, due_at=due_at)
        session.add(row)
    row.due_at = due_at
    if total is None:
        return False
    first = row.total is None
    row.total, row.total_at = total, now
    session.execute(update(Target).where(col(Target.id) == target).values(checked_at=now, fresh_at=now))
    session.flush()
    return first
