"""The health of sources and of the daemon, written down for ``status`` in another process."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, case, func, or_, select, true
from sqlmodel import Session, col

from alerts import silences
from alerts.model import Delivery
from monitor.schedule import CHECKED, LATE
from monitor.sources.politeness import HostHealth
from monitor.store.advisories import coverage
from monitor.store.tables import Meta, SourceHealth, Target

ALIVE = "daemon-alive-at"
AWAKE = "daemon-awake-since"
ASLEEP_AFTER = timedelta(hours=6)
"""No sign of life for so long means that nothing was asked meanwhile: the daemon was off, or its machine asleep.

With the longest wait between two tries it is less than ``FORGOTTEN_AFTER``.
"""
SEARCH = " (search)"
"""Ends the name of a host that is asked for its search only."""
FORGOTTEN_AFTER = timedelta(hours=12)
"""A source that was down and that a daemon which was awake has not tried for so long is not asked any more: longer than
any wait between two tries of what fails. WHOIS, say, is asked for as long as RDAP does not answer."""
_WATCHED: Final = col(Target.due_at).is_not(None)
_FAILING: Final = col(Target.failing_since).is_not(None)


def save(session: Session, hosts: Sequence[HostHealth], now: datetime) -> None:
    """Write what changed since it was last written."""
    rows = {row.host: row for row in session.scalars(select(SourceHealth))}
    for host in hosts:
        row = rows.get(host.host)
        if row is None:
            row = SourceHealth(host=host.host, state=host.state, since=host.down_since or now)
            session.add(row)
        elif row.state != host.state:
            row.state, row.since = host.state, host.down_since or now
        row.last_ok_at, row.error, row.retry_at = host.last_ok_at, host.last_error[:500], host.retry_at


def told(session: Session) -> list[HostHealth]:
    """How the sources are doing that any process asks, as it wrote it down; a registry's search stands apart."""
    return [
        HostHealth(
            host=row.host,
            state=row.state,
            down_since=row.since if row.state == "down" else None,
            last_ok_at=row.last_ok_at,
            last_error=row.error,
            retry_at=row.retry_at,
        )
        for row in session.scalars(select(SourceHealth).where(still_asked(session)))
        if not row.host.endswith(SEARCH)
    ]


def forgotten(session: Session) -> frozenset[str]:
    """Hosts that were down when they were last asked, and are not asked any more."""
    return frozenset(session.scalars(select(col(SourceHealth.host)).where(~still_asked(session))))


def still_asked(session: Session) -> ColumnElement[bool]:
    """Whether a source is up, or was tried lately by the time of a daemon that was awake."""
    alive, awake = _moments(session, ALIVE, AWAKE)
    if alive is None or awake is None or alive - awake <= FORGOTTEN_AFTER:
        return true()
    tried = func.coalesce(col(SourceHealth.retry_at), col(SourceHealth.since))
    return or_(col(SourceHealth.state) != "down", tried > alive - FORGOTTEN_AFTER)


def say_alive(session: Session, now: datetime) -> None:
    alive, awake = _moments(session, ALIVE, AWAKE)
    if alive is None or abs(now - alive) > ASLEEP_AFTER or awake is None:
        session.merge(Meta(name=AWAKE, value=now.isoformat()))
    session.merge(Meta(name=ALIVE, value=now.isoformat()))


def last_alive(session: Session) -> datetime | None:
    """When a daemon last said that it is alive."""
    (alive,) = _moments(session, ALIVE)
    return alive


def _moments(session: Session, *names: str) -> list[datetime | None]:
    kept = session.execute(select(col(Meta.name), col(Meta.value)).where(col(Meta.name).in_(names)))
    at = {name: datetime.fromisoformat(value) for name, value in kept}
    return [at.get(name) for name in names]


def status(session: Session, now: datetime, most_failing: int | None = None) -> dict[str, Any]:
    """Targets, freshness, failures, sources, advisories and deliveries (design, 7).

    ``most_failing``: so many of the failing targets are named, the longest failing first; all where it is not given.
    ``failing_count`` says how many there are: while a registry is down, that is every package.
    """
    failing = session.execute(
        select(col(Target.subject), col(Target.failing_since), col(Target.error), col(Target.failures))
        .where(_WATCHED, _FAILING)
        .order_by(col(Target.failing_since), col(Target.subject))
        .limit(most_failing)
    ).all()
    return brief(session, now) | {
        "failing": [
            {"subject": row.subject, "since": row.failing_since, "error": row.error, "failures": row.failures}
            for row in failing
        ],
        "advisories": coverage(session),
        "silences": silences.listed(session, now),
        "daemon_alive_at": last_alive(session),
    }


def brief(session: Session, now: datetime) -> dict[str, Any]:
    """What the daemon itself says of the watch: how many targets are fresh, stale, failing; sources, deliveries."""
    late = func.sum(case((col(Target.due_at) < now - LATE, 1), else_=0))
    # Counts over two indexes, without a look at any target that is checked as it should be.
    watched = select(func.count()).select_from(Target).where(_WATCHED).scalar_subquery()
    total, overdue, all_late = session.execute(
        select(watched, func.count(), late).where(col(Target.source).in_(CHECKED), col(Target.due_at) < now)
    ).one()
    not_fresh = or_(col(Target.fresh_at).is_(None), _FAILING)
    not_good, late_too, failing_count = session.execute(
        select(func.count(), late, func.count(col(Target.failing_since))).where(_WATCHED, not_fresh)
    ).one()
    stale = not_good + (all_late or 0) - (late_too or 0)
    sources = session.scalars(select(SourceHealth).where(still_asked(session)).order_by(col(SourceHealth.host))).all()
    deliveries = session.execute(select(col(Delivery.state), func.count()).group_by(col(Delivery.state))).all()
    return {
        "targets": total,
        "fresh": total - stale,
        "stale": stale,
        "overdue": overdue,
        "failing_count": failing_count,
        "sources": [
            {
                "host": row.host,
                "state": row.state,
                "since": row.since,
                "last_ok_at": row.last_ok_at,
                "error": row.error,
                "retry_at": row.retry_at,
            }
            for row in sources
        ],
        "deliveries": {str(state): count for state, count in deliveries},
    }
