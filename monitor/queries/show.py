"""Facts, reach and timeline of one subject, as the JSON of design, 7: the same for the command line and the pages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET
from sqlalchemy import select
from sqlmodel import Session, col

from config.names import domain_subject
from config.settings import Thresholds
from monitor.observations import Domain, Package
from monitor.queries.accounts import account_facts
from monitor.queries.advisories import advisories_of
from monitor.queries.signals import signals_of
from monitor.queries.timeline import MOST_REBUILT, acts_of, entry, past
from monitor.spans import iso
from monitor.store.changes import change_of
from monitor.store.memberships import accounts_on_domains
from monitor.store.packages import Stored, load_packages
from monitor.store.signals import memberships_of, reach_of_subjects
from monitor.store.tables import AdvisoryAsked, ChangeRow, Target
from monitor.store.targets import by_subject, ids_of, reach_of


def show_json(
    session: Session,
    subject: str,
    thresholds: Thresholds,
    now: datetime,
    loaded: Mapping[int, Stored] | None = None,
    most_rebuilt: int = MOST_REBUILT,
) -> dict[str, Any] | None:
    """Facts, reach and timeline of one subject; None for one that the store does not know.

    ``loaded`` is the package by its target, where the caller has read it already; of an account's packages the past of
    ``most_rebuilt`` is told.
    """
    target = session.scalars(select(Target).where(col(Target.subject) == subject)).first()
    if target is None or target.id is None:
        return None
    reach = reach_of(session, [target.id]).get(target.id, ())
    timeline: list[dict[str, Any]] = []
    facts: dict[str, Any]
    if target.sort == "package":
        stored = (load_packages(session, [target.id]) if loaded is None else loaded).get(target.id)
        facts = package_facts(stored.package if stored else Package(ecosystem=target.source, name=""))
        if stored or session.get(AdvisoryAsked, target.id):
            facts["advisories"] = advisories_of(session, target.id, subject)
        if stored is not None:
            timeline += past(session, target.id, stored, thresholds, now)
    elif target.sort == "domain":
        facts = _domain_facts(session, target)
        reach = tuple(sorted({one for found in reach_of(session, _behind(session, subject)).values() for one in found}))
    else:
        facts = account_facts(session, target.id, subject)
        packages = {package for package, _ in memberships_of(session, [subject]).get(subject, ())}
        timeline += acts_of(session, subject, packages, thresholds, now, most_rebuilt)
        reach = reach_of_subjects(session, {subject: target.id})[subject]
    # What happens to the domain of an account's address happens to the account.
    about = [subject, *(domain_subject(name) for name in facts.get("domains") or ())]
    rows = session.scalars(
        select(ChangeRow)
        .where(col(ChangeRow.target_id).in_(ids_of(session, about).values()))
        .order_by(col(ChangeRow.id))
    )
    timeline += [entry(change_of(row), row.happened_at or row.at, row.severity, False) for row in rows]
    timeline.sort(key=lambda entry: entry["at"] or "")
    return {
        "subject": subject,
        "facts": facts,
        "signals": signals_of(session, target.id, now),
        "watches": [msgspec.to_builtins(one) for one in reach],
        "timeline": timeline,
        "freshness": {
            "fresh_at": target.fresh_at,
            "checked_at": target.checked_at,
            "stale": target.stale.split(),
            "error": target.error,
        },
    }


def package_facts(package: Package) -> dict[str, Any]:
    """A package's facts; unknown ones are None, known empty ones empty."""
    releases = None if package.releases is UNSET else list(package.releases.values())
    latest = next((r for r in releases or [] if r.version == package.latest), None)
    publishers = {r.publisher.name for r in releases or [] if r.publisher is not UNSET}
    dated = [r.published_at for r in releases or [] if r.published_at is not UNSET]
    return {
        "standing": _known(package.standing),
        "latest": _known(package.latest),
        "maintainers": None if package.maintainers is UNSET else [account.name for account in package.maintainers],
        "publishers": sorted(publishers) if publishers else None,
        "install_scripts": None if latest is None or latest.scripts is UNSET else latest.scripts,
        "last_release_at": iso(max(dated)) if dated else None,
        "deprecated": _known(package.deprecated),
        "repository": _known(package.repository),
        "licence": _known(package.licence),
        "provenance": None if latest is None else _known(latest.provenance),
        "contributors": None if package.contributors is UNSET else list(package.contributors),
        "releases": None if releases is None else len(releases),
    }


def _known(fact: Any) -> Any:
    return None if fact is UNSET else fact


def _behind(session: Session, subject: str) -> set[int]:
    """The domain itself, and the packages that accounts with an address on it can publish."""
    rows = accounts_on_domains(session, [subject.removeprefix("domain:")])
    own = session.scalars(select(col(Target.id)).where(col(Target.subject) == subject)).all()
    return {row.target_id for row in rows} | {target for target in own if target is not None}


def _domain_facts(session: Session, target: Target) -> dict[str, Any]:
    """A domain's facts as design, 7 names them, with the last answers of each source as evidence."""
    (due,) = by_subject(session, [target.subject])
    domain = due.domain or Domain(name=target.subject.removeprefix("domain:"))
    users = accounts_on_domains(session, [domain.name])
    subjects = {row.target_id for row in users}
    packages = session.scalars(select(col(Target.subject)).where(col(Target.id).in_(subjects))).all()
    expires = domain.expires_at
    return {
        "state": str(domain.state),
        "expires_at": iso(expires) if isinstance(expires, datetime) else None,
        "expiry_published": None if expires is UNSET else expires is not None,
        "registered_at": iso(domain.registered_at) if domain.registered_at is not UNSET else None,
        "registrar": _known(domain.registrar),
        "registry_handle": _known(domain.registry_handle),
        "nameservers": None if domain.nameservers is UNSET else list(domain.nameservers),
        "mail_exchangers": None if domain.mail_exchangers is UNSET else list(domain.mail_exchangers),
        "accounts": sorted({row.account for row in users if row.account}),
        "packages": sorted(packages),
        "evidence": msgspec.json.decode(target.evidence) if target.evidence else [],
    }
