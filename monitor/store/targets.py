"""Targets in the store: what is watched, by whom, and what is due."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import bindparam, case, delete, insert, not_, or_, select, update
from sqlmodel import Session, col

from alerts.findings import Reach
from monitor.observations import Domain
from monitor.schedule import Due
from monitor.snapshots import decode_domain
from monitor.store.bulk import insert_rows
from monitor.store.derived import rest_derived
from monitor.store.packages import chunks
from monitor.store.tables import Snapshot, Target, Value, WatchEntry


class Wanted(Struct, frozen=True, kw_only=True):
    """One target that one watch asks for."""

    watch: str
    subject: str
    sort: str
    owner: str = ""
    direct: bool = True
    dev: bool = False
    via: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()
    source: str = ""


class Reconciled(Struct):
    """What a new watchlist changed."""

    added: int = 0
    removed: int = 0


def source_of(subject: str) -> str:
    """Which source checks a subject: ``npm``, ``pypi`` or ``domain``."""
    if subject.startswith("domain:"):
        return "domain"
    if subject.startswith("pkg:"):
        return subject[4:].partition("/")[0]
    return subject.partition(":")[0]


def add_targets(
    session: Session, subjects: Iterable[tuple[str, str]], now: datetime, rng: Random, *, listed: bool
) -> dict[str, int]:
    """Rows for ``(subject, sort)`` pairs, watched from now on; ids of all of them by subject.

    New targets are due at once, the first hundred of them; more are spread over the following minutes, so that a
    watchlist of thousands does not arrive at a registry in one second.
    """
    wanted = dict(subjects)
    known: dict[str, Any] = {}
    for chunk in chunks(list(wanted)):
        rows = session.execute(
            select(col(Target.id), col(Target.subject), col(Target.due_at), col(Target.listed)).where(
                col(Target.subject).in_(chunk)
            )
        )
        known.update((row.subject, row) for row in rows)
    new = [subject for subject in wanted if subject not in known]
    spread = timedelta(milliseconds=20) * max(0, len(new) - 100)
    if new:
        session.execute(
            insert(Target),
            [
                {
                    "subject": subject,
                    "sort": wanted[subject],
                    "source": source_of(subject),
                    "listed": listed,
                    "added_at": now,
                    "due_at": now + spread * rng.random() if checkable(wanted[subject]) else None,
                }
                for subject in new
            ],
        )
    back = [row.id for row in known.values() if row.due_at is None and checkable(wanted[row.subject])]
    for chunk in chunks(back):
        session.execute(update(Target).where(col(Target.id).in_(chunk)).values(due_at=now))
    if listed:
        for chunk in chunks([row.id for row in known.values() if not row.listed]):
            session.execute(update(Target).where(col(Target.id).in_(chunk)).values(listed=True))
    ids = {subject: row.id for subject, row in known.items()}
    for chunk in chunks(new):
        for row in session.execute(select(col(Target.id), col(Target.subject)).where(col(Target.subject).in_(chunk))):
            ids[row.subject] = row.id
    return ids


def checkable(sort: str) -> bool:
    """Whether a target of this sort has a source of its own; a maintainer is known through packages."""
    return sort != "maintainer"


def reconcile(session: Session, wanted: Sequence[Wanted], now: datetime, rng: Random) -> Reconciled:
    """Make the store watch what the watchlist asks for, no more and no less.

    Targets that left the watchlist stop being checked and keep their history. Accounts and domains that only they
    led to stop with them.
    """
    before = {
        subject for (subject,) in session.execute(select(col(Target.subject)).where(col(Target.listed), active()))
    }
    ids = add_targets(session, {item.subject: item.sort for item in wanted}.items(), now, rng, listed=True)
    _replace_entries(session, wanted, ids)
    kept = set(ids.values())
    gone = [row.id for row in session.execute(select(col(Target.id)).where(col(Target.listed))) if row.id not in kept]
    for chunk in chunks(gone):
        session.execute(update(Target).where(col(Target.id).in_(chunk)).values(listed=False, due_at=None, claim=None))
    rest_derived(session, now)
    return Reconciled(added=len(ids.keys() - before), removed=len(gone))


def active() -> Any:
    """Of a target: it is checked, or known through others that are."""
    return or_(col(Target.due_at).is_not(None), col(Target.sort) == "maintainer")


def _replace_entries(session: Session, wanted: Sequence[Wanted], ids: dict[str, int]) -> None:
    desired = {(item.watch, ids[item.subject]): _entry(item, ids) for item in wanted}
    present = {
        (row.watch, row.target_id): tuple(row)
        for row in session.execute(select(*(getattr(WatchEntry, name) for name in _ENTRY_COLUMNS)))
    }
    stale = [key for key, row in present.items() if desired.get(key) != row]
    for watch in {key[0] for key in stale}:
        for chunk in chunks([target for name, target in stale if name == watch]):
            session.execute(
                delete(WatchEntry).where(col(WatchEntry.watch) == watch, col(WatchEntry.target_id).in_(chunk))
            )
    insert_rows(session, WatchEntry, _ENTRY_COLUMNS, [row for key, row in desired.items() if present.get(key) != row])


def insert_entries(session: Session, wanted: Iterable[Wanted], ids: Mapping[str, int]) -> None:
    """Rows for targets of watches that have none yet."""
    insert_rows(session, WatchEntry, _ENTRY_COLUMNS, [_entry(item, ids) for item in wanted])


def _entry(item: Wanted, ids: Mapping[str, int]) -> tuple[Any, ...]:
    """In the order of ``_ENTRY_COLUMNS``."""
    lists = (msgspec.json.encode(names).decode() for names in (item.via, item.versions, item.ranges))
    return item.watch, ids[item.subject], item.owner, item.direct, item.dev, *lists, item.source


_ENTRY_COLUMNS = ("watch", "target_id", "owner", "direct", "dev", "via", "versions", "ranges", "source")


def take_due(session: Session, now: datetime, limit: int, source: str, busy: Iterable[int] = ()) -> list[Due]:
    """The targets of a source that are due, without those that are being checked already.

    First what a feed announced and what a second look must confirm, so that neither waits behind a week that was slept
    through; then the longest overdue.
    """
    skip = set(busy)
    most = limit + len(skip)
    rows: list[Any] = []
    for due_in_order in (_NEWS_DUE, _OTHERS_DUE):
        rows += session.execute(due_in_order, {"of": source, "now": now, "most": most - len(rows)})
    return with_domains(session, [_due(row) for row in rows if row.id not in skip][:limit])


def by_subject(session: Session, subjects: Iterable[str]) -> list[Due]:
    """The named targets, due or not, in the order of their names."""
    found: list[Due] = []
    for chunk in chunks(sorted(set(subjects))):
        found += map(_due, session.execute(select(*_DUE_COLUMNS).where(col(Target.subject).in_(chunk))))
    return with_domains(session, sorted(found, key=lambda due: due.subject))


def by_id(session: Session, targets: Iterable[int], *where: Any) -> list[Due]:
    """Those of these targets for which these conditions hold, due or not."""
    found: list[Due] = []
    for chunk in chunks(sorted(targets)):
        found += map(_due, session.execute(select(*_DUE_COLUMNS).where(col(Target.id).in_(chunk), *where)))
    return with_domains(session, found)


def all_watched(session: Session) -> list[Due]:
    """Every target that is checked, packages first."""
    order = case((col(Target.sort) == "package", 0), else_=1)
    rows = session.execute(
        select(*_DUE_COLUMNS).where(col(Target.due_at).is_not(None)).order_by(order, col(Target.subject))
    )
    return with_domains(session, [_due(row) for row in rows])


def with_domains(session: Session, dues: Sequence[Due]) -> list[Due]:
    """The same targets; domains among them with what is known of them, in one query for all."""
    domains = [due.id for due in dues if due.sort == "domain"]
    known: dict[int, Domain] = {}
    for chunk in chunks(domains):
        rows = session.execute(
            select(col(Snapshot.target_id), col(Value.body))
            .join(Value, col(Value.digest) == col(Snapshot.digest))
            .where(col(Snapshot.target_id).in_(chunk), col(Snapshot.last_seen).is_(None))
        )
        known.update((target, decode_domain(body)) for target, body in rows)
    return [replace(due, domain=known.get(due.id)) if due.sort == "domain" else due for due in dues]


def ids_of(session: Session, subjects: Iterable[str]) -> dict[str, int]:
    """The target of each of these subjects that has one."""
    found: dict[str, int] = {}
    for chunk in chunks(sorted(set(subjects))):
        for row in session.execute(select(col(Target.id), col(Target.subject)).where(col(Target.subject).in_(chunk))):
            found[row.subject] = row.id
    return found


def subjects_of(session: Session, targets: Iterable[int]) -> dict[int, str]:
    """The subject of each of these targets."""
    found: dict[int, str] = {}
    for chunk in chunks(sorted(set(targets))):
        rows = session.execute(select(col(Target.id), col(Target.subject)).where(col(Target.id).in_(chunk)))
        found.update((row.id, row.subject) for row in rows)
    return found


_DUE_COLUMNS: Any = (
    col(Target.id),
    col(Target.subject),
    col(Target.sort),
    col(Target.source),
    col(Target.etag),
    col(Target.last_modified),
    col(Target.digest),
    col(Target.failures),
    col(Target.failing_since),
    col(Target.changed_at),
    col(Target.added_at),
)

_NEWS: Any = or_(col(Target.awaited_since).is_not(None), col(Target.suspect).is_not(None))
# In two steps, each in the order of an index: what is overdue after a long sleep is not sorted at every look. And put
# together once: they are asked every second for every source, which costs less than to put them together.
_NEWS_DUE, _OTHERS_DUE = (
    select(*_DUE_COLUMNS)
    .where(col(Target.source) == bindparam("of"), col(Target.due_at) <= bindparam("now"), which)
    .order_by(col(Target.due_at))
    .limit(bindparam("most"))
    for which in (_NEWS, not_(_NEWS))
)


def _due(row: Any) -> Due:
    return Due(**row._mapping)


def reach_of(session: Session, targets: Iterable[int]) -> dict[int, tuple[Reach, ...]]:
    """The user's watches that each target is in, and how it came there."""
    reach: dict[int, list[Reach]] = {}
    for chunk in chunks(list(set(targets))):
        for row in session.execute(
            select(
                col(WatchEntry.target_id),
                col(WatchEntry.watch),
                col(WatchEntry.owner),
                col(WatchEntry.direct),
                col(WatchEntry.via),
                col(WatchEntry.versions),
            ).where(col(WatchEntry.target_id).in_(chunk))
        ):
            reach.setdefault(row.target_id, []).append(
                Reach(
                    watch=row.watch,
                    owner=row.owner,
                    direct=row.direct,
                    via=msgspec.json.decode(row.via, type=tuple[str, ...]),
                    versions=msgspec.json.decode(row.versions, type=tuple[str, ...]),
                )
            )
    return {target: tuple(sorted(found)) for target, found in reach.items()}


def ranges_of(session: Session, targets: Iterable[int]) -> dict[tuple[int, str], tuple[str, ...]]:
    """The ranges by which each watch asks for these packages, by target and watch."""
    found = {}
    for chunk in chunks(list(set(targets))):
        for target, watch, ranges in session.execute(
            select(col(WatchEntry.target_id), col(WatchEntry.watch), col(WatchEntry.ranges)).where(
                col(WatchEntry.target_id).in_(chunk)
            )
        ):
            found[target, watch] = msgspec.json.decode(ranges, type=tuple[str, ...])
    return found
