"""Which alerts are told together, and when their group is looked at next.

The state of a group lives in the database, so that a restart or a reload tells nothing twice and forgets nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import delete, insert, tuple_, update
from sqlmodel import Session, col, or_, select

from alerts.model import Alert, AlertState, Group, GroupMember
from alerts.routing import Way
from config.settings import Route

CHUNK = 500
"""Values in one IN list."""


class Taken(Struct, frozen=True):
    """An alert that has news."""

    alert: Alert
    ways: Sequence[Way]
    graver: bool
    """It grew graver, which waits for no interval."""


def notify(session: Session, taken: Sequence[Taken], now: datetime) -> None:
    """Remember that these alerts are to be told along their ways, and when. A handful of queries for any number."""
    keys = {way.key for one in taken for way in one.ways}
    if new := keys - _groups(session, keys).keys():
        session.execute(insert(Group), [{"key": key, "route": {}, "channels": []} for key in sorted(new)])
    groups = _groups(session, keys)
    for graver, way in ((one.graver, way) for one in taken for way in one.ways):
        group = groups[way.key]
        group.route = way.route.model_dump(mode="json", by_alias=True)
        group.channels = list(way.channels)
        due = _first_look(group, way.route, now, graver)
        group.due_at = due if group.due_at is None else min(group.due_at, due)
    session.flush()
    alerts = {one.alert.id or 0: one.alert for one in taken}
    known = _memberships(session, list(alerts))
    wanted = {(groups[way.key].id or 0, one.alert.id or 0) for one in taken for way in one.ways}
    session.add_all(GroupMember(group_id=group, alert_id=alert) for group, alert in sorted(wanted - known.keys()))
    _leave(session, {pair: told for pair, told in known.items() if pair not in wanted}, alerts, now)


def _leave(session: Session, left: Mapping[tuple[int, int], int], alerts: Mapping[int, Alert], now: datetime) -> None:
    """What grew graver, or whose route was edited, takes another one. Those of the first need not hear of it as well.

    Where it was told already, only its end is news.
    """
    untold = sorted(pair for pair, told in left.items() if not told)
    for start in range(0, len(untold), CHUNK):
        pairs = tuple_(col(GroupMember.group_id), col(GroupMember.alert_id))
        session.execute(delete(GroupMember).where(pairs.in_(untold[start : start + CHUNK])))
    known = [
        {"group_id": group, "alert_id": alert, "told_revision": alerts[alert].revision}
        for (group, alert), told in left.items()
        if told and alerts[alert].state != AlertState.RESOLVED
    ]
    if known:
        session.execute(update(GroupMember), known)
    ended = {group for (group, alert), told in left.items() if told and alerts[alert].state == AlertState.RESOLVED}
    if ended:
        later = or_(col(Group.due_at).is_(None), col(Group.due_at) > now)
        session.execute(update(Group).where(col(Group.id).in_(sorted(ended)), later).values(due_at=now))


def _groups(session: Session, keys: Collection[str]) -> dict[str, Group]:
    ordered = sorted(keys)
    chunks = [ordered[start : start + CHUNK] for start in range(0, len(ordered), CHUNK)]
    return {g.key: g for chunk in chunks for g in session.exec(select(Group).where(col(Group.key).in_(chunk)))}


def _memberships(session: Session, alerts: Sequence[int]) -> dict[tuple[int, int], int]:
    """The groups in which these alerts are, as ``(group, alert)``, and the revision that was told there."""
    chunks = [alerts[start : start + CHUNK] for start in range(0, len(alerts), CHUNK)]
    asked = select(GroupMember.group_id, GroupMember.alert_id, GroupMember.told_revision)
    return {
        (group, alert): told
        for chunk in chunks
        for group, alert, told in session.exec(asked.where(col(GroupMember.alert_id).in_(chunk)))
    }


def _first_look(group: Group, route: Route, now: datetime, graver: bool) -> datetime:
    if route.digest:
        return now
    wait = now + route.group_wait
    return wait if group.sent_at is None or graver else max(wait, group.sent_at + route.group_interval)
