"""Years of one subject as lanes on a line of time: who published, who could, what ran, which dates a domain had."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import UNSET, Struct
from sqlalchemy import select
from sqlmodel import Session, col

from config.names import account_subject, domain_subject
from config.severity import Severity
from monitor.accounts import is_person
from monitor.observations import Account, Domain, Package, Release
from monitor.store.packages import chunks
from monitor.store.tables import ReleaseRow, Target

MOST_LANES: Final = 8
"""Publishers, maintainers or packages with a lane of their own; the others share one."""


class Tick(Struct, frozen=True):
    """Something at one moment."""

    at: datetime
    style: str = ""
    """``trusted``, ``gone``, or a severity."""
    title: str = ""


class Span(Struct, frozen=True):
    """Something that held for a while; ``end`` None: it holds now."""

    start: datetime
    end: datetime | None
    style: str = ""
    title: str = ""


class Lane(Struct, frozen=True):
    """One row of the picture."""

    label: str
    subject: str = ""
    ticks: tuple[Tick, ...] = ()
    spans: tuple[Span, ...] = ()


class Section(Struct, frozen=True):
    """Rows under one heading."""

    title: str
    lanes: tuple[Lane, ...]


class Story(Struct, frozen=True):
    """The whole picture, from the first to the last known moment."""

    sections: tuple[Section, ...]

    @property
    def empty(self) -> bool:
        return not any(lane.ticks or lane.spans for section in self.sections for lane in section.lanes)


def of_package(
    package: Package,
    withdrawn: Mapping[str, Release],
    timeline: Sequence[Mapping[str, Any]],
    domains: Sequence[Domain],
) -> Story:
    """A package: publishers as lanes, maintainers and install scripts as spans, events and its domains' dates."""
    served = dict(package.releases or {})
    dated = _dated([*served.values(), *(r for v, r in withdrawn.items() if v not in served)])
    sections = (
        Section("Published by", tuple(_publishers(package.ecosystem, dated, set(withdrawn)))),
        Section("Can publish", tuple(_maintainers(package, dated))),
        Section("Runs on install", tuple(_scripts(dated))),
        Section("Addresses on", tuple(of_domain_dates(domain) for domain in domains[:MOST_LANES])),
        Section("Events", tuple(_events(timeline))),
    )
    return Story(tuple(section for section in sections if section.lanes))


def _dated(releases: Iterable[Release]) -> list[tuple[datetime, Release]]:
    known = [(release.published_at, release) for release in releases if release.published_at is not UNSET]
    return sorted(known, key=lambda one: one[0])


def _publishers(ecosystem: str, dated: Sequence[tuple[datetime, Release]], gone: set[str]) -> Iterable[Lane]:
    by: dict[Account | None, list[Tick]] = {}
    for at, release in dated:
        publisher = None if release.publisher is UNSET else Account(release.publisher.name)
        style = "gone" if release.version in gone else "trusted" if release.trusted_publisher else ""
        by.setdefault(publisher, []).append(Tick(at, style))
    order = sorted(by, key=lambda one: -len(by[one]))
    # With few lanes each keeps its own; the first to publish is on top, so that a newcomer is the last one.
    kept = sorted(order[:MOST_LANES], key=lambda one: by[one][0].at)
    for one in kept:
        if one is None:
            yield Lane("publisher not told" if len(by) > 1 else "releases", ticks=tuple(by[one]))
        else:
            yield Lane(one.name, account_subject(ecosystem, one.name) if is_person(one) else "", tuple(by[one]))
    others = [tick for one in order[MOST_LANES:] for tick in by[one]]
    if others:
        yield Lane(f"{len(order) - MOST_LANES} others", ticks=tuple(sorted(others, key=lambda tick: tick.at)))


def _maintainers(package: Package, dated: Sequence[tuple[datetime, Release]]) -> Iterable[Lane]:
    spans: dict[str, list[tuple[datetime, datetime | None]]] = {}
    listed: set[str] = set()
    for at, release in dated:
        if release.maintainers is UNSET:
            continue
        names = {account.name for account in release.maintainers}
        for name in names - listed:
            spans.setdefault(name, []).append((at, None))
        for name in listed - names:
            spans[name][-1] = (spans[name][-1][0], at)
        listed = names
    now = None if package.maintainers is UNSET else {account.name for account in package.maintainers}
    order = sorted(spans, key=lambda name: (now is not None and name not in now, spans[name][0][0], name))
    for name in order[: 2 * MOST_LANES]:
        held = tuple(Span(start, end, "person") for start, end in spans[name])
        yield Lane(name, account_subject(package.ecosystem, name), spans=held)
    if len(order) > 2 * MOST_LANES:
        yield Lane(f"and {len(order) - 2 * MOST_LANES} more")


def _scripts(dated: Sequence[tuple[datetime, Release]]) -> Iterable[Lane]:
    """From each release that runs something on install until the next one that does not."""
    spans: list[Span] = []
    begun: tuple[datetime, str] | None = None
    for at, release in dated:
        if release.scripts is UNSET and release.source_build is UNSET:
            continue
        runs = ", ".join(release.scripts) if release.scripts else "source build" if release.source_build else ""
        if begun is not None and runs != begun[1]:
            spans.append(Span(begun[0], at, "script", begun[1]))
            begun = None
        if runs and begun is None:
            begun = (at, runs)
    if begun is not None:
        spans.append(Span(begun[0], None, "script", begun[1]))
    if spans:
        yield Lane("install scripts", spans=tuple(spans))


def _events(timeline: Sequence[Mapping[str, Any]]) -> Iterable[Lane]:
    told = [
        Tick(datetime.fromisoformat(entry["at"]), entry["severity"], entry["title"])
        for entry in timeline
        if entry["at"] and Severity.parse(entry["severity"]) >= Severity.MEDIUM
    ]
    if told:
        yield Lane("medium and graver", ticks=tuple(told))


def of_domain_dates(domain: Domain) -> Lane:
    """From the present registration to the known expiry."""
    spans: tuple[Span, ...] = ()
    expires = domain.expires_at if isinstance(domain.expires_at, datetime) else None
    if domain.registered_at is not UNSET:
        spans = (Span(domain.registered_at, expires, str(domain.state), str(domain.state)),)
    ticks = (Tick(expires, "expiry", "expires"),) if expires else ()
    return Lane(domain.name, domain_subject(domain.name), ticks, spans)


def of_account(session: Session, subject: str, targets: Sequence[int], domains: Sequence[Domain]) -> Story:
    """An account: its releases, a lane for each of the packages that it published most of, and its domains' dates."""
    name = subject.partition(":~")[2]
    ticks: dict[str, list[Tick]] = {}
    for chunk in chunks(sorted(targets)):
        for row in session.execute(
            select(col(Target.subject), col(ReleaseRow.published_at))
            .join(Target, col(ReleaseRow.target_id) == col(Target.id))
            .where(
                col(ReleaseRow.target_id).in_(chunk),
                col(ReleaseRow.publisher) == name[:200],
                col(ReleaseRow.published_at).is_not(None),
            )
        ):
            ticks.setdefault(row.subject, []).append(Tick(row.published_at))
    counts = Counter({package: len(times) for package, times in ticks.items()})
    kept = [package for package, _ in counts.most_common(2 * MOST_LANES)]
    lanes = [Lane(package, package, tuple(ticks[package])) for package in sorted(kept)]
    rest = [tick for package, times in ticks.items() if package not in kept for tick in times]
    if rest:
        lanes.append(Lane(f"{len(ticks) - len(kept)} other packages", ticks=tuple(rest)))
    sections = (
        Section("Published", tuple(lanes)),
        Section("Addresses on", tuple(of_domain_dates(domain) for domain in domains[:MOST_LANES])),
    )
    return Story(tuple(section for section in sections if section.lanes))


def of_domain(domain: Domain, timeline: Sequence[Mapping[str, Any]]) -> Story:
    """A domain: the present registration, and what happened to it."""
    sections = (
        Section("Registration", (of_domain_dates(domain),)),
        Section("Events", tuple(_events(timeline))),
    )
    return Story(tuple(section for section in sections if section.lanes))
