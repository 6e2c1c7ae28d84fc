"""Retention: what is older than the configuration asks to keep is deleted, a little at a time, so that checks go on.

Never deleted: what holds now, releases (the evidence of all history), acceptances, and the changes that an open alert
rests on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from fnmatch import fnmatchcase

from sqlalchemy import delete, select
from sqlmodel import Session, col

from alerts import pruning
from config.settings import Retention
from monitor.changes.kinds import KINDS
from monitor.store.engine import Store
from monitor.store.packages import chunks
from monitor.store.tables import ChangeRow, ReleaseRow, SignalRow, Snapshot, Value

Find = Callable[[Session], Iterable[Sequence[int]]]
Forget = Callable[[Session, Sequence[int]], None]


def prune(store: Store, retention: Retention, now: datetime, *, dry_run: bool = False) -> dict[str, int]:
    """Delete what may go; how many rows of each kind went, or would go."""
    with store.reading() as session:
        evidence = pruning.evidence_of_open_alerts(session)
    steps: list[tuple[str, Find, Forget]] = [
        (
            "messages",
            lambda session: pruning.settled_messages(session, now - retention.messages),
            pruning.forget_messages,
        ),
        ("alerts", lambda session: pruning.ended_alerts(session, now - retention.alerts), pruning.forget_alerts),
        ("silences", lambda session: pruning.ended_silences(session, now - retention.alerts), pruning.forget_silences),
        ("changes", lambda session: _changes(session, retention, evidence, now), _forget(ChangeRow)),
        (
            "signals",
            lambda session: _older(
                session, select(col(SignalRow.id)).where(col(SignalRow.cleared_at) < now - retention.changes)
            ),
            _forget(SignalRow),
        ),
        (
            "snapshots",
            lambda session: _older(
                session, select(col(Snapshot.id)).where(col(Snapshot.last_seen) < now - retention.snapshots)
            ),
            _forget(Snapshot),
        ),
    ]
    gone: dict[str, int] = {}
    for name, find, forget in steps:
        with store.reading() as session:
            found = list(find(session))
        gone[name] = sum(map(len, found))
        for numbers in () if dry_run else found:
            with store.transaction() as session:
                forget(session, numbers)
    gone["values"] = 0 if dry_run else _unused_values(store)
    return gone


def _changes(
    session: Session, retention: Retention, evidence: frozenset[int], now: datetime
) -> Iterable[Sequence[int]]:
    for kind in KINDS:
        kept = next((span for glob, span in retention.kinds.items() if fnmatchcase(kind, glob)), retention.changes)
        query = select(col(ChangeRow.id)).where(col(ChangeRow.kind) == kind, col(ChangeRow.at) < now - kept)
        numbers = [number for number in session.scalars(query) if number not in evidence]
        yield from chunks(numbers)


def _older(session: Session, query: object) -> Iterable[Sequence[int]]:
    yield from chunks(session.scalars(query).all())  # type: ignore[call-overload]


def _forget(table: type[ChangeRow] | type[SignalRow] | type[Snapshot]) -> Forget:
    def forget(session: Session, numbers: Sequence[int]) -> None:
        session.execute(delete(table).where(col(table.id).in_(numbers)))

    return forget


def _unused_values(store: Store) -> int:
    """Delete values that nothing refers to any more; how many."""
    users = (
        select(col(Snapshot.digest)),
        select(col(ReleaseRow.common)),
        select(col(ReleaseRow.maintainers)).where(col(ReleaseRow.maintainers).is_not(None)),
        select(col(ReleaseRow.dependencies)).where(col(ReleaseRow.dependencies).is_not(None)),
    )
    used = users[0].union(*users[1:])
    with store.reading() as session:
        unused = session.scalars(select(col(Value.digest)).where(col(Value.digest).not_in(used))).all()
    for digests in chunks(unused):
        # Asked again in the transaction: a check may have taken a value up since.
        with store.transaction() as session:
            session.execute(delete(Value).where(col(Value.digest).in_(digests), col(Value.digest).not_in(used)))
    return len(unused)
