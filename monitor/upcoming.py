"""What will happen in the next weeks, as far as it is known: for digests, so that nobody is taken by surprise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlmodel import Session, col

from alerts.matching import View
from alerts.messages.content import Coming
from config.severity import Severity
from monitor.store.memberships import accounts_on_domains
from monitor.store.tables import Target
from monitor.store.targets import by_subject, reach_of

AHEAD: Final = timedelta(days=30)


def upcoming(session: Session, now: datetime) -> Sequence[Coming]:
    """Domains that expire within 30 days, each with the watches that it reaches."""
    query = select(col(Target.subject)).where(col(Target.sort) == "domain", col(Target.due_at).is_not(None))
    soon = {
        due.domain.name: (due, due.domain.expires_at)
        for due in by_subject(session, session.scalars(query).all())
        if due.domain is not None
        and isinstance(due.domain.expires_at, datetime)
        and now <= due.domain.expires_at <= now + AHEAD
    }
    behind: dict[str, set[int]] = {name: {due.id} for name, (due, _) in soon.items()}
    for row in accounts_on_domains(session, soon):
        behind[row.domain].add(row.target_id)
    reach = reach_of(session, set().union(*behind.values(), set()))
    found = []
    for name, (due, expires_at) in soon.items():
        touched = sorted({one for target in behind[name] for one in reach.get(target, ())})
        packages = len(behind[name] - {due.id})
        hangs = f", on which {packages} watched packages hang" if packages > 1 else ""
        found.append(
            Coming(
                at=expires_at,
                subject=due.subject,
                title=f"{name} expires{hangs}",
                view=View(
                    subject=due.subject,
                    severity=Severity.INFO,
                    kinds=frozenset({"domain-expiring"}),
                    ecosystem="domain",
                    owners=frozenset(one.owner for one in touched if one.owner),
                    watches=frozenset(one.watch for one in touched),
                ),
            )
        )
    return sorted(found, key=lambda one: (one.at, one.subject))
