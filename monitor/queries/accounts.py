"""What is known of an account that can publish: portfolio, activity, addresses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from monitor.addresses import Sort, mailbox
from monitor.signals.w6_portfolio import SEARCH, STORE
from monitor.spans import iso
from monitor.store.signals import LAST_PUBLISHED, measures_of
from monitor.store.tables import Membership, Portfolio, Target


def account_facts(session: Session, target: int, subject: str) -> dict[str, Any]:
    """An account's facts (design, 7) from the packages that are watched, and from the registry's search.

    ``last_active_at`` is the last release of any package that it can publish, or could then: what W3 goes by.
    ``last_published_at`` is the last that it is known to have published or approved itself; PyPI tells nobody's.
    """
    rows = session.execute(
        select(col(Membership.email), col(Membership.domain), col(Membership.role), col(Target.subject))
        .join(Target, col(Membership.target_id) == col(Target.id))
        .where(col(Membership.account) == subject)
    ).all()
    measures = measures_of(session, [target])
    told = session.get(Portfolio, target)
    by_search = told is not None and told.total is not None
    packages = sorted({row.subject for row in rows if row.role == "maintainer"})
    return {
        "emails": sorted({row.email for row in rows if row.email}),
        "domains": sorted({row.domain for row in rows if row.domain}),
        "throw_away_emails": sorted({row.email for row in rows if mailbox(row.email).sort is Sort.DISPOSABLE}),
        "packages": packages,
        "packages_total": told.total if told is not None and by_search else len(packages),
        "packages_counted_by": SEARCH if by_search else STORE,
        "packages_counted_at": iso(told.total_at) if told is not None and by_search else None,
        "published": sorted({row.subject for row in rows if row.role == "publisher"}),
        "last_active_at": _moment(measures.get((target, "W3"))),
        "last_published_at": _moment(measures.get((target, LAST_PUBLISHED))),
    }


def _moment(seconds: int | None) -> str | None:
    return iso(datetime.fromtimestamp(seconds, UTC)) if seconds is not None else None
