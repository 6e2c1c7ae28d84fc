"""Since when addresses on a domain are published: those that are older than the domain were somebody else's."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec import UNSET
from sqlmodel import Session

from monitor.addresses import registrable_domain
from monitor.observations import Account, Package, Release
from monitor.store.memberships import accounts_on_domains
from monitor.store.packages import load_packages


def used_since(session: Session, domains: Iterable[str]) -> dict[str, datetime]:
    """The first known release with an address on each of these domains; domains without one are left out."""
    users = accounts_on_domains(session, domains)
    packages = load_packages(session, {row.target_id for row in users}) if users else {}
    found: dict[str, datetime] = {}
    for row in users:
        stored = packages.get(row.target_id)
        first = _first(stored.package, row.domain) if stored is not None else None
        if first is not None:
            found[row.domain] = min(first, found.get(row.domain, first))
    return found


def _first(package: Package, domain: str) -> datetime | None:
    releases = list((package.releases or {}).values())
    times = [r.published_at for r in releases if r.published_at is not UNSET and _names(r, domain)]
    # PyPI tells addresses of the latest release only.
    latest = (package.releases or {}).get(package.latest) if package.latest is not UNSET else None
    contacts = package.contacts if package.contacts is not UNSET else ()
    if (
        latest is not None
        and latest.published_at is not UNSET
        and any(registrable_domain(c) == domain for c in contacts)
    ):
        times.append(latest.published_at)
    return min(times, default=None)


def _names(release: Release, domain: str) -> bool:
    people: tuple[Account, ...] = release.maintainers if release.maintainers is not UNSET else ()
    if release.publisher is not UNSET:
        people = (*people, release.publisher)
    return any(one.email is not UNSET and registrable_domain(one.email) == domain for one in people)
