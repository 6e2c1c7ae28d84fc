"""Claims: which job has the next check of a target, so that none is checked twice at once and none is forgotten.

A claim is the number of a job. It is made in the transaction that defers the job, and ends in the one that records
the result. A result whose claim no longer holds is not recorded: somebody else has the target now, or nobody watches
it any more. Numbers of jobs never come again (``monitor.engine.queues``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Final

from msgspec.structs import replace
from sqlalchemy import select, text, update
from sqlmodel import Session, col

from monitor.results import Result
from monitor.schedule import Due
from monitor.store.bulk import update_rows
from monitor.store.packages import chunks
from monitor.store.tables import Target
from monitor.store.targets import by_id

Defer = Callable[[Session, Sequence[list[int]]], list[int]]
"""Defers a job for each of these lists of targets, within the transaction; the numbers of the jobs."""


def claim_due(session: Session, source: str, now: datetime, jobs: int, size: int, defer: Defer) -> int:
    """Claim what is due of a source, the longest overdue first, for at most so many jobs of that ``size``; how many."""
    due = session.scalars(
        select(col(Target.id))
        .where(col(Target.source) == source, col(Target.due_at) <= now, col(Target.claim).is_(None))
        .order_by(col(Target.due_at))
        .limit(jobs * size)
        .with_for_update(skip_locked=True)
    ).all()
    ids = [target for target in due if target is not None]
    lists = [ids[start : start + size] for start in range(0, len(ids), size)]
    if lists:
        numbers = defer(session, lists)
        pairs = [(target, job) for job, targets in zip(numbers, lists, strict=True) for target in targets]
        update_rows(session, Target, ("id", "claim"), sorted(pairs))
    return len(lists)


def claimed(session: Session, job: int, targets: Collection[int], *, told_of: bool) -> list[Due]:
    """Those of these targets that the job still has, with what their checks need to know."""
    found = by_id(session, targets, col(Target.claim) == job)
    return [replace(due, claim=job, told_of=told_of) for due in found]


def let_go(session: Session, job: int, targets: Collection[int]) -> None:
    """Give up what a job did not come to: it is due as before, and free."""
    for chunk in chunks(sorted(targets)):
        session.execute(update(Target).where(col(Target.id).in_(chunk), col(Target.claim) == job).values(claim=None))


def free_orphans(session: Session, sources: Collection[str], now: datetime) -> int:
    """Free what is due and claimed by jobs that are no more, on PostgreSQL; how many."""
    found = session.execute(_ORPHANS, {"sources": list(sources), "now": now})
    return int(found.rowcount)  # type: ignore[attr-defined]


_ORPHANS: Final = text(
    """
    UPDATE target SET claim = NULL
    WHERE source = ANY(:sources) AND due_at <= :now AND claim IS NOT NULL AND NOT EXISTS
        (SELECT FROM procrastinate_jobs AS job WHERE job.id = target.claim AND job.status IN ('todo', 'doing'))
    """
)


def still_claimed(session: Session, results: Sequence[Result]) -> Sequence[Result]:
    """Those whose claim holds, or that needed none; their rows stay locked until the transaction ends."""
    claims = {r.due.id: r.due.claim for r in results if r.due.claim is not None}
    if not claims:
        return results
    held: set[int] = set()
    for chunk in chunks(sorted(claims)):
        rows = session.execute(
            select(col(Target.id), col(Target.claim))
            .where(col(Target.id).in_(chunk))
            .order_by(col(Target.id))  # in one order everywhere, so that nobody waits for each other
            .with_for_update()
        )
        held.update(row.id for row in rows if row.claim == claims[row.id])
    return [r for r in results if r.due.claim is None or r.due.id in held]
