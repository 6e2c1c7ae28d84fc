"""What a change touches: the user's watches, the accounts, and the domains behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import select
from sqlmodel import Session, col

from alerts.findings import Reach
from config.names import account_subject, split_purl
from monitor.changes.model import Change
from monitor.exposure import use_of
from monitor.schedule import Due
from monitor.store.memberships import accounts_on_domains
from monitor.store.packages import chunks, dependants
from monitor.store.tables import Membership
from monitor.store.targets import ranges_of, reach_of, subjects_of

MOST_COUNTED: Final = 20
"""Packages of one domain whose dependants are counted."""


class Joined(Struct):
    """A change with what it touches."""

    due: Due
    change: Change
    reach: tuple[Reach, ...]
    related: tuple[str, ...]


def join(session: Session, changes: Sequence[tuple[Due, Change]]) -> list[Joined]:
    """Reach and related subjects of many changes, in a handful of queries."""
    packages = {due.id for due, _ in changes if due.sort == "package"}
    domains = {due.subject.removeprefix("domain:") for due, _ in changes if due.sort == "domain"}
    on_domain: dict[str, list[tuple[str, int]]] = {}
    for row in accounts_on_domains(session, domains):
        on_domain.setdefault(row.domain, []).append((row.account, row.target_id))
    domains_of = _domains_by_package(session, packages)
    behind = {target for users in on_domain.values() for _, target in users}
    subjects = subjects_of(session, behind)
    reach = reach_of(session, packages | behind | {due.id for due, _ in changes})
    ranges = ranges_of(session, {due.id for due, change in changes if due.sort == "package" and change.version})
    joined = []
    for due, change in changes:
        if due.sort == "domain":
            joined.append(_domain(session, due, change, on_domain, subjects, reach))
        else:
            known = tuple(_use(due, change, one, ranges) for one in reach.get(due.id, ()))
            joined.append(_package(due, change, domains_of.get(due.id, {}), known))
    return joined


def _use(due: Due, change: Change, reach: Reach, ranges: dict[tuple[int, str], tuple[str, ...]]) -> Reach:
    """The same reach with how near the release is that the change is about."""
    if not change.version:
        return reach
    asked = ranges.get((due.id, reach.watch), ())
    use = use_of(split_purl(due.subject)[0], change.version, reach.versions, asked)
    return replace(reach, release=change.version[:200], use=use)


def _package(due: Due, change: Change, domains: dict[str, set[str]], reach: tuple[Reach, ...]) -> Joined:
    account = account_subject(split_purl(due.subject)[0], change.account) if change.account else ""
    # A release by a known account concerns the domains of that account; one by nobody we can name, all of them.
    concerned = domains.get(account, set()) if account else set().union(*domains.values(), set())
    related = {f"domain:{name}" for name in concerned} | ({account} if account else set())
    uses: dict[str, list[str]] = {}
    for one in reach:
        if one.use:
            uses.setdefault(one.use, []).append(one.watch)
    if uses:
        change = replace(change, evidence={**change.evidence, "use": uses})
    return Joined(due, change, reach, tuple(sorted(related)))


def _domain(
    session: Session,
    due: Due,
    change: Change,
    on_domain: dict[str, list[tuple[str, int]]],
    subjects: dict[int, str],
    reach: dict[int, tuple[Reach, ...]],
) -> Joined:
    users = on_domain.get(due.subject.removeprefix("domain:"), [])
    accounts = sorted({account for account, _ in users if account})
    # Most exposed first: what most of the user's watches use.
    targets = sorted({target for _, target in users}, key=lambda t: (-len(reach.get(t, ())), subjects.get(t, "")))
    packages = [subjects[target] for target in targets if target in subjects]
    known = dependants(session, packages[:MOST_COUNTED])
    touched = sorted({one for target in (due.id, *targets) for one in reach.get(target, ())})
    evidence = {**change.evidence, "accounts": accounts, "packages": packages, "dependants": known}
    return Joined(due, replace(change, evidence=evidence), tuple(touched), tuple(accounts))


def _domains_by_package(session: Session, packages: set[int]) -> dict[int, dict[str, set[str]]]:
    found: dict[int, dict[str, set[str]]] = {}
    for chunk in chunks(list(packages)):
        for row in session.execute(
            select(col(Membership.target_id), col(Membership.account), col(Membership.domain)).where(
                col(Membership.target_id).in_(chunk), col(Membership.domain) != ""
            )
        ):
            found.setdefault(row.target_id, {}).setdefault(row.account, set()).add(row.domain)
    return found
