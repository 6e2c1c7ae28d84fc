"""The user's own dependencies as records of the study: what the store knows of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import UNSET, UnsetType
from sqlalchemy import select
from sqlmodel import Session, col

from config.names import account_subject, domain_subject, short_form
from monitor.accounts import is_person
from monitor.addresses import registrable_domain
from monitor.observations import Account, DomainState, Package
from monitor.signals.w1_domain import LAPSED
from monitor.store.packages import load_packages
from monitor.store.tables import Target, WatchEntry
from monitor.store.targets import by_subject
from monitor.study.decoding import record_of
from monitor.study.records import Record, Seat

_AT_ONCE = 200
"""Packages whose releases are held in memory together."""


def watched_records(session: Session, subjects: Collection[str]) -> tuple[list[Record], list[str]]:
    """A record for each of these packages, or for each that is watched; and those of which nothing is known yet.

    A package that was never checked successfully is a record all the same: everything about it is unknown.
    """
    watched = select(col(WatchEntry.target_id))
    query = select(col(Target.id), col(Target.subject)).where(col(Target.sort) == "package")
    query = query.where(col(Target.subject).in_(subjects)) if subjects else query.where(col(Target.id).in_(watched))
    targets = {row.id: row.subject for row in session.execute(query.order_by(col(Target.subject)))}
    unseen = set(subjects) - set(targets.values())
    records: list[Record] = []
    numbers = list(targets)
    for start in range(0, len(numbers), _AT_ONCE):
        chunk = numbers[start : start + _AT_ONCE]
        stored = load_packages(session, [number for number in chunk if number is not None])
        packages = {targets[number]: one.package for number, one in stored.items()}
        unseen |= {targets[number] for number in chunk} - packages.keys()
        lapsed = _lapsed(session, packages.values())
        records += [_record(subject, package, lapsed) for subject, package in packages.items()]
    records += [Record(name=short_form(subject)) for subject in sorted(unseen)]
    return records, sorted(unseen)


def _record(subject: str, package: Package, lapsed: Mapping[str, bool]) -> Record:
    record = record_of(package)
    record.name = short_form(subject)
    if package.maintainers is not UNSET:
        record.maintainers = [
            Seat(account_subject(package.ecosystem, one.name), domain_expired=_expired(one, lapsed))
            for one in package.maintainers
            if is_person(one)
        ]
    return record


def _expired(account: Account, lapsed: Mapping[str, bool]) -> bool | None:
    if isinstance(account.email, UnsetType):
        return None
    domain = registrable_domain(account.email)
    # A provider's domain is never looked up: it does not lapse.
    return lapsed.get(domain) if domain else False


def _lapsed(session: Session, packages: Collection[Package]) -> dict[str, bool]:
    """By domain of these packages' addresses whether it has lapsed; domains of unknown state are left out."""
    domains = {
        registrable_domain(one.email)
        for package in packages
        if package.maintainers is not UNSET
        for one in package.maintainers
        if not isinstance(one.email, UnsetType)
    } - {""}
    known = by_subject(session, [domain_subject(name) for name in sorted(domains)])
    return {
        due.domain.name: due.domain.state in LAPSED
        for due in known
        if due.domain is not None and due.domain.state is not DomainState.UNKNOWN
    }
