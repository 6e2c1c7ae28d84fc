"""When a group of alerts is told: after its wait, not oftener than its interval, again after its repeat, in a digest.

The state of a group lives in the database, so that a restart or a reload tells nothing twice and forgets nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from hashlib import blake2b

import msgspec
from sqlalchemy import delete, insert, tuple_
from sqlmodel import Session, col, or_, select

from alerts.compose import compose, first_happened
from alerts.matching import matches
from alerts.messages.content import Coming
from alerts.model import Alert, AlertState, Delivery, Group, GroupMember
from alerts.quiet import quiet_until
from alerts.routing import Policy, Way
from config.settings import Route
from config.severity import Severity
from config.values import cron_trigger

MOST_GROUPS = 200
"""Groups told in one transaction; the rest follow in the next, a second later."""

CHUNK = 500
"""Values in one IN list."""

Told = Sequence[tuple[GroupMember, Alert]]
Calendar = Callable[[Session, datetime], Sequence[Coming]]
"""What will happen in the next weeks: the telling asks whoever watches, when it writes a digest."""


def notify(session: Session, taken: Sequence[tuple[Alert, Sequence[Way]]], now: datetime) -> None:
    """Remember that these alerts are to be told along these ways, and when. A handful of queries for any number."""
    keys = {way.key for _, ways in taken for way in ways}
    if new := keys - _groups(session, keys).keys():
        session.execute(insert(Group), [{"key": key, "route": {}, "channels": []} for key in sorted(new)])
    groups = _groups(session, keys)
    for way in (way for _, ways in taken for way in ways):
        group = groups[way.key]
        group.route = way.route.model_dump(mode="json", by_alias=True)
        group.channels = list(way.channels)
        due = _first_look(group, way.route, now)
        group.due_at = due if group.due_at is None else min(group.due_at, due)
    session.flush()
    known = _memberships(session, [alert.id or 0 for alert, _ in taken])
    wanted = {(groups[way.key].id or 0, alert.id or 0) for alert, ways in taken for way in ways}
    session.add_all(GroupMember(group_id=group, alert_id=alert) for group, alert in sorted(wanted - known.keys()))
    # What grew graver before its digest came is told by another route: those of the first one need not hear it too.
    left = sorted(pair for pair, told in known.items() if not told and pair not in wanted)
    for start in range(0, len(left), CHUNK):
        pairs = tuple_(col(GroupMember.group_id), col(GroupMember.alert_id))
        session.execute(delete(GroupMember).where(pairs.in_(left[start : start + CHUNK])))


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


def _first_look(group: Group, route: Route, now: datetime) -> datetime:
    if route.digest:
        return now
    wait = now + route.group_wait
    return wait if group.sent_at is None else max(wait, group.sent_at + route.group_interval)


def anything_due(session: Session, now: datetime) -> bool:
    """Whether a group waits to be looked at: asked every second, so that a quiet daemon writes nothing."""
    return session.exec(select(Group.id).where(col(Group.due_at) <= now).limit(1)).first() is not None


def due_notifications(session: Session, policy: Policy, now: datetime, calendar: Calendar | None = None) -> int:
    """Turn every group that is due into deliveries; how many were made."""
    groups = session.exec(
        select(Group).where(col(Group.due_at) <= now).order_by(col(Group.due_at)).limit(MOST_GROUPS)
    ).all()
    ask = calendar or (lambda _session, _now: ())
    return sum(_look(session, group, Route.model_validate(group.route), policy, now, ask) for group in groups)


def _look(session: Session, group: Group, route: Route, policy: Policy, now: datetime, calendar: Calendar) -> int:
    """One look at a group that may be due: tell what there is to tell, and say when to look again."""
    session.add(group)
    if route.digest and (planned := _digest_at(group, route, policy)) is not None and planned > now:
        group.due_at = planned
        return 0
    live = _live(session, group)
    news = [(member, alert) for member, alert in live if alert.revision > member.told_revision]
    still = [(member, alert) for member, alert in live if alert.state == AlertState.OPEN]
    reminding = (
        not news
        and not route.digest
        and bool(route.repeat)
        and group.sent_at is not None
        and now - group.sent_at >= route.repeat
    )
    told = news or (still if reminding else [])
    worst = max((Severity(alert.severity) for _, alert in told), default=Severity.INFO)
    if told and (until := quiet_until(route.quiet_hours, worst, now, policy.timezone)) is not None:
        group.due_at = until
        return 0
    made = 0
    if told:
        rest = [alert for pair in still if pair not in told for alert in pair[1:]] if route.digest else []
        coming = _coming(session, route, now, calendar) if route.digest else ()
        kind = _kind(group, route, told, reminding)
        made += _owe(session, group, told, kind, group.channels, policy, now, rest, coming)
    made += _escalate(session, group, route, still, policy, now)
    group.due_at = _next_look(group, route, still, now)
    return made


def _coming(session: Session, route: Route, now: datetime, calendar: Calendar) -> Sequence[Coming]:
    """What comes up for those whom this route serves, whatever its severity will be."""
    whose = route.match.model_copy(update={"severity": "", "kind": ""})
    return [one for one in calendar(session, now) if matches(whose, one.view)]


def _digest_at(group: Group, route: Route, policy: Policy) -> datetime | None:
    """The first time of the digest since there was something to tell; earlier times had nothing to tell."""
    since = max(filter(None, (group.sent_at, group.due_at)))
    previous = since if since == group.sent_at else None
    planned: datetime | None = cron_trigger(route.digest, policy.timezone).get_next_fire_time(previous, since)
    return planned


def _live(session: Session, group: Group) -> Told:
    """Members that are open, or that ended and whose end was not told; one that ended untold is no news.

    What is silenced is left out, and comes back when the silence ends.
    """
    rows = session.exec(
        select(GroupMember, Alert)
        .where(GroupMember.group_id == group.id, GroupMember.alert_id == Alert.id, col(Alert.silence_id).is_(None))
        .where(or_(Alert.state != AlertState.RESOLVED, col(GroupMember.told_revision) > 0))
        .where(or_(Alert.state != AlertState.RESOLVED, col(GroupMember.told_revision) < col(Alert.revision)))
        .order_by(col(Alert.severity).desc(), col(Alert.id))
    )
    return [(member, alert) for member, alert in rows]


def _kind(group: Group, route: Route, told: Told, reminding: bool) -> str:
    if route.digest:
        return "digest"
    if reminding:
        return "reminder"
    if all(alert.state == AlertState.RESOLVED for _, alert in told):
        return "resolved"
    if all(member.told_revision == 0 for member, _ in told):
        return "first"
    last = group.sent_at
    again = any(alert.reopened_at is not None and (last is None or alert.reopened_at > last) for _, alert in told)
    return "reopened" if again else "update"


def _escalate(session: Session, group: Group, route: Route, still: Told, policy: Policy, now: datetime) -> int:
    """Tell those further up of what nobody has acknowledged in time; once for each alert."""
    if route.escalate is None:
        return 0
    late = [
        (member, alert)
        for member, alert in still
        if not member.escalated and member.told_at is not None and now - member.told_at >= route.escalate.after
    ]
    for member, _ in late:
        member.escalated = True
        session.add(member)
    return _owe(session, group, late, "escalation", route.escalate.channels, policy, now) if late else 0


def _next_look(group: Group, route: Route, still: Told, now: datetime) -> datetime | None:
    times = []
    if still and route.repeat and not route.digest:
        times.append((group.sent_at or now) + route.repeat)
    if route.escalate is not None:
        times += [m.told_at + route.escalate.after for m, _ in still if m.told_at is not None and not m.escalated]
    return min(times, default=None)


def _owe(
    session: Session,
    group: Group,
    told: Told,
    kind: str,
    channels: Sequence[str],
    policy: Policy,
    now: datetime,
    still: Sequence[Alert] = (),
    coming: Sequence[Coming] = (),
) -> int:
    """One message about these alerts to each of the channels, owed from this transaction on."""
    previous, group.sent_at = group.sent_at, now
    group.serial += 1
    alerts = [alert for _, alert in told]
    message = compose(session, alerts, kind, policy, group.key, now, still, coming, previous)
    happened = first_happened(message, previous) if kind in {"first", "update", "digest", "reopened"} else None
    body = msgspec.json.encode(message)
    for member, alert in told:
        member.told_revision = alert.revision
        member.told_at = member.told_at or now
        session.add(member)
    for channel in channels:
        session.add(
            Delivery(
                key=blake2b(f"{group.key}:{group.serial}:{channel}".encode(), digest_size=16).hexdigest(),
                channel=channel,
                kind=kind,
                created_at=now,
                next_attempt_at=now,
                alerts=[alert.id or 0 for alert in alerts],
                happened_at=happened,
                message=body,
            )
        )
    return len(channels)
