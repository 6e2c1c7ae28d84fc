"""How things stood before an incident: packages with a dull past, a domain with the life that its dates imply. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec.structs import replace

from monitor.replay.incidents import filling
from monitor.replay.incidents.cast import Cast
from monitor.replay.incidents.facts import NOON, STEP, moment
from monitor.replay.incidents.filling import Simulated
from monitor.replay.incidents.releases import Publication

LAPSE: Final = timedelta(days=80)
"""From a domain's expiry to the day on which somebody else can register it: 45 days of grace, 30 of redemption, 5 of
pending deletion."""
HELD: Final = timedelta(days=3650)
QUIET: Final = timedelta(days=7)


def world(cast: Cast, publications: Sequence[Publication], begin: datetime) -> dict[str, Simulated]:
    """Every package as it stood at ``begin``; one that the attack brings along has no past."""
    packages = {}
    for name in dict.fromkeys([*cast.facts.packages, *(p.package for p in publications)]):
        package = Simulated(ecosystem=cast.facts.ecosystem, name=name, maintainers=cast.maintainers(name))
        if cast.facts.ecosystem == "pypi" and cast.facts.domain and cast.facts.domain.name:
            package.contact = filling.address(cast.usual(name), cast.facts.domain.name)
        if name not in cast.new:
            _give_past(cast, package, [p.version for p in publications if p.package == name and p.version], begin)
        packages[name] = package
    return packages


def _give_past(cast: Cast, package: Simulated, later: list[str], begin: datetime) -> None:
    """Releases up to the last good one, and the one before each version that continues another line."""
    stated = cast.last_good is not None and cast.last_good[0] == package.name and cast.last_good[1]
    ends = cast.last_good[1] if stated and cast.last_good else ""
    if ends and ends not in later:
        versions = [*filling.versions_before(ends, filling.PAST - 1), ends]
    else:
        versions = filling.versions_before(ends or (later[0] if later else filling.VERSION), filling.PAST)
    told = moment(cast.facts.last_good.published_at) if stated and cast.facts.last_good else None
    last = begin - QUIET if told is None else told[0] if told[1] else told[0] + NOON
    made = filling.past(versions, min(last, begin - STEP), cast.usual(package.name), cast.proved_before)
    lines = {before[0] for version in later if (before := filling.versions_before(version, 1))}
    others = sorted(lines - set(versions) - set(later)) if made else []
    made += [
        replace(made[0], version=version, at=made[0].at - filling.PACE * (many + 1))
        for many, version in enumerate(others)
    ]
    for one in sorted(made, key=lambda one: one.at):
        one.scripts = cast.scripts_before
        package.releases[one.version] = one


def domain(cast: Cast) -> list[tuple[datetime, Any]]:
    """Looks at a domain that lapsed, was registered anew, or both: registered, expired, free, somebody else's."""
    told = cast.facts.domain
    expired = moment(told.expired_at) if told else None
    again = moment(told.reregistered_at) if told else None
    if told is None or not told.name:
        return []
    if expired is not None:
        lapsed = expired[0]
    elif again is not None:
        lapsed = again[0] - LAPSE
    else:
        return []
    old = filling.registration(told.name, lapsed - HELD, lapsed)
    looks: list[tuple[datetime, Any]] = [(lapsed - timedelta(days=100), old), (lapsed + NOON, old)]
    if again is not None:
        registered = again[0]
        until = registered + timedelta(days=365)
        new = filling.registration(told.name, registered, until, told.registrar or "", told.nameservers)
        looks += [(registered - timedelta(days=1), filling.free(told.name)), (registered + STEP, new)]
    return looks
