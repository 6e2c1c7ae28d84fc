"""When a group of alerts is told: after its wait, within its interval once, again after its repeat, in a digest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final

import msgspec
from sqlmodel import Session, col, select

from alerts.committed import when_committed
from alerts.compose import compose, first_happened
from alerts.matching import matches
from alerts.messages.content import Coming
from alerts.model import Alert, AlertState, Delivery, DeliveryState, Group, GroupMember
from alerts.quiet import quiet_until
from alerts.rerouting import reroute
from alerts.routing import Policy
from alerts.telling import NO_NEWS, Telling, Told, live, next_look, still_open, telling_of
from config.log import log_of
from config.settings import Route
from config.severity import Severity
from config.values import cron_trigger

log = log_of("messages")

MOST_GROUPS = 200
"""Groups told in one transaction; the rest follow in the next, a second later."""
SOON: Final = timedelta(hours=12)
"""A reminder that would come so soon goes along with what is told now."""

Calendar = Callable[[Session, datetime], Sequence[Coming]]
"""What will happen in the next weeks: the telling asks whoever watches, when it writes a digest."""


def anything_due(session: Session, now: datetime) -> bool:
    """Whether a group waits to be looked at: asked every second, so that a quiet daemon writes nothing."""
    return session.exec(select(Group.id).where(col(Group.due_at) <= now).limit(1)).first() is not None


def due_notifications(session: Session, policy: Policy, now: datetime, calendar: Calendar | None = None) -> int:
    """Turn every group that is due into deliveries; how many were made.

    Ends and reminders are no news that cannot wait: they go along with news of the same channels, and those that
    find none are one message.
    """
    groups = session.exec(
        select(Group).where(col(Group.due_at) <= now).order_by(col(Group.due_at)).limit(MOST_GROUPS)
    ).all()
    members = live(session, groups)
    reroute(session, groups, members, policy)
    ask = calendar or (lambda _session, _now: ())
    looked = [_look(session, group, members[group.id or 0], policy, now) for group in groups]
    due = [one for one in looked if one is not None]
    made = 0
    if due:
        riders = [one for one in due if one.kind in NO_NEWS] + _waiting(session, due, policy, now)
        for one in (one for one in due if one.kind not in NO_NEWS):
            company = [rider for rider in riders if _goes_along(rider, one)]
            riders = [rider for rider in riders if not _goes_along(rider, one)]
            made += _tell(session, [one, *company], policy, now, ask)
        for bundle in _bundles(riders, now):
            made += _tell(session, bundle, policy, now, ask)
    for group in groups:
        made += _escalate(session, group, members[group.id or 0], policy, now)
    return made


def _waiting(session: Session, due: Sequence[Telling], policy: Policy, now: datetime) -> list[Telling]:
    """Ends of other groups of the same channels that wait for company, and reminders that would come soon."""
    channels = {tuple(one.group.channels) for one in due}
    known = {one.group.id for one in due}
    query = select(Group).where(col(Group.due_at) > now).order_by(col(Group.due_at)).limit(MOST_GROUPS)
    groups = [group for group in session.exec(query) if group.id not in known and tuple(group.channels) in channels]
    members = live(session, groups)
    found = (telling_of(group, members[group.id or 0], now, early=SOON) for group in groups)
    return [one for one in found if one and one.kind in NO_NEWS and _may_be_told(one, policy, now) is None]


def _goes_along(rider: Telling, news: Telling) -> bool:
    """Whether people would still see it there: what is critical stands alone, nothing hides behind lesser things."""
    lesser = rider.worst < Severity.CRITICAL if rider.kind == "resolved" else rider.worst <= news.worst
    return rider.group.channels == news.group.channels and news.worst < Severity.CRITICAL and lesser


def _bundles(riders: Sequence[Telling], now: datetime) -> list[list[Telling]]:
    """What found no news to go along with: of the same channels, reminders with ends, ends of something critical."""
    bundles: dict[tuple[str, ...], list[Telling]] = {}
    for one in sorted(riders, key=lambda one: one.kind != "reminder"):
        bundles.setdefault(tuple(one.group.channels), []).append(one)
    found = []
    for bundle in bundles.values():
        reminders = [one for one in bundle if one.kind == "reminder"]
        ends = [one for one in bundle if one.kind == "resolved"]
        if _any_due(reminders, now):
            grave = [one for one in ends if one.worst == Severity.CRITICAL]
            found.append(reminders + [one for one in ends if one not in grave])
            ends = grave
        if _any_due(ends, now):
            found.append(ends)
    return found


def _any_due(tellings: Sequence[Telling], now: datetime) -> bool:
    return any(one.group.due_at is not None and one.group.due_at <= now for one in tellings)


def _look(session: Session, group: Group, members: Told, policy: Policy, now: datetime) -> Telling | None:
    """One look at a group that may be due: what it has to tell, and when to look again."""
    route = Route.model_validate(group.route)
    session.add(group)
    if route.digest and (planned := _digest_at(group, route, policy)) is not None and planned > now:
        group.due_at = planned
        return None
    telling, heard = telling_of(group, members, now), None
    if telling is not None and telling.kind == "reminder":
        heard = _heard(session, group, now)
        telling = telling_of(group, members, now, heard=heard)
    if telling is not None and (until := _may_be_told(telling, policy, now)) is not None:
        group.due_at = until
        return None
    if telling is None:
        group.due_at = next_look(group, route, members, now, heard)
    return telling


def _heard(session: Session, group: Group, now: datetime) -> datetime | None:
    """When the last message of a group first arrived anywhere: nobody is reminded of what they have only just got.

    ``now`` while it is on its way everywhere; what was given up counts from when it was made.
    """
    rows = session.exec(
        select(Delivery).where(col(Delivery.created_at) == group.sent_at, col(Delivery.channel).in_(group.channels))
    )
    times = [row.created_at if row.state == DeliveryState.DEAD else row.sent_at or now for row in rows]
    return min(times, default=group.sent_at)


def _may_be_told(telling: Telling, policy: Policy, now: datetime) -> datetime | None:
    """When its quiet hours end; None where it may be told now."""
    return quiet_until(telling.route.quiet_hours, telling.worst, now, policy.timezone)


def _tell(session: Session, tellings: Sequence[Telling], policy: Policy, now: datetime, calendar: Calendar) -> int:
    """One message of the first of these groups, along with the others, which go to the same channels."""
    first = tellings[0]
    still = list(first.still) if first.route.digest else []
    if first.kind != "reminder":
        still += [pair for one in tellings[1:] if one.kind == "reminder" for pair in one.still]
    coming = _coming(session, first.route, now, calendar) if first.route.digest else ()
    made = _owe(session, tellings, first.group.channels, policy, now, still, coming)
    for one in tellings:
        one.group.due_at = next_look(one.group, one.route, one.still, now)
        session.add(one.group)
    return made


def _coming(session: Session, route: Route, now: datetime, calendar: Calendar) -> Sequence[Coming]:
    """What comes up for those whom this route serves, whatever its severity will be."""
    whose = route.match.model_copy(update={"severity": "", "kind": ""})
    return [one for one in calendar(session, now) if matches(whose, one.view)]


def _digest_at(group: Group, route: Route, policy: Policy) -> datetime | None:
    """The first time of the digest since there was something to tell; earlier times had nothing to tell."""
    since = max(filter(None, (group.sent_at, group.due_at)))
    return cron_trigger(route.digest, policy.timezone).next(since, exclusive=since == group.sent_at)


def _escalate(session: Session, group: Group, members: Told, policy: Policy, now: datetime) -> int:
    """Tell those further up of what nobody has acknowledged in time; once for each alert."""
    route = Route.model_validate(group.route)
    if route.escalate is None:
        return 0
    late = [
        (member, alert)
        for member, alert in still_open(members)
        if not member.escalated and member.told_at is not None and now - member.told_at >= route.escalate.after
    ]
    for member, _ in late:
        member.escalated = True
        session.add(member)
    if not late:
        return 0
    telling = Telling(group, route, "escalation", late, late)
    made = _owe(session, [telling], route.escalate.channels, policy, now)
    held = group.due_at if group.due_at is not None and group.due_at > now else None
    group.due_at = min(filter(None, (held, next_look(group, route, members, now))), default=None)
    return made


def _keys(group: Group, channels: Sequence[str]) -> dict[str, str]:
    """The key of a group's present message to each channel: the same again, should its record be lost."""
    named = {channel: f"{group.key}:{group.serial}:{channel}" for channel in channels}
    return {channel: blake2b(name.encode(), digest_size=16).hexdigest() for channel, name in named.items()}


def _owe(
    session: Session,
    tellings: Sequence[Telling],
    channels: Sequence[str],
    policy: Policy,
    now: datetime,
    still: Told = (),
    coming: Sequence[Coming] = (),
) -> int:
    """One message about these alerts to each of the channels, owed from this transaction on."""
    first = tellings[0]
    previous = first.group.sent_at
    told = sorted((pair for one in tellings for pair in one.told), key=_order)
    # One alert may stand in several groups.
    alerts = {alert.id: alert for _, alert in told}
    rest = {alert.id: alert for _, alert in still}
    for _, alert in first.told:
        rest.pop(alert.id, None)
    items = [alert for number, alert in alerts.items() if number not in rest]
    listed = list(rest.values())
    message = compose(session, items, first.kind, policy, first.group.key, now, listed, coming, previous)
    happened = first_happened(message, previous) if first.kind in {"first", "update", "digest", "reopened"} else None
    body = msgspec.json.encode(message)
    for one in tellings:
        one.group.sent_at = now
        one.group.serial += 1
    for member, alert in told:
        member.told_revision = alert.revision
        member.told_at = member.told_at or now
        session.add(member)
    keys = _keys(first.group, channels)
    if session.exec(select(Delivery.id).where(col(Delivery.key).in_(keys.values())).limit(1)).first() is not None:
        # A group that was forgotten and comes again counted from one, and messages are kept for longer.
        first.group.serial = int(now.timestamp()) // 60
        keys = _keys(first.group, channels)
    for channel, key in keys.items():
        when_committed(
            session,
            log.info,
            "message owed",
            message=key,
            channel=channel,
            kind=first.kind,
            alerts=list(alerts),
            checks=message.checks or None,
        )
        session.add(
            Delivery(
                key=key,
                channel=channel,
                kind=first.kind,
                created_at=now,
                next_attempt_at=now,
                alerts=[number or 0 for number in alerts],
                happened_at=happened,
                message=body,
            )
        )
    return len(channels)


def _order(pair: tuple[GroupMember, Alert]) -> tuple[bool, int, int]:
    """The gravest first, and what asks something of somebody before what ended."""
    _, alert = pair
    return alert.state == AlertState.RESOLVED, -alert.severity, alert.id or 0
