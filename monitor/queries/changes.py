"""Changes as the JSON of design, 7: all since a moment, or a page at a time, the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import ColumnElement, case, exists, func, literal, select, tuple_
from sqlmodel import Session, col

from alerts.browsing import Page
from alerts.sqltypes import UtcDateTime
from config.severity import Severity
from monitor.changes.findings import title_of
from monitor.store.changes import change_of
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


def change_json(row: ChangeRow, watches: Sequence[str]) -> dict[str, Any]:
    """A stored change, as ``changes`` tells it."""
    change = change_of(row)
    return {
        "id": row.id,
        "at": row.at,
        "happened_at": row.happened_at,
        "kind": row.kind,
        "severity": str(Severity(row.severity)),
        "subject": row.subject,
        "title": title_of(change),
        "ecosystem": _ecosystem(row.subject),
        "before": change.before,
        "after": change.after,
        "evidence": dict(change.evidence) | ({"version": row.version} if row.version else {}),
        "watches": list(watches),
    }


def _ecosystem(subject: str) -> str:
    if subject.startswith("pkg:"):
        return subject[4:].partition("/")[0]
    return subject.partition(":~")[0] if ":~" in subject else ""


def changes_json(session: Session, since: datetime, kinds: Sequence[str]) -> list[dict[str, Any]]:
    """Changes seen since then, the oldest first."""
    query = select(ChangeRow).where(col(ChangeRow.at) >= since).order_by(col(ChangeRow.at), col(ChangeRow.id))
    if kinds:
        query = query.where(col(ChangeRow.kind).in_(kinds))
    rows = session.scalars(query).all()
    reach = reach_of(session, [row.target_id for row in rows if row.target_id is not None])
    return [change_json(row, [r.watch for r in reach.get(row.target_id or 0, ())]) for row in rows]


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
