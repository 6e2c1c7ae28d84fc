"""Who hears of an alert: the first route that matches, and those after it where it says ``continue``. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import msgspec
from msgspec import Struct

from alerts.matching import View, matches
from config.settings import Channel, Compound, Route, Settings


class Policy(Struct, frozen=True):
    """What the telling needs of the settings."""

    routes: tuple[Route, ...] = ()
    channels: tuple[Channel, ...] = ()
    compounds: tuple[Compound, ...] = ()
    timezone: str = "UTC"
    page_url: str = ""
    """Where the local pages are reached; ``""``: messages have no links to them."""


def policy(settings: Settings, compounds: Sequence[Compound]) -> Policy:
    """The policy of these settings: the built-in compound rules, then the user's own."""
    return Policy(
        routes=settings.route,
        channels=settings.channel,
        compounds=(*compounds, *settings.compound),
        timezone=settings.schedule.timezone,
        page_url=settings.web.url.rstrip("/"),
    )


class Way(Struct, frozen=True):
    """One route that an alert takes: to whom, and grouped by which values."""

    route: Route
    channels: tuple[str, ...]
    key: str
    """Stands for this route and these group values, also after a reload that left the route as it was."""


def ways(view: View, cause: str, policy: Policy) -> list[Way]:
    """The routes that tell of this alert, in their order."""
    taken = []
    for route in policy.routes:
        if not matches(route.match, view):
            continue
        channels = route.channels or _owners_channels(view, policy)
        if channels:
            taken.append(Way(route, tuple(channels), _key(route, tuple(channels), view, cause)))
        if not route.continue_:
            break
    return taken


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
