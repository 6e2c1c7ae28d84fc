"""When a group of alerts is told: after its wait, within its interval once, again after its repeat, in a digest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final

import msgspec
from msgspec import Struct
from sqlmodel import Session, col, or_, select

from alerts.compose import compose, first_happened
from alerts.matching import matches
from alerts.messages.content import Coming
from alerts.model import Alert, AlertState, Delivery, Group, GroupMember
from alerts.quiet import quiet_until
from alerts.routing import Policy
from config.settings import Route
from config.severity import Severity
from config.values import cron_trigger

MOST_GROUPS = 200
"""Groups told in one transaction; the rest follow in the next, a second later."""

Told = Sequence[tuple[GroupMember, Alert]]
Calendar = Callable[[Session, datetime], Sequence[Coming]]
"""What will happen in the next weeks: the telling asks whoever watches, when it writes a digest."""


def anything_due(session: Session, now: datetime) -> bool:
    """Whether a group waits to be looked at: asked every second, so that a quiet daemon writes nothing."""
    return session.exec(select(Group.id).where(col(Group.due_at) <= now).limit(1)).first() is not None


class Telling(Struct):
    """What one group has to tell now."""

    group: Group
    route: Route
    kind: str
    told: Told
    still: Told


def due_notifications(session: Session, policy: Policy, now: datetime, calendar: Calendar | None = None) -> int:
    """Turn every group that is due into deliveries; how many were made.

    Ends and reminders are no news that cannot wait: those for the same channels are one message.
    """
    groups = session.exec(
        select(Group).where(col(Group.due_at) <= now).order_by(col(Group.due_at)).limit(MOST_GROUPS)
    ).all()
    ask = calendar or (lambda _session, _now: ())
    made = 0
    bundles: dict[tuple[str, ...], list[Telling]] = {}
    for group in groups:
        telling = _look(session, group, policy, now)
        if telling is not None and telling.kind in COMPANY:
            bundles.setdefault((telling.kind, *group.channels), []).append(telling)
        elif telling is not None:
            made += _tell(session, [telling], policy, now, ask)
        made += _escalate(session, group, policy, now)
    for bundle in bundles.values():
        made += _tell(session, bundle + _company(session, bundle, policy, now), policy, now, ask)
    return made


COMPANY: Final = {"resolved": timedelta(minutes=5), "reminder": timedelta(hours=12)}
"""Messages of these kinds take along what would be told so soon after them."""


def _company(session: Session, bundle: Sequence[Telling], policy: Policy, now: datetime) -> list[Telling]:
    """Other groups of the same channels that would tell the like soon."""
    first = bundle[0]
    known = {one.group.id for one in bundle}
    query = select(Group).where(col(Group.due_at) > now, col(Group.due_at) <= now + COMPANY[first.kind])
    found = []
    for group in session.exec(query.order_by(col(Group.due_at)).limit(MOST_GROUPS)):
        if group.id in known or group.channels != first.group.channels:
            continue
        telling = _telling(session, group, now, early=COMPANY[first.kind])
        if telling is not None and telling.kind == first.kind and _may_be_told(telling, policy, now) is None:
            found.append(telling)
    return found


def _look(session: Session, group: Group, policy: Policy, now: datetime) -> Telling | None:
    """One look at a group that may be due: what it has to tell, and when to look again."""
    route = Route.model_validate(group.route)
    session.add(group)
    if route.digest and (planned := _digest_at(group, route, policy)) is not None and planned > now:
        group.due_at = planned
        return None
    telling = _telling(session, group, now)
    if telling is not None and (until := _may_be_told(telling, policy, now)) is not None:
        group.due_at = until
        return None
    if telling is None:
        group.due_at = _next_look(group, route, _open(_live(session, group)), now)
    return telling


def _telling(session: Session, group: Group, now: datetime, early: timedelta = timedelta(0)) -> Telling | None:
    """What a group has to tell now; ``early``: a reminder may come so much before its time."""
    route = Route.model_validate(group.route)
    live = _live(session, group)
    news = [(member, alert) for member, alert in live if alert.revision > member.told_revision]
    still = _open(live)
    again = not route.digest and bool(route.repeat) and group.sent_at is not None
    reminding = not news and again and now - (group.sent_at or now) >= route.repeat - min(early, route.repeat / 2)
    told = news or (still if reminding else [])
    return Telling(group, route, _kind(group, route, told, reminding), told, still) if told else None


def _may_be_told(telling: Telling, policy: Policy, now: datetime) -> datetime | None:
    """When its quiet hours end; None where it may be told now."""
    worst = max(Severity(alert.severity) for _, alert in telling.told)
    return quiet_until(telling.route.quiet_hours, worst, now, policy.timezone)


def _tell(session: Session, tellings: Sequence[Telling], policy: Policy, now: datetime, calendar: Calendar) -> int:
    """One message of these groups, which go to the same channels."""
    first = tellings[0]
    rest: list[Alert] = []
    coming: Sequence[Coming] = ()
    if first.route.digest:
        told = {alert.id for _, alert in first.told}
        rest = [alert for _, alert in first.still if alert.id not in told]
        coming = _coming(session, first.route, now, calendar)
    made = _owe(session, tellings, first.group.channels, policy, now, rest, coming)
    for one in tellings:
        one.group.due_at = _next_look(one.group, one.route, one.still, now)
        session.add(one.group)
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


def _open(live: Told) -> Told:
    return [(member, alert) for member, alert in live if alert.state == AlertState.OPEN]


def _escalate(session: Session, group: Group, policy: Policy, now: datetime) -> int:
    """Tell those further up of what nobody has acknowledged in time; once for each alert."""
    route = Route.model_validate(group.route)
    if route.escalate is None:
        return 0
    late = [
        (member, alert)
        for member, alert in _open(_live(session, group))
        if not member.escalated and member.told_at is not None and now - member.told_at >= route.escalate.after
    ]
    for member, _ in late:
        member.escalated = True
        session.add(member)
    if not late:
        return 0
    telling = Telling(group, route, "escalation", late, late)
    made = _owe(session, [telling], route.escalate.channels, policy, now)
    group.due_at = _next_look(group, route, _open(_live(session, group)), now)
    return made


def _next_look(group: Group, route: Route, still: Told, now: datetime) -> datetime | None:
    times = []
    if still and route.repeat and not route.digest:
        times.append((group.sent_at or now) + route.repeat)
    if route.escalate is not None:
        times += [m.told_at + route.escalate.after for m, _ in still if m.told_at is not None and not m.escalated]
    return min(times, default=None)


def _owe(
    session: Session,
    tellings: Sequence[Telling],
    channels: Sequence[str],
    policy: Policy,
    now: datetime,
    still: Sequence[Alert] = (),
    coming: Sequence[Coming] = (),
) -> int:
    """One message about these alerts to each of the channels, owed from this transaction on."""
    first = tellings[0]
    previous = first.group.sent_at
    told = sorted(
        (pair for one in tellings for pair in one.told), key=lambda pair: (-pair[1].severity, pair[1].id or 0)
    )
    # One alert may stand in several groups.
    alerts = list({alert.id: alert for _, alert in told}.values())
    message = compose(session, alerts, first.kind, policy, first.group.key, now, still, coming, previous)
    happened = first_happened(message, previous) if first.kind in {"first", "update", "digest", "reopened"} else None
    body = msgspec.json.encode(message)
    for one in tellings:
        one.group.sent_at = now
        one.group.serial += 1
    for member, alert in told:
        member.told_revision = alert.revision
        member.told_at = member.told_at or now
        session.add(member)
    for channel in channels:
        session.add(
            Delivery(
                key=blake2b(f"{first.group.key}:{first.group.serial}:{channel}".encode(), digest_size=16).hexdigest(),
                channel=channel,
                kind=first.kind,
                created_at=now,
                next_attempt_at=now,
                alerts=[alert.id or 0 for alert in alerts],
                happened_at=happened,
                message=body,
            )
        )
    return len(channels)
