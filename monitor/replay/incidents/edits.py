"""What changes a package without a release: people, addresses, withdrawals, deprecations, yanks. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from monitor.replay.incidents import filling
from monitor.replay.incidents.cast import Cast, number
from monitor.replay.incidents.facts import Event, moment
from monitor.replay.incidents.filling import Simulated

Act = Callable[[Simulated], None]


def edits(cast: Cast, known: set[str]) -> Iterator[tuple[datetime, str, Act]]:
    """Moment, package and change, for each thing that the sources tell of ``known`` packages."""
    for event, at in cast.events:
        make = _ACTS.get(event.event or "")
        if make is None:
            continue
        named = [name for name in event.list_of("package", "packages") if name in known]
        everywhere = event.event in {"unpublish", "deprecate"} or (
            event.text("account") and event.event != "maintainer-add"
        )
        for package in named or (cast.facts.packages if everywhere else [cast.main]):
            if package not in cast.new or event.event == "unpublish":
                yield at, package, make(cast, event, package, at)
    after = cast.facts.maintainers_after
    if after and not {"maintainer-add", "maintainer-remove"} & {event.event for event, _ in cast.events}:
        told = moment(cast.facts.detection.first_bad_at) if cast.facts.detection else None
        for package in cast.facts.packages:
            if package not in cast.new:
                yield (told[0] if told else cast.start), package, _hand_over(after)


def _add(cast: Cast, event: Event, package: str, at: datetime) -> Act:
    def act(simulated: Simulated) -> None:
        name = event.text("account") or cast.usual(package)
        simulated.maintainers.setdefault(name, filling.address(name))

    return act


def _remove(cast: Cast, event: Event, package: str, at: datetime) -> Act:
    def act(simulated: Simulated) -> None:
        others = [name for name in simulated.maintainers if name != cast.attacker(package)]
        simulated.maintainers.pop(event.text("account") or next(iter(others), ""), None)

    return act


def _readdress(cast: Cast, event: Event, package: str, at: datetime) -> Act:
    def act(simulated: Simulated) -> None:
        name, domain = event.text("account"), event.text("email_domain_after")
        if name in simulated.maintainers:
            simulated.maintainers[name] = filling.address(name, domain or "elsewhere.example")

    return act


def _touched(cast: Cast, event: Event, package: str, simulated: Simulated) -> set[str]:
    """Versions that an event is about: stated, else the bad ones, else all of a package that it names itself."""
    stated = {number(version) for version in event.list_of("version", "versions")}
    bad = {version for name, version in cast.bad if name == package}
    whole = event.text("account") or (not bad and package in event.list_of("package", "packages"))
    return set(simulated.releases) if whole and not stated else (stated or bad) & set(simulated.releases)


def _withdraw(cast: Cast, event: Event, package: str, at: datetime) -> Act:
    def act(simulated: Simulated) -> None:
        for version in _touched(cast, event, package, simulated):
            simulated.withdrawn[version] = simulated.releases.pop(version).at
        if not simulated.releases:
            simulated.removed_at = at

    return act


def _deprecate(cast: Cast, event: Event, package: str, at: datetime) -> Act:
    def act(simulated: Simulated) -> None:
        for version in _touched(cast, event, package, simulated):
            simulated.releases[version].deprecated = True

    return act


def _yank(cast: Cast, event: Event, package: str, at: datetime) -> Act:
    def act(simulated: Simulated) -> None:
        for version in _touched(cast, event, package, simulated):
            simulated.releases[version].yanked = True

    return act


def _hand_over(names: list[str]) -> Act:
    def act(simulated: Simulated) -> None:
        simulated.maintainers = {name: simulated.maintainers.get(name) or filling.address(name) for name in names}

    return act


_ACTS: dict[str, Callable[[Cast, Event, str, datetime], Act]] = {
    "maintainer-add": _add,
    "maintainer-remove": _remove,
    "email-change": _readdress,
    "unpublish": _withdraw,
    "deprecate": _deprecate,
    "yank": _yank,
}
