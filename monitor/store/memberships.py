"""Who can publish what, and on which domains their published addresses are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import UNSET
from sqlalchemy import delete, insert, select
from sqlmodel import Session, col

from config.names import account_subject
from monitor.accounts import is_person
from monitor.addresses import registrable_domain
from monitor.observations import Package
from monitor.store.packages import chunks
from monitor.store.tables import Membership, Target

Row = tuple[str, str, str, str]
"""Account, role, e-mail, domain."""


def memberships(package: Package) -> set[Row]:
    """The accounts of a package with their published addresses, and addresses of nobody's account (PyPI)."""
    found: set[Row] = set()

    def add(name: str, role: str, email: str) -> None:
        subject = account_subject(package.ecosystem, name) if name else ""
        found.add((subject[:250], role, email[:320], registrable_domain(email)))

    if package.maintainers is not UNSET:
        for account in package.maintainers:
            if is_person(account):
                add(account.name, "maintainer", "" if account.email is UNSET else account.email)
    if package.releases is not UNSET:
        publishers = {release.publisher for release in package.releases.values() if release.publisher is not UNSET}
        for publisher in publishers:
            if is_person(publisher):
                add(publisher.name, "publisher", "" if publisher.email is UNSET else publisher.email)
    if package.contacts is not UNSET:
        for email in package.contacts:
            add("", "contact", email)
    return found


def replace_memberships(session: Session, desired: Mapping[int, set[Row]]) -> set[Row]:
    """Make the store hold just these memberships of these packages; what is new among them."""
    present: dict[int, set[Row]] = {target: set() for target in desired}
    for chunk in chunks(list(desired)):
        for row in session.execute(
            select(
                col(Membership.target_id),
                col(Membership.account),
                col(Membership.role),
                col(Membership.email),
                col(Membership.domain),
            ).where(col(Membership.target_id).in_(chunk))
        ):
            present[row.target_id].add((row.account, row.role, row.email, row.domain))
    added: list[dict[str, Any]] = []
    new: set[Row] = set()
    for target, rows in desired.items():
        for account, role, email, _domain in present[target] - rows:
            session.execute(
                delete(Membership).where(
                    col(Membership.target_id) == target,
                    col(Membership.account) == account,
                    col(Membership.role) == role,
                    col(Membership.email) == email,
                )
            )
        for account, role, email, domain in rows - present[target]:
            added.append({"target_id": target, "account": account, "role": role, "email": email, "domain": domain})
            new.add((account, role, email, domain))
    if added:
        session.execute(insert(Membership), added)
    return new


def maintainers_of(session: Session, targets: Iterable[int]) -> dict[int, set[str]]:
    """Names of the accounts that can publish each of these packages."""
    found: dict[int, set[str]] = {}
    for chunk in chunks(sorted(set(targets))):
        for row in session.execute(
            select(col(Membership.target_id), col(Membership.account)).where(
                col(Membership.target_id).in_(chunk),
                col(Membership.role) == "maintainer",
                col(Membership.account) != "",
            )
        ):
            found.setdefault(row.target_id, set()).add(row.account.partition(":~")[2])
    return found


def accounts_on_domains(session: Session, domains: Iterable[str]) -> list[Any]:
    """``(domain, account, role, email, target_id)`` of every membership on these domains."""
    found: list[Any] = []
    for chunk in chunks(sorted(set(domains))):
        found += session.execute(
            select(
                col(Membership.domain),
                col(Membership.account),
                col(Membership.role),
                col(Membership.email),
                col(Membership.target_id),
            ).where(col(Membership.domain).in_(chunk))
        ).all()
    return found


def domains_behind(session: Session, packages: Iterable[int], accounts: Iterable[str]) -> set[str]:
    """The domains of every address of these packages, and of these accounts wherever it is published."""
    found: set[str] = set()
    for which, wanted in ((col(Membership.target_id), set(packages)), (col(Membership.account), set(accounts))):
        for chunk in chunks(sorted(wanted)):
            query = select(col(Membership.domain)).where(which.in_(chunk), col(Membership.domain) != "")
            found.update(session.scalars(query.distinct()))
    return found


def packages_behind(session: Session, subject: str) -> set[str]:
    """The purls of the packages that an account can publish, or that an address on a domain belongs to."""
    if subject.startswith("domain:"):
        which = col(Membership.domain) == subject.removeprefix("domain:")
    else:
        which = col(Membership.account) == subject
    query = select(col(Target.subject)).join(Membership, col(Membership.target_id) == col(Target.id)).where(which)
    return set(session.execute(query).scalars())
