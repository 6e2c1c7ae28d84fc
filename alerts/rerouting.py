"""Groups whose channels the configuration has no more: they are told where its routes send such alerts now.

A channel may be renamed or removed while a digest waits, or while an alert goes on whose end is to be told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlmodel import Session

from alerts.held import findings_of
from alerts.model import Group
from alerts.routing import Policy, ways
from alerts.telling import Told
from alerts.views import view
from config.settings import Route


def reroute(session: Session, groups: Sequence[Group], members: Mapping[int, Told], policy: Policy) -> None:
    """Give such groups the route that their gravest alert takes now, or the channels that are left."""
    there = {channel.name for channel in policy.channels}
    lost = [group for group in groups if there and not there.issuperset(_channels(group))]
    gravest = {group.id: told[0][1] for group in lost if (told := members[group.id or 0])}
    facts = findings_of(session, [alert.id or 0 for alert in gravest.values()])
    for group in lost:
        alert = gravest.get(group.id)
        taken = ways(view(alert, facts[alert.id or 0]), alert.cause, policy) if alert else []
        match = Route.model_validate(group.route).match
        way = next((one for one in taken if one.route.match == match), taken[0] if taken else None)
        if way is not None:
            group.route, group.channels = way.route.model_dump(mode="json", by_alias=True), list(way.channels)
        else:
            group.channels = [name for name in group.channels if name in there]
        session.add(group)


def _channels(group: Group) -> set[str]:
    escalate = group.route.get("escalate") or {}
    return {*group.channels, *escalate.get("channels", ())}
