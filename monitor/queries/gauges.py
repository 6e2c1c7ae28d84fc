"""The present state in numbers, for metrics: one statement for each kind of thing, whatever there is of it."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from sqlalchemy import case, func, select, text
from sqlmodel import Session, col

from alerts.model import Alert, AlertState, Delivery, DeliveryState, Silence
from config.severity import Severity
from monitor.queries.fleet import fleet
from monitor.schedule import LATE
from monitor.store.advisories import coverage
from monitor.store.health import still_asked
from monitor.store.tables import SignalRow, SourceHealth, Target


class Gauges(Struct, frozen=True):
    """Counts by a label; zero where there is nothing."""

    targets: dict[str, float]
    failing: dict[str, float]
    overdue: dict[str, float]
    oldest: dict[str, float]
    """Seconds since the last good check of the target that waits longest for one."""
    due: dict[str, float]
    """Targets whose check is due and not done yet."""
    alerts: dict[str, float]
    signals: dict[str, float]
    waiting: dict[str, float]
    dead: dict[str, float]
    sources: dict[str, float]
    advisories: dict[str, float]
    """Packages of which it is known which advisories name them, and of which it is not."""
    silences: float
    database_bytes: float
    queues: dict[tuple[str, str], float]
    """Jobs by queue and state; nothing on SQLite."""
    workers: float
    """That gave a sign of life lately."""
    term: float
    """How often a daemon has come to lead."""


def gauges(session: Session, now: datetime) -> Gauges:
    """What holds now."""
    by_sort = session.execute(
        select(
            col(Target.sort),
            func.count(),
            func.sum(case((col(Target.failing_since).is_not(None), 1), else_=0)),
            func.sum(case((col(Target.due_at) < now - LATE, 1), else_=0)),
            func.min(func.coalesce(col(Target.fresh_at), col(Target.added_at))),
            func.sum(case((col(Target.due_at) <= now, 1), else_=0)),
        )
        .where(col(Target.due_at).is_not(None))
        .group_by(col(Target.sort))
    ).all()
    alerts = session.execute(
        select(col(Alert.severity), func.count())
        .where(col(Alert.state) != AlertState.RESOLVED)
        .group_by(col(Alert.severity))
    ).all()
    signals = session.execute(
        select(col(SignalRow.signal), func.count().label("holding"))
        .where(col(SignalRow.cleared_at).is_(None))
        .group_by(col(SignalRow.signal))
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
    covered = coverage(session)
    processes = fleet(session)
    return Gauges(
        targets={sort: count for sort, count, *_ in by_sort},
        failing={sort: failing or 0 for sort, _, failing, *_ in by_sort},
        overdue={sort: late or 0 for sort, _, _, late, *_ in by_sort},
        oldest={sort: max(0.0, (now - oldest).total_seconds()) for sort, _, _, _, oldest, _ in by_sort},
        due={sort: due or 0 for sort, *_, due in by_sort},
        alerts={str(s): 0.0 for s in Severity} | {str(Severity(s)): count for s, count in alerts},
        signals={f"W{number}": 0.0 for number in range(1, 7)} | {row.signal: row.holding for row in signals},
        waiting=waiting,
        dead={channel: count for channel, state, count in owed if state == DeliveryState.DEAD},
        sources={host: float(state == "up") for host, state in sources},
        advisories={"yes": covered["known"], "no": covered["unknown"]},
        silences=session.scalar(in_force) or 0,
        database_bytes=_size(session),
        queues={(q["queue"], state): q[state] for q in processes["queues"] for state in ("waiting", "doing")},
        workers=sum(w["alive"] for w in processes["workers"]),
        term=processes["leader"]["term"] if processes["leader"] else 0,
    )


def _size(session: Session) -> float:
    if session.get_bind().dialect.name == "sqlite":
        pages = (
            session.execute(text("PRAGMA page_count")).scalar_one()
            * session.execute(text("PRAGMA page_size")).scalar_one()
        )
        return float(pages)
    return float(session.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
