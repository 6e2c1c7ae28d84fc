"""The watches as groups: who owns them, where they come from, how many of their targets need a look."""

from __future__ import annotations

from typing import Any

from sqlalchemy import case, func, or_, select
from sqlmodel import Session, col

from alerts.model import Alert, AlertState
from alerts.reading import alerts_json
from monitor.health import CONFIGURATION, MANIFEST
from monitor.store.tables import Target, WatchEntry


def watches(session: Session) -> list[dict[str, Any]]:
    """Each watch with its owner, its sources and the health of its targets."""
    count, total = func.count(), func.sum
    rows = session.execute(
        select(
            col(WatchEntry.watch),
            col(WatchEntry.owner),
            col(WatchEntry.source),
            count.label("targets"),
            total(case((col(WatchEntry.direct), 1), else_=0)).label("direct"),
            total(case((col(WatchEntry.dev), 1), else_=0)).label("dev"),
            total(case((col(Target.sort) == "package", 1), else_=0)).label("packages"),
            total(case((col(Target.failing_since).is_not(None), 1), else_=0)).label("failing"),
            total(
                case((col(Target.sort) != "maintainer", case((col(Target.fresh_at).is_(None), 1), else_=0)), else_=0)
            ).label("never"),
            func.max(col(Target.changed_at)).label("changed_at"),
        )
        .join(Target, col(WatchEntry.target_id) == col(Target.id))
        .group_by(col(WatchEntry.watch), col(WatchEntry.owner), col(WatchEntry.source))
        .order_by(col(WatchEntry.watch), col(WatchEntry.source))
    )
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        one = found.setdefault(
            row.watch,
            {"watch": row.watch, "owner": row.owner, "changed_at": None, "sources": []} | dict.fromkeys(_COUNTED, 0),
        )
        for name in _COUNTED:
            one[name] += getattr(row, name)
        one["sources"].append({"source": row.source, "targets": row.targets, "failing": row.failing})
        one["changed_at"] = max(filter(None, (one["changed_at"], row.changed_at)), default=None)
    return list(found.values())


_COUNTED = ("targets", "direct", "dev", "packages", "failing", "never")


def pairs(session: Session) -> list[tuple[str, str]]:
    """Each watch with its owner."""
    query = select(col(WatchEntry.watch), col(WatchEntry.owner)).distinct().order_by(col(WatchEntry.watch))
    return [(row.watch, row.owner) for row in session.execute(query)]


def owners(session: Session) -> list[str]:
    """Who looks after a watch."""
    query = select(col(WatchEntry.owner)).where(col(WatchEntry.owner) != "").distinct().order_by(col(WatchEntry.owner))
    return list(session.scalars(query))


def names(session: Session) -> list[str]:
    """The watches that have targets."""
    return list(session.scalars(select(col(WatchEntry.watch)).distinct().order_by(col(WatchEntry.watch))))


def problems(session: Session) -> list[dict[str, Any]]:
    """Files of the watchlist that cannot be read now: the open alerts about them, with the watches they feed."""
    about = or_(col(Alert.subject) == CONFIGURATION, col(Alert.subject).startswith(MANIFEST))
    numbers = session.scalars(select(col(Alert.id)).where(col(Alert.state) != AlertState.RESOLVED, about))
    return [
        {
            "alert": alert["id"],
            "title": alert["title"],
            "error": next((change["after"] for change in reversed(alert["changes"]) if change["after"]), ""),
            "watches": alert["watches"],
        }
        for alert in alerts_json(session, numbers=[number for number in numbers if number is not None])
    ]
