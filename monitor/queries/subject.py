"""One package, account or domain with all that its page shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import UNSET
from sqlalchemy import select
from sqlmodel import Session, col

from alerts.browsing import AlertFilter, alerts_page
from config.names import domain_subject
from config.settings import Thresholds
from monitor.accounts import is_person
from monitor.addresses import mailbox
from monitor.observations import Domain, Package, Release
from monitor.queries import story
from monitor.queries.show import show_json
from monitor.store.packages import load_packages
from monitor.store.tables import Membership, Target
from monitor.store.targets import by_subject

MOST_ALERTS: Final = 20
MOST_RELEASES: Final = 30
MOST_REBUILT: Final = 3
"""Packages of an account whose past its page tells: rebuilding one takes milliseconds."""


def subject_page(session: Session, subject: str, thresholds: Thresholds, now: datetime) -> dict[str, Any] | None:
    """``show_json`` with people, domains, releases, alerts and the story of the picture; None where unknown."""
    target = session.scalars(select(Target).where(col(Target.subject) == subject)).first()
    if target is None or target.id is None:
        return None
    stored = load_packages(session, [target.id]) if target.sort == "package" else {}
    shown = show_json(session, subject, thresholds, now, stored, MOST_REBUILT)
    if shown is None:
        return None
    page = shown | {"sort": target.sort, "watched": target.due_at is not None or target.sort == "maintainer"}
    if target.sort == "package":
        people = _people(session, target.id)
        domains = _domains(session, {row["domain"] for row in people if row["domain"]})
        package = stored[target.id].package if target.id in stored else None
        page |= {"people": people, "releases": _releases(package), "scripts": _scripts(package)}
        page["story"] = (
            story.of_package(package, stored[target.id].withdrawn, shown["timeline"], domains) if package else None
        )
    elif target.sort == "domain":
        (due,) = by_subject(session, [subject])
        page["story"] = story.of_domain(due.domain, shown["timeline"]) if due.domain else None
    else:
        owned = session.scalars(select(col(Membership.target_id)).where(col(Membership.account) == subject).distinct())
        domains = _domains(session, shown["facts"]["domains"])
        page["story"] = story.of_account(session, subject, owned.all(), domains)
        page["domains"] = [_domain_row(domain) for domain in domains]
    about = (subject, *(domain_subject(name) for name in shown["facts"].get("domains") or ()))
    page["alerts"] = alerts_page(session, AlertFilter(subjects=about), MOST_ALERTS).rows
    return page


def _people(session: Session, target: int) -> list[dict[str, Any]]:
    """Who can publish, who has published, and whose address the metadata names."""
    rows = session.execute(
        select(col(Membership.account), col(Membership.role), col(Membership.email), col(Membership.domain)).where(
            col(Membership.target_id) == target
        )
    ).all()
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        one = found.setdefault(
            (row.account, row.email),
            {"account": row.account, "email": row.email, "domain": row.domain, "roles": [], "address": ""},
        )
        one["roles"].append(row.role)
        one["address"] = str(mailbox(row.email).sort) if row.email else ""
    order = {"maintainer": 0, "publisher": 1, "contact": 2}
    for one in found.values():
        one["roles"].sort(key=lambda role: order.get(role, 3))
    return sorted(found.values(), key=lambda one: (order.get(one["roles"][0], 3), one["account"], one["email"]))


def _domains(session: Session, names: Iterable[str]) -> list[Domain]:
    found = by_subject(session, [domain_subject(name) for name in names])
    return [due.domain for due in found if due.domain is not None]


def _domain_row(domain: Domain) -> dict[str, Any]:
    expires = domain.expires_at if isinstance(domain.expires_at, datetime) else None
    return {"subject": domain_subject(domain.name), "state": str(domain.state), "expires_at": expires}


def _releases(package: Package | None) -> list[dict[str, Any]]:
    """The latest releases, the newest first."""
    if package is None or package.releases is UNSET:
        return []
    releases = list(package.releases.values())
    if all(release.published_at is not UNSET for release in releases):
        releases.sort(key=lambda release: release.published_at)  # type: ignore[arg-type,return-value]
    return [_release(release, package) for release in reversed(releases[-MOST_RELEASES:])]


def _release(release: Release, package: Package) -> dict[str, Any]:
    def told(fact: Any) -> Any:
        return None if fact is UNSET else fact

    publisher = None if release.publisher is UNSET else release.publisher
    return {
        "version": release.version,
        "latest": package.latest is not UNSET and release.version == package.latest,
        "published_at": told(release.published_at),
        "publisher": publisher.name if publisher else None,
        "person": publisher is not None and is_person(publisher),
        "trusted": told(release.trusted_publisher),
        "provenance": told(release.provenance),
        "scripts": told(release.scripts),
        "source_build": told(release.source_build),
        "deprecated": told(release.deprecated),
        "yanked": told(release.yanked),
        "size": told(release.size),
        "files": told(release.files),
    }


def _scripts(package: Package | None) -> Sequence[tuple[str, str]]:
    """What the latest release runs on install."""
    if package is None or package.releases is UNSET or package.latest is UNSET:
        return ()
    latest = package.releases.get(package.latest)
    return tuple(latest.scripts.items()) if latest is not None and latest.scripts else ()
