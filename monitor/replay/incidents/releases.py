"""Every release that an incident's sources tell: which version of what, when, by whom, with what in it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final

from msgspec import Struct

from monitor.replay.incidents import filling
from monitor.replay.incidents.cast import Cast, account, number, proves
from monitor.replay.incidents.facts import NOON, STEP, Event, moment
from monitor.replay.incidents.filling import Made, Simulated

MOST_UNNAMED: Final = 10
"""Packages of a wave that are counted and not named are made up to this number."""


class Publication(Struct):
    """One release; an empty version is one that no source numbers."""

    package: str
    version: str
    at: datetime
    event: Event
    bad: bool


def publications(cast: Cast) -> list[Publication]:
    """All of them in order, as exactly dated as the sources have it."""
    found: dict[tuple[str, str], Publication] = {}
    listed = cast.facts.bad_versions or ()
    exact = {
        (one.package or cast.main, number(one.version)): told[0]
        for one in listed
        if (told := moment(one.published_at)) is not None and told[1]
    }
    for event, at in cast.events:
        for index, (package, version) in enumerate(_named(cast, event)):
            again = (package, version) in found
            genuine = event.event == "fix" or ((package, version) == cast.last_good and not again)
            bad = not genuine and ((package, version) in cast.bad or not cast.bad)
            key = f"{version} {at.isoformat()}" if again or not version else version
            when = exact.get((package, version), at + STEP * index) if not again else at
            found[package, key] = Publication(package, version, when, event, bad)
    for index, one in enumerate(listed):
        package, version = one.package or cast.main, number(one.version)
        if (package, version) not in found and (version or (one.published_at and package not in cast.new)):
            event, wave = _wave(cast, one.published_at)
            when = exact.get((package, version), wave + STEP * index)
            found[package, version] = Publication(package, version, when, event, bad=True)
    return sorted(found.values(), key=lambda one: one.at)


def _named(cast: Cast, event: Event) -> list[tuple[str, str]]:
    """Packages and versions that an event publishes."""
    if event.event not in {"publish", "fix", None} or not event.fields:
        return []
    packages = event.list_of("package", "packages")
    versions = [number(version) for version in event.list_of("version", "versions")]
    if versions:
        return [(packages[0] if packages else cast.main, version) for version in versions]
    count = event.fields.get("packages")
    if isinstance(count, int) and event.event == "publish":
        scope = f"{cast.main.partition('/')[0]}/" if cast.main.startswith("@") else ""
        known = [name for name in cast.facts.packages if name not in cast.new]
        missing = max(0, min(count, MOST_UNNAMED) - len(known))
        packages = [*packages, *(f"{scope}synthetic-{n + 1}" for n in range(missing))]
    listed = {package for package, _ in cast.bad}
    return [(package, "") for package in packages if package not in listed or (package, "") in cast.bad]


def _wave(cast: Cast, date: str | None) -> tuple[Event, datetime]:
    """The first thing that was published on that day, or at all: versions without an hour came with it."""
    day = (date or "")[:10]
    for event, at in cast.events:
        if event.event == "publish" and at.isoformat().startswith(day) and _is_bad(cast, event):
            return event, at
    first = moment(cast.facts.detection.first_bad_at) if cast.facts.detection else None
    if first is not None and first[0].isoformat().startswith(day):
        return Event(), first[0]
    dates = sorted(one.published_at for one in cast.facts.bad_versions or () if one.published_at)
    told = next((found for one in [date, *dates] if (found := moment(one)) is not None), None)
    return Event(), told[0] + (STEP if told[1] else NOON) if told else cast.start


def _is_bad(cast: Cast, event: Event) -> bool:
    named = _named(cast, event)
    return not named or any(one in cast.bad or (not one[1] and not cast.bad) for one in named)


def publish(cast: Cast, told: Publication) -> Callable[[Simulated], None]:
    """What the release does to its package's document."""

    def act(package: Simulated) -> None:
        last = package.releases[package.latest].publisher if package.releases else ""
        usual = last if last and told.event.event != "fix" else cast.usual(told.package)
        publisher = account(told.event.text("publisher")) or (cast.attacker(told.package) if told.bad else usual)
        if package.removed_at is not None and not package.releases:
            # Whoever publishes a name that was given up owns it from then on.
            package.maintainers = {publisher: filling.address(publisher)}
            package.removed_at = None
        domain = cast.facts.publisher_email_domain_after
        if told.bad and domain and publisher in package.maintainers and told.package not in cast.new:
            package.maintainers[publisher] = filling.address(publisher, domain)
        version = told.version or (filling.version_after(package.latest) if package.releases else "1.0.0")
        known = package.releases.get(version)
        package.releases[version] = Made(
            version=version,
            at=known.at if known else told.at,
            publisher=publisher,
            attested=_attested(cast, told),
            scripts=_scripts(cast, told),
            gypfile=told.bad and bool(cast.facts.install_scripts and cast.facts.install_scripts.implicit),
            dependencies=_dependencies(cast, told),
            edition=1 if version in package.withdrawn else 0,
        )
        package.withdrawn.pop(version, None)

    return act


def _scripts(cast: Cast, told: Publication) -> dict[str, str]:
    """Install scripts of a release: the event's own, else those that sources give for all bad ones."""
    facts = cast.facts.install_scripts
    stated = (told.event.fields or {}).get("scripts")
    if isinstance(stated, dict):
        return filling.texts(stated)
    own = facts.of_dependency(told.package) if facts else {}
    after = own if told.package in cast.new else dict(facts.after if facts and facts.after else {})
    before = {} if told.package in cast.new else cast.scripts_before
    added = (told.event.fields or {}).get("scripts_added")
    if isinstance(added, list):
        return before | filling.texts({key or "install": after.get(key) for key in added})
    return before | filling.texts(after) if told.bad else before


def _dependencies(cast: Cast, told: Publication) -> dict[str, str]:
    facts = cast.facts
    named = facts.dependency_ranges or {}
    ranges = {k: v for pattern, of in named.items() if fnmatchcase(told.package, pattern) for k, v in of.items()}
    names = told.event.list_of("", "dependencies_added")
    if not names and told.bad and told.package not in cast.new:
        everywhere = not named and told.package == cast.main
        names = list(ranges) or (facts.dependencies_added or [] if everywhere else [])
    return {name: ranges.get(name) or ("^1.0.0" if facts.ecosystem == "npm" else "") for name in names}


def _attested(cast: Cast, told: Publication) -> bool | None:
    before = cast.proved_before
    if told.package in cast.new:
        return None if before is None else False
    if "provenance" in (told.event.fields or {}):
        return proves(told.event.text("provenance") or "none")
    after = proves(cast.facts.provenance_after) if told.bad else None
    return before if after is None else after
