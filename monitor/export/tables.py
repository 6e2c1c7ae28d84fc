"""The tables that can be exported, read a few thousand rows at a time, the newest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import select
from sqlmodel import Session, col

from alerts.browsing import AlertFilter, alerts_page
from monitor.queries.advisories import named, rows_of
from monitor.queries.changes import ChangeFilter, changes_page
from monitor.queries.signals import signals_json
from monitor.store.tables import Snapshot, Target, Value

ROWS: Final = 5000
"""Read at once."""

Rows = Callable[[Session, datetime], Iterator[list[dict[str, Any]]]]


class Table(Struct, frozen=True):
    """Columns, and how their rows are read."""

    columns: tuple[str, ...]
    rows: Rows


def _changes(session: Session, _now: datetime) -> Iterator[list[dict[str, Any]]]:
    before: int | None = None
    while (page := changes_page(session, ChangeFilter(), ROWS, before)).rows:
        yield page.rows
        if (before := page.next) is None:
            return


def _alerts(session: Session, _now: datetime) -> Iterator[list[dict[str, Any]]]:
    before: int | None = None
    while (page := alerts_page(session, AlertFilter(), ROWS, before)).rows:
        yield page.rows
        if (before := page.next) is None:
            return


def _signals(session: Session, now: datetime) -> Iterator[list[dict[str, Any]]]:
    yield signals_json(session, now)


def _advisories(session: Session, _now: datetime) -> Iterator[list[dict[str, Any]]]:
    for subjects in named(session):
        yield rows_of(session, subjects)


def _snapshots(session: Session, _now: datetime) -> Iterator[list[dict[str, Any]]]:
    before: int | None = None
    while True:
        query = (
            select(
                col(Snapshot.id),
                col(Target.subject),
                col(Snapshot.first_seen),
                col(Snapshot.last_seen),
                col(Value.body),
            )
            .join(Target, col(Target.id) == col(Snapshot.target_id))
            .join(Value, col(Value.digest) == col(Snapshot.digest))
            .order_by(col(Snapshot.id).desc())
            .limit(ROWS)
        )
        rows = session.execute(query if before is None else query.where(col(Snapshot.id) < before)).all()
        if not rows:
            return
        before = rows[-1].id
        yield [
            {
                "id": row.id,
                "subject": row.subject,
                "first_seen": row.first_seen,
                "last_seen": row.last_seen,
                "facts": msgspec.json.decode(row.body),
            }
            for row in rows
        ]


TABLES: Final[Mapping[str, Table]] = {
    "changes": Table(
        ("id", "at", "happened_at", "severity", "kind", "subject", "before", "after", "evidence", "watches"), _changes
    ),
    "alerts": Table(
        ("id", "severity", "state", "opened_at", "resolved_at", "subject", "title", "reason", "watches", "advice"),
        _alerts,
    ),
    "signals": Table(("signal", "subject", "value", "threshold", "since", "watches"), _signals),
    "advisories": Table(
        (
            "subject",
            "id",
            "aliases",
            "severity",
            "malicious",
            "use",
            "summary",
            "affected",
            "fixed",
            "published_at",
            "modified_at",
            "known_since",
            "watches",
        ),
        _advisories,
    ),
    "snapshots": Table(("id", "subject", "first_seen", "last_seen", "facts"), _snapshots),
}
