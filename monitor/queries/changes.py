"""Changes a page at a time, the newest first."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Struct
from sqlalchemy import ColumnElement, case, exists, func, literal, select, tuple_
from sqlmodel import Session, col

from alerts.browsing import Page
from alerts.sqltypes import UtcDateTime
from config.severity import Severity
from monitor.query import change_json
from monitor.store.tables import ChangeRow, WatchEntry
from monitor.store.targets import ids_of, reach_of

SIGNAL_KINDS: Final = ("signal-raised", "signal-cleared")


class ChangeFilter(Struct, frozen=True, kw_only=True):
    """Everything that is stated must hold."""

    since: datetime | None = None
    severity: Severity = Severity.INFO
    """At least this grave."""
    kinds: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    """Kinds that are left out."""
    watch: str = ""
    subjects: tuple[str, ...] = ()


def changes_page(session: Session, wanted: ChangeFilter, limit: int, before: int | None = None) -> Page:
    """Changes as ``change_json`` tells them, with the watches they reach; ``before`` ended the page before.

    In the order of time and then of ids, which the indexes of time and of kind both give without sorting.
    """
    query = select(ChangeRow).where(*_conditions(session, wanted)).limit(limit + 1)
    query = query.order_by(col(ChangeRow.at).desc(), col(ChangeRow.id).desc())
    if before is not None:
        query = query.where(_older_than(session, before))
    rows = session.scalars(query).all()
    shown = rows[:limit]
    reach = reach_of(session, {row.target_id for row in shown if row.target_id is not None})
    return Page(
        rows=[change_json(row, [one.watch for one in reach.get(row.target_id or 0, ())]) for row in shown],
        next=shown[-1].id if len(rows) > limit else None,
    )


def _older_than(session: Session, change: int) -> ColumnElement[bool]:
    at = session.scalars(select(col(ChangeRow.at)).where(col(ChangeRow.id) == change)).first()
    if at is None:
        return col(ChangeRow.id) < change
    place = tuple_(col(ChangeRow.at), col(ChangeRow.id))
    return place < tuple_(literal(at, UtcDateTime()), literal(change))


def _conditions(session: Session, wanted: ChangeFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.since is not None:
        found.append(col(ChangeRow.at) >= wanted.since)
    if wanted.severity > Severity.INFO:
        found.append(col(ChangeRow.severity) >= int(wanted.severity))
    if wanted.kinds:
        found.append(col(ChangeRow.kind).in_(wanted.kinds))
    if wanted.without:
        found.append(col(ChangeRow.kind).not_in(wanted.without))
    if wanted.watch:
        found.append(
            exists().where(col(WatchEntry.target_id) == col(ChangeRow.target_id), col(WatchEntry.watch) == wanted.watch)
        )
    if wanted.subjects:
        found.append(col(ChangeRow.target_id).in_(ids_of(session, wanted.subjects).values()))
    return found


class New(Struct, frozen=True):
    """How many changes were seen since some moment."""

    routine: int
    """Of severity info."""
    signals: int
    """Weak links that came and went."""


def count_since(session: Session, since: datetime) -> New:
    """What a list of notable changes leaves out, counted."""
    signal = col(ChangeRow.kind).in_(SIGNAL_KINDS)
    rows = session.execute(
        select(
            func.sum(case((signal, 0), (col(ChangeRow.severity) == int(Severity.INFO), 1), else_=0)),
            func.sum(case((signal, 1), else_=0)),
        ).where(col(ChangeRow.at) >= since)
    ).one()
    return New(rows[0] or 0, rows[1] or 0)
