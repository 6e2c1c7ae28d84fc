"""Signals in the store: which hold, what they are judged by, and the questions asked of both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import and_, func, or_, select, update
from sqlmodel import Session, col

from alerts.findings import Reach
from config.names import domain_subject
from monitor.observations import Domain
from monitor.signals.model import Holds
from monitor.snapshots import encode
from monitor.store.bulk import insert_rows, update_rows
from monitor.store.packages import chunks
from monitor.store.tables import Measure, Membership, Meta, Portfolio, SignalRow, Snapshot, Target
from monitor.store.targets import by_subject, reach_of

Key = tuple[int, str]
"""A target and a signal."""

LAST_PUBLISHED: Final = "LP"
"""No signal, but a measure of accounts beside theirs: seconds since 1970 of the last release known to be its own."""

_decoder = msgspec.json.Decoder(Holds)


class Open(Struct):
    """A signal that holds, as it is stored."""

    row: int
    holds: Holds
    raised_at: datetime


class Raised(Struct):
    """A signal to store as holding from now on."""

    key: Key
    holds: Holds


def open_signals(session: Session, targets: Iterable[int], signals: Sequence[str] = ()) -> dict[Key, Open]:
    """What holds of these targets."""
    found: dict[Key, Open] = {}
    for chunk in chunks(sorted(set(targets))):
        query = _OPEN.where(col(SignalRow.target_id).in_(chunk))
        if signals:
            query = query.where(col(SignalRow.signal).in_(signals))
        found.update(_opened(session, query))
    return found


def all_open(session: Session, signals: Sequence[str]) -> dict[Key, Open]:
    """All of these signals that hold, of watched and unwatched targets."""
    return dict(_opened(session, _OPEN.where(col(SignalRow.signal).in_(signals))))


_OPEN: Final = select(
    col(SignalRow.id), col(SignalRow.target_id), col(SignalRow.signal), col(SignalRow.body), col(SignalRow.raised_at)
).where(col(SignalRow.cleared_at).is_(None))


def _opened(session: Session, query: Any) -> Iterable[tuple[Key, Open]]:
    for row in session.execute(query):
        yield (row.target_id, row.signal), Open(row.id, _decoder.decode(row.body), row.raised_at)


def raise_signals(session: Session, raised: Sequence[Raised], now: datetime) -> None:
    """Store signals that hold from now on. One that another process stored meanwhile is left as it is."""
    insert_rows(
        session,
        SignalRow,
        ("target_id", "signal", "raised_at", "body"),
        [(*one.key, now, encode(one.holds)) for one in raised],
        conflict="ON CONFLICT DO NOTHING",
    )


def rewrite_signals(session: Session, rewritten: Mapping[int, Holds]) -> None:
    """Signals that hold as before, with other values or evidence, by their rows."""
    update_rows(session, SignalRow, ("id", "body"), [(row, encode(holds)) for row, holds in rewritten.items()])


def clear_signals(session: Session, rows: Sequence[int], now: datetime) -> None:
    for chunk in chunks(rows):
        session.execute(update(SignalRow).where(col(SignalRow.id).in_(chunk)).values(cleared_at=now))


# --- what they are judged by ------------------------------------------------------------------------------------


def measures_of(session: Session, targets: Iterable[int]) -> dict[Key, int | None]:
    found: dict[Key, int | None] = {}
    for chunk in chunks(sorted(set(targets))):
        rows = session.execute(
            select(col(Measure.target_id), col(Measure.signal), col(Measure.value)).where(
                col(Measure.target_id).in_(chunk)
            )
        )
        found.update(((row.target_id, row.signal), row.value) for row in rows)
    return found


def put_measures(session: Session, measures: Mapping[Key, int | None], known: Mapping[Key, int | None]) -> None:
    """Store the measures that are other than known."""
    insert_rows(
        session,
        Measure,
        ("target_id", "signal", "value"),
        [(*key, value) for key, value in measures.items() if key not in known or known[key] != value],
        conflict="ON CONFLICT (target_id, signal) DO UPDATE SET value = excluded.value",
    )


def histogram(session: Session, signal: str) -> dict[int, int]:
    """How many watched targets have each count."""
    rows = session.execute(
        select(col(Measure.value), func.count())
        .join(Target, col(Target.id) == col(Measure.target_id))
        .where(col(Measure.signal) == signal, col(Measure.value).is_not(None), is_watched())
        .group_by(col(Measure.value))
    )
    return {row[0]: row[1] for row in rows}


def crossing(session: Session, signal: str, condition: Any) -> list[tuple[int, str, int]]:
    """``(target, subject, value)`` of watched targets whose measure meets a condition while it does not hold."""
    holds = select(col(SignalRow.id)).where(
        col(SignalRow.target_id) == col(Measure.target_id),
        col(SignalRow.signal) == signal,
        col(SignalRow.cleared_at).is_(None),
    )
    rows = session.execute(
        select(col(Target.id), col(Target.subject), col(Measure.value))
        .join(Target, col(Target.id) == col(Measure.target_id))
        .where(col(Measure.signal) == signal, condition, ~holds.exists(), is_watched())
        .order_by(col(Target.id))
    )
    return [(row.id, row.subject, row.value) for row in rows]


def is_watched() -> Any:
    """Packages and domains that are checked; accounts that are listed, or belong to a package that is checked."""
    package = Target.__table__.alias()  # type: ignore[attr-defined]
    belongs = select(col(Membership.target_id)).where(
        col(Membership.account) == col(Target.subject),
        col(Membership.target_id) == package.c.id,
        package.c.due_at.is_not(None),
    )
    account = col(Target.sort) == "maintainer"
    return or_(col(Target.due_at).is_not(None), and_(account, or_(col(Target.listed), belongs.exists())))


def unmeasured(session: Session, limit: int) -> list[tuple[int, str]]:
    """Packages that have a snapshot and were never judged: those of a database from before there were signals."""
    rows = session.execute(
        select(col(Target.id), col(Target.subject))
        .join(Measure, and_(col(Measure.target_id) == col(Target.id), col(Measure.signal) == "W3"), isouter=True)
        .where(col(Target.sort) == "package", col(Target.snapshot_id).is_not(None), col(Measure.target_id).is_(None))
        .order_by(col(Target.id))
        .limit(limit)
    )
    return [(row.id, row.subject) for row in rows]


def newest_snapshot(session: Session) -> int:
    """Its number; 0 where there is none."""
    return session.scalar(select(func.max(col(Snapshot.id)))) or 0


def lapsed_domains(session: Session, names: Iterable[str]) -> dict[str, Domain]:
    """Those of these domains whose last known state is a lapsed one, by name."""
    lapsed: list[str] = []
    for chunk in chunks(sorted({domain_subject(name) for name in names})):
        lapsed += session.scalars(
            select(col(Target.subject))
            .join(Measure, col(Measure.target_id) == col(Target.id))
            .where(col(Target.subject).in_(chunk), col(Measure.signal) == "W1", col(Measure.value) == 1)
        )
    return {due.domain.name: due.domain for due in by_subject(session, lapsed) if due.domain is not None}


def seen_domains(session: Session) -> list[str]:
    """Subjects of every domain that was checked once."""
    query = select(col(Target.subject)).where(col(Target.sort) == "domain", col(Target.snapshot_id).is_not(None))
    return list(session.scalars(query))


def memberships_of(session: Session, accounts: Iterable[str]) -> dict[str, list[tuple[int, str]]]:
    """``(package, role)`` of each of these accounts, packages that are no longer watched included."""
    found: dict[str, list[tuple[int, str]]] = {}
    for chunk in chunks(sorted(set(accounts))):
        rows = session.execute(
            select(col(Membership.account), col(Membership.target_id), col(Membership.role))
            .where(col(Membership.account).in_(chunk))
            .distinct()
        )
        for row in rows:
            found.setdefault(row.account, []).append((row.target_id, row.role))
    return found


def reach_of_subjects(session: Session, targets: Mapping[str, int]) -> dict[str, tuple[Reach, ...]]:
    """The watches that each subject reaches: its own, and for an account those of its packages."""
    belongs = memberships_of(session, (subject for subject in targets if ":~" in subject))
    behind = {
        subject: {target, *(package for package, _ in belongs.get(subject, ()))} for subject, target in targets.items()
    }
    reach = reach_of(session, set().union(*behind.values(), set()))
    return {
        subject: tuple(sorted({one for target in packages for one in reach.get(target, ())}))
        for subject, packages in behind.items()
    }


def undated(session: Session, accounts: Iterable[str]) -> set[str]:
    """Accounts with a package of which it is not known when it was last released: they may be active there."""
    found: set[str] = set()
    for chunk in chunks(sorted(set(accounts))):
        found |= set(
            session.scalars(
                select(col(Membership.account))
                .join(Measure, and_(col(Measure.target_id) == col(Membership.target_id), col(Measure.signal) == "W3"))
                .where(col(Membership.account).in_(chunk), col(Measure.value).is_(None))
                .distinct()
            )
        )
    return found


def sole_maintainers(session: Session, packages: Iterable[int]) -> dict[int, str]:
    """The account of each of these packages that has just one."""
    found: dict[int, str] = {}
    for chunk in chunks(sorted(set(packages))):
        rows = session.execute(
            select(col(Membership.target_id), func.min(col(Membership.account)).label("account"))
            .where(col(Membership.target_id).in_(chunk), col(Membership.role) == "maintainer")
            .group_by(col(Membership.target_id))
            .having(func.count(func.distinct(col(Membership.account))) == 1)
        )
        found.update((row.target_id, row.account) for row in rows)
    return found


def totals_of(session: Session, accounts: Iterable[int]) -> dict[int, int]:
    """What the search last told of these accounts, where it told anything."""
    found: dict[int, int] = {}
    for chunk in chunks(sorted(set(accounts))):
        rows = session.execute(
            select(col(Portfolio.target_id), col(Portfolio.total)).where(
                col(Portfolio.target_id).in_(chunk), col(Portfolio.total).is_not(None)
            )
        )
        found.update((row.target_id, row.total) for row in rows)
    return found


# --- the thresholds in force ------------------------------------------------------------------------------------

_KEPT: Final = "signal-thresholds"


class Kept(Struct):
    """The watched set's percentiles as they were last taken, and the thresholds they were taken with."""

    at: datetime
    """When everything was looked at."""
    relative: dict[str, int | None]
    population: dict[str, int]
    """How many targets were counted when all was last judged anew."""
    thresholds: list[Any]
    newest: int = 0
    """The newest snapshot there was: each that follows may change what is counted."""


def kept_thresholds(session: Session) -> Kept | None:
    row = session.get(Meta, _KEPT)
    return msgspec.json.decode(row.value, type=Kept) if row else None


def keep_thresholds(session: Session, kept: Kept) -> None:
    session.merge(Meta(name=_KEPT, value=msgspec.json.encode(kept).decode()))
