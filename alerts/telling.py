"""What one group of alerts has to tell at a moment, and what of it may wait for other news of the same channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct
from sqlmodel import Session, col, or_, select

from alerts.model import Alert, AlertState, Group, GroupMember
from config.settings import Route
from config.severity import Severity

Told = Sequence[tuple[GroupMember, Alert]]

NO_NEWS: Final = frozenset({"resolved", "reminder"})
"""Messages of these kinds tell nothing that cannot come along with others."""


class Telling(Struct):
    """What one group has to tell."""

    group: Group
    route: Route
    kind: str
    told: Told
    still: Told

    @property
    def worst(self) -> Severity:
        return max(Severity(alert.severity) for _, alert in self.told)


def live(session: Session, groups: Sequence[Group]) -> Mapping[int, Told]:
    """By group, its members that are open, or that ended and whose end was not told; one that ended untold is no news.

    What is silenced is left out, and comes back when the silence ends.
    """
    members: dict[int, list[tuple[GroupMember, Alert]]] = {group.id or 0: [] for group in groups}
    rows = session.exec(
        select(GroupMember, Alert)
        .where(col(GroupMember.group_id).in_(list(members)), GroupMember.alert_id == Alert.id)
        .where(col(Alert.silence_id).is_(None))
        .where(or_(Alert.state != AlertState.RESOLVED, col(GroupMember.told_revision) > 0))
        .where(or_(Alert.state != AlertState.RESOLVED, col(GroupMember.told_revision) < col(Alert.revision)))
        .order_by(col(Alert.severity).desc(), col(Alert.id))
    )
    for member, alert in rows:
        members[member.group_id].append((member, alert))
    return members


def telling_of(
    group: Group, members: Told, now: datetime, *, early: timedelta | None = None, heard: datetime | None = None
) -> Telling | None:
    """What a group has to tell now; ``heard``: when its last message arrived, where that was later than its making.

    With ``early`` it is asked what could go along with a message of others: ends that wait, and a reminder that
    would come so soon.
    """
    route = Route.model_validate(group.route)
    ends = _ends(members)
    news = [(member, alert) for member, alert in members if _is_news(member, alert)]
    still = still_open(members)
    again = bool(still) and not route.digest and bool(route.repeat) and group.sent_at is not None
    due = route.repeat - min(early or timedelta(0), route.repeat / 2)
    reminding = not news and again and now - (heard or group.sent_at or now) >= due
    told = news or (still if reminding else [])
    if not told and (not ends or (early is None and _ends_due(route, ends, now) > now)):
        return None
    return Telling(group, route, _kind(group, route, told, reminding), [*told, *ends], still)


def still_open(members: Told) -> Told:
    return [(member, alert) for member, alert in members if alert.state == AlertState.OPEN]


def next_look(
    group: Group, route: Route, members: Told, now: datetime, heard: datetime | None = None
) -> datetime | None:
    """When it has something to tell by the passing of time alone: a reminder, an escalation, an end that waited."""
    times = []
    still = still_open(members)
    if still and route.repeat and not route.digest:
        times.append((heard or group.sent_at or now) + route.repeat)
    if route.escalate is not None:
        times += [m.told_at + route.escalate.after for m, _ in still if m.told_at is not None and not m.escalated]
    if ends := _ends(members):
        times.append(_ends_due(route, ends, now))
    return min(times, default=None)


def move_waits(session: Session, moved: timedelta, now: datetime) -> None:
    """Let intervals, repeats and escalations go along with a clock that was set by ``moved``; digests keep to it.

    A group that is looked at too soon is put off again by what it is; one looked at too late is told too late.
    """
    back = moved < timedelta(0)
    for group in session.exec(select(Group)):
        if not Route.model_validate(group.route).digest:
            group.sent_at = group.sent_at + moved if group.sent_at is not None else None
            group.due_at = group.due_at + moved if back and group.due_at is not None else group.due_at
        elif back:
            group.sent_at = min(group.sent_at, now) if group.sent_at is not None else None
            group.due_at = min(group.due_at, now) if group.due_at is not None else None
    waiting = select(GroupMember).join(Alert, col(GroupMember.alert_id) == col(Alert.id))
    for member in session.exec(waiting.where(Alert.state == AlertState.OPEN, col(GroupMember.escalated).is_(False))):
        member.told_at = member.told_at + moved if member.told_at is not None else None


def _is_news(member: GroupMember, alert: Alert) -> bool:
    return alert.state != AlertState.RESOLVED and alert.revision > member.told_revision


def _ends(members: Told) -> Told:
    return [(m, a) for m, a in members if a.state == AlertState.RESOLVED and m.told_revision < a.revision]


def _ends_due(route: Route, ends: Told, now: datetime) -> datetime:
    """When these ends are told even if nothing else is.

    An end asks nothing of anybody: it waits for a message that it can go along with, as long as a reminder would
    have. Only that of something critical calls off the alarm at once, and so does a person who ends what nobody had
    acknowledged: others may be looking at it.
    """
    return min(now if route.digest or _calls_off(a) else (a.resolved_at or now) + route.repeat for _, a in ends)


def _calls_off(alert: Alert) -> bool:
    return alert.severity >= Severity.CRITICAL or (bool(alert.resolved_by) and alert.acknowledged_at is None)


def _kind(group: Group, route: Route, told: Told, reminding: bool) -> str:
    if route.digest:
        return "digest"
    if reminding:
        return "reminder"
    if not told:
        return "resolved"
    if all(member.told_revision == 0 for member, _ in told):
        return "first"
    last = group.sent_at
    again = any(alert.reopened_at is not None and (last is None or alert.reopened_at > last) for _, alert in told)
    return "reopened" if again else "update"
