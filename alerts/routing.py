"""Who hears of an alert: the first route that matches, and those after it where it says ``continue``. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from hashlib import blake2b

import msgspec
from msgspec import Struct

from alerts.matching import View, matches, mismatch
from alerts.muting import Inhibition
from config.settings import Channel, Compound, Route, Settings


class Policy(Struct, frozen=True):
    """What the telling needs of the settings."""

    routes: tuple[Route, ...] = ()
    channels: tuple[Channel, ...] = ()
    compounds: tuple[Compound, ...] = ()
    timezone: str = "UTC"
    page_url: str = ""
    """Where the local pages are reached; ``""``: messages have no links to them."""
    inhibitions: tuple[Inhibition, ...] = ()
    settle_after: timedelta = timedelta(days=30)


def policy(settings: Settings, compounds: Sequence[Compound], inhibitions: Sequence[Inhibition] = ()) -> Policy:
    """The policy of these settings: the built-in compound rules, then the user's own."""
    return Policy(
        routes=settings.route,
        channels=settings.channel,
        compounds=(*compounds, *settings.compound),
        timezone=settings.schedule.timezone,
        page_url=settings.web.url.rstrip("/"),
        inhibitions=tuple(inhibitions),
        settle_after=settings.thresholds.settle_after,
    )


class Way(Struct, frozen=True):
    """One route that an alert takes: to whom, and grouped by which values."""

    route: Route
    channels: tuple[str, ...]
    key: str
    """Stands for this route and these group values, also after a reload that left the route as it was."""


def ways(view: View, cause: str, policy: Policy) -> list[Way]:
    """The routes that tell of this alert, in their order.

    Trouble with a channel is told on others, and at once: by the routes without it, or on every other channel where
    these would tell it to nobody, or in a digest some day.
    """
    broken = view.subject.removeprefix("channel:") if view.subject.startswith("channel:") else ""
    taken = []
    for route in policy.routes:
        if not matches(route.match, view):
            continue
        channels = tuple(name for name in route.channels or _owners_channels(view, policy) if name != broken)
        if channels:
            taken.append(Way(route, channels, _key(route, channels, view, cause)))
        if not route.continue_ and (channels or not broken):
            break
    others = tuple(channel.name for channel in policy.channels if channel.name != broken)
    if broken and others and all(way.route.digest for way in taken):
        anywhere = Route(channels=others, group_wait=timedelta(0))
        return [Way(anywhere, others, _key(anywhere, others, view, cause))]
    return taken


class Step(Struct, frozen=True):
    """What became of an alert at one route."""

    number: int
    """Of the route in the configuration, from 1."""
    route: Route
    taken: bool
    why: str
    channels: tuple[str, ...] = ()


def explain(view: View, policy: Policy) -> list[Step]:
    """Each route and whether such an alert takes it, up to the one that ends the search; the rest is not reached."""
    steps = []
    ended = 0
    for number, route in enumerate(policy.routes, 1):
        if ended:
            steps.append(Step(number, route, False, f"not reached: route {ended} matched and does not continue"))
            continue
        why = mismatch(route.match, view)
        channels = tuple(route.channels or _owners_channels(view, policy))
        if why:
            steps.append(Step(number, route, False, why))
            continue
        told = "matches" if channels else "matches, and names no channel that anybody has"
        steps.append(Step(number, route, bool(channels), told, channels))
        if not route.continue_:
            ended = number
    return steps


def _owners_channels(view: View, policy: Policy) -> tuple[str, ...]:
    return tuple(channel.name for channel in policy.channels if channel.owner and channel.owner in view.owners)


def _key(route: Route, channels: tuple[str, ...], view: View, cause: str) -> str:
    values = {
        "cause": cause,
        "subject": view.subject,
        "owner": sorted(view.owners),
        "watch": sorted(view.watches),
        "kind": sorted(view.kinds),
        "severity": str(view.severity),
        "ecosystem": view.ecosystem,
    }
    grouped = {name: values[name] for name in route.group_by} if not route.digest else {}
    named = [route.match.model_dump(mode="json"), channels, route.digest, grouped]
    return blake2b(msgspec.json.encode(named), digest_size=16).hexdigest()
