"""Domains that are checked because of packages: they rest and resume as these come and go."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select, update
from sqlmodel import Session, col

from config.names import domain_subject
from monitor.store.packages import chunks
from monitor.store.tables import Membership, Target


def rest_derived(session: Session, now: datetime, moved: Iterable[int] | None = None) -> None:
    """Stop or resume the domains that follow from packages, as those packages come and go.

    ``moved``: only these packages did; all of them where it is not given.
    """
    if moved is not None:
        _rest_domains_of(session, now, moved)
        return
    packages = select(col(Target.id)).where(col(Target.sort) == "package", col(Target.due_at).is_not(None))
    in_use = (
        select(("domain:" + col(Membership.domain)).label("subject"))
        .where(col(Membership.domain) != "", col(Membership.target_id).in_(packages))
        .distinct()
    )
    derived = (col(Target.sort) == "domain", col(Target.listed).is_(False))
    session.execute(update(Target).where(*derived, col(Target.subject).not_in(in_use)).values(due_at=None, claim=None))
    session.execute(
        update(Target).where(*derived, col(Target.due_at).is_(None), col(Target.subject).in_(in_use)).values(due_at=now)
    )


def _rest_domains_of(session: Session, now: datetime, moved: Iterable[int]) -> None:
    """The same for the domains behind some packages."""
    behind: set[str] = set()
    for chunk in chunks(sorted(set(moved))):
        named = select(col(Membership.domain)).where(col(Membership.target_id).in_(chunk), col(Membership.domain) != "")
        behind.update(session.scalars(named.distinct()))
    for chunk in chunks(sorted(behind)):
        used = (
            select(col(Membership.domain))
            .join(Target, col(Target.id) == col(Membership.target_id))
            .where(col(Membership.domain).in_(chunk), col(Target.sort) == "package", col(Target.due_at).is_not(None))
        )
        in_use = {domain_subject(name) for name in session.scalars(used.distinct())}
        rest = {domain_subject(name) for name in chunk} - in_use
        derived = (col(Target.sort) == "domain", col(Target.listed).is_(False))
        session.execute(update(Target).where(*derived, col(Target.subject).in_(rest)).values(due_at=None, claim=None))
        resumed = (*derived, col(Target.due_at).is_(None), col(Target.subject).in_(in_use))
        session.execute(update(Target).where(*resumed).values(due_at=now))
