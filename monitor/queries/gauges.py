"""The present state in numbers, for metrics: one statement for each kind of thing, whatever there is of it.

What takes a look at every target is apart (``counted``): whoever asks often need not look each time.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct
from sqlalchemy import case, func, select, text
from sqlmodel import Session, col

from alerts.model import Alert, AlertState, Delivery, DeliveryState, Silence
from config.severity import Severity
from monitor.queries.fleet import fleet
from monitor.schedule import CHECKED, LATE, sort_of
from monitor.store.advisories import coverage
from monitor.store.health import still_asked
from monitor.store.tables import SignalRow, SourceHealth, Target


class Counted(Struct, frozen=True):
    """What a look at every target found."""

    targets: dict[str, float]
    failing: dict[str, float]
    oldest: dict[str, datetime]
    """The last good check of the target that waits longest for one. An old answer overstates it."""
    signals: dict[str, float]
    advisories: dict[str, float]
    """Packages of which it is known which advisories name them, and of which it is not."""


class Gauges(Struct, frozen=True):
    """Counts by a label; zero where there is nothing."""

    counted: Counted
    counted_for: float
    """Seconds since ``counted`` was looked for."""
    oldest: dict[str, float]
    """Seconds since the last good check of the target that waits longest for one."""
    overdue: dict[str, float]
    due: dict[str, float]
    """Targets whose check is due and not done yet."""
    alerts: dict[str, float]
    waiting: dict[str, float]
    dead: dict[str, float]
    sources: dict[str, float]
    silences: float
    database_bytes: float
    queues: dict[tuple[str, str], float]
    """Jobs by queue and state; nothing on SQLite."""
    workers: float
    """That gave a sign of life lately."""
    term: float
    """How often a daemon has come to lead."""


def counted(session: Session) -> Counted:
    """Looks at every target."""
    targets: dict[str, float] = {}
    failing: dict[str, float] = {}
    oldest: dict[str, datetime] = {}
    # By source, which an index has in order: SQLite takes a third of the time that it takes to sort them.
    rows = session.execute(
        select(
            col(Target.source),
            func.count(),
            func.count(col(Target.failing_since)),
            func.min(func.coalesce(col(Target.fresh_at), col(Target.added_at))),
        )
        .where(col(Target.due_at).is_not(None))
        .group_by(col(Target.source))
    )
    for source, count, failed, at in rows:
        sort = sort_of(source)
        targets[sort] = targets.get(sort, 0) + count
        failing[sort] = failing.get(sort, 0) + failed
        oldest[sort] = min(oldest.get(sort, at), at)
    signals = session.execute(
        select(col(SignalRow.signal), func.count().label("holding"))
        .where(col(SignalRow.cleared_at).is_(None))
        .group_by(col(SignalRow.signal))
    ).all()
    covered = coverage(session)
    return Counted(
        targets=targets,
        failing=failing,
        oldest=oldest,
        signals={f"W{number}": 0.0 for number in range(1, 7)} | {row.signal: row.holding for row in signals},
        advisories={"yes": covered["known"], "no": covered["unknown"]},
    )


def gauges(session: Session, now: datetime, known: Counted, known_for: float = 0.0) -> Gauges:
    """What holds now, but for what was ``counted`` so many seconds ago."""
    due, overdue = _waiting(session, now, known.targets)
    alerts = session.execute(
        select(col(Alert.severity), func.count())
        .where(col(Alert.state) != AlertState.RESOLVED)
        .group_by(col(Alert.severity))
    ).all()
    unsettled = (DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.DEAD)
    owed = session.execute(
        select(col(Delivery.channel), col(Delivery.state), func.count())
        .where(col(Delivery.state).in_(unsettled))
        .group_by(col(Delivery.channel), col(Delivery.state))
    ).all()
    waiting: dict[str, float] = {}
    for channel, state, count in owed:
        if state != DeliveryState.DEAD:
            waiting[channel] = waiting.get(channel, 0) + count
    sources = session.execute(select(col(SourceHealth.host), col(SourceHealth.state)).where(still_asked(session))).all()
    in_force = select(func.count()).where(col(Silence.starts_at) <= now, col(Silence.ends_at) > now)
    processes = fleet(session)
    return Gauges(
        counted=known,
        counted_for=known_for,
        oldest={sort: max(0.0, (now - oldest).total_seconds()) for sort, oldest in known.oldest.items()},
        overdue=overdue,
        due=due,
        alerts={str(s): 0.0 for s in Severity} | {str(Severity(s)): count for s, count in alerts},
        waiting=waiting,
        dead={channel: count for channel, state, count in owed if state == DeliveryState.DEAD},
        sources={host: float(state == "up") for host, state in sources},
        silences=session.scalar(in_force) or 0,
        database_bytes=_size(session),
        queues={(q["queue"], state): q[state] for q in processes["queues"] for state in ("waiting", "doing")},
        workers=sum(w["alive"] for w in processes["workers"]),
        term=processes["leader"]["term"] if processes["leader"] else 0,
    )


def _waiting(session: Session, now: datetime, sorts: Iterable[str]) -> tuple[dict[str, float], dict[str, float]]:
    """Targets that are due, and those of them that are late, by sort: read from an index, no others."""
    due, late = (dict.fromkeys(sorts, 0.0) for _ in range(2))
    rows = session.execute(
        select(col(Target.source), func.count(), func.sum(case((col(Target.due_at) < now - LATE, 1), else_=0)))
        .where(col(Target.source).in_(CHECKED), col(Target.due_at) <= now)
        .group_by(col(Target.source))
    )
    for source, count, overdue in rows:
        sort = sort_of(source)
        due[sort] = due.get(sort, 0) + count
        late[sort] = late.get(sort, 0) + (overdue or 0)
    return due, late


def _size(session: Session) -> float:
    if session.get_bind().dialect.name == "sqlite":
        pages = (
            session.execute(text("PRAGMA page_count")).scalar_one()
            * session.execute(text("PRAGMA page_size")).scalar_one()
        )
        return float(pages)
    return float(session.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
