"""What happened to a package or an account, back to the first release."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from msgspec import UNSET
from msgspec.structs import replace
from sqlalchemy import func, select
from sqlmodel import Session, col

from config.settings import Thresholds
from config.severity import Severity
from monitor.changes.compare import history
from monitor.changes.findings import title_of
from monitor.changes.kinds import KINDS
from monitor.changes.model import Change, Context
from monitor.spans import iso
from monitor.store.changes import change_of
from monitor.store.packages import Stored, chunks, load_packages
from monitor.store.tables import ChangeRow, Snapshot

MOST_REBUILT: Final = 50
"""Packages of one account whose past is rebuilt for it: each is read whole."""


def past(session: Session, target: int, stored: Stored, thresholds: Thresholds, now: datetime) -> list[dict[str, Any]]:
    """What happened before it was first watched, rebuilt from its releases; what came later stands in the changes."""
    watched_from = first_seen(session, [target])[target]
    return [
        entry(change, change.happened_at, int(change.severity or KINDS[change.kind].severity), True)
        for change in _rebuilt(stored, watched_from, thresholds, now)
    ]


def acts_of(
    session: Session,
    account: str,
    packages: Iterable[int],
    thresholds: Thresholds,
    now: datetime,
    most_rebuilt: int = MOST_REBUILT,
) -> list[dict[str, Any]]:
    """What one account did, and what was done to its rights, over all of its packages."""
    name, wanted = account.partition(":~")[2], sorted(set(packages))
    found = []
    for chunk in chunks(wanted):
        rows = session.scalars(
            select(ChangeRow).where(col(ChangeRow.target_id).in_(chunk), col(ChangeRow.account) == name[:200])
        )
        found += [_of(row.subject, change_of(row), row.happened_at or row.at, row.severity, False) for row in rows]
    rebuilt = load_packages(session, wanted[:most_rebuilt])
    watched_from = first_seen(session, rebuilt)
    for target, stored in rebuilt.items():
        found += [
            _of(change.subject, change, change.happened_at, int(change.severity or KINDS[change.kind].severity), True)
            for change in _rebuilt(stored, watched_from[target], thresholds, now)
            if change.account == name
        ]
    return found


def first_seen(session: Session, targets: Iterable[int]) -> dict[int, datetime]:
    """When each of these targets was first seen."""
    found: dict[int, datetime] = {}
    for chunk in chunks(sorted(set(targets))):
        rows = session.execute(
            select(col(Snapshot.target_id), func.min(col(Snapshot.first_seen)).label("at"))
            .where(col(Snapshot.target_id).in_(chunk))
            .group_by(col(Snapshot.target_id))
        )
        found.update((row.target_id, row.at) for row in rows)
    return found


def _rebuilt(stored: Stored, watched_from: datetime, thresholds: Thresholds, now: datetime) -> list[Change]:
    releases = {**(stored.package.releases or {}), **stored.withdrawn}
    before = {
        version: release
        for version, release in sorted(
            releases.items(), key=lambda item: (item[1].published_at or watched_from, item[0])
        )
        if release.published_at is UNSET or release.published_at < watched_from
    }
    return history(replace(stored.package, releases=before), Context(now=now, thresholds=thresholds))


def entry(change: Change, at: datetime | None, severity: int, is_history: bool) -> dict[str, Any]:
    """One line of a timeline."""
    return {
        "at": iso(at),
        "kind": change.kind,
        "title": title_of(change),
        "severity": str(Severity(severity)),
        "version": change.version,
        "account": change.account,
        "before": change.before,
        "after": change.after,
        "evidence": dict(change.evidence),
        "history": is_history,
    }


def _of(subject: str, change: Change, at: datetime | None, severity: int, is_history: bool) -> dict[str, Any]:
    """One line of a timeline that is about several subjects."""
    return entry(change, at, severity, is_history) | {"subject": subject}
