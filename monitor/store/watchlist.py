"""Edits of what is watched: only what differs is written, whatever the size of the watchlist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from random import Random

import msgspec
from sqlalchemy import delete, select, update
from sqlmodel import Session, col

from monitor.store.derived import rest_derived
from monitor.store.packages import chunks
from monitor.store.tables import Target, WatchEntry
from monitor.store.targets import (
    Reconciled,
    Wanted,
    active,
    add_targets,
    ids_of,
    insert_entries,
)


def amend(session: Session, gone: Sequence[Wanted], fresh: Sequence[Wanted], now: datetime, rng: Random) -> Reconciled:
    """Stop watching what is ``gone``, and watch what is ``fresh``, or watch it as it is now.

    What no watch asks for any more stops being checked and keeps its history.
    """
    before = _active(session, {item.subject for item in fresh})
    ids = add_targets(session, {item.subject: item.sort for item in fresh}.items(), now, rng, listed=True)
    going = ids_of(session, (item.subject for item in gone))
    _delete_entries(session, [*gone, *fresh], going | ids)
    insert_entries(session, fresh, ids)
    left = _unwanted(session, going.values())
    for chunk in chunks(left):
        session.execute(update(Target).where(col(Target.id).in_(chunk)).values(listed=False, due_at=None, claim=None))
    added = len(ids.keys() - before)
    if left or added:
        rest_derived(session, now, [*left, *ids.values()])
    return Reconciled(added=added, removed=len(left))


def kept(session: Session, known: Mapping[str, Iterable[str]]) -> dict[str, list[Wanted]]:
    """By watch: the packages that it has from any other source than these, from an earlier run."""
    found: dict[str, list[Wanted]] = {}
    rows = session.execute(
        select(WatchEntry, col(Target.subject))
        .join(Target, col(Target.id) == col(WatchEntry.target_id))
        .where(col(WatchEntry.watch).in_(list(known)), col(Target.sort) == "package")
        .order_by(col(Target.subject))
    )
    for entry, subject in rows:
        if entry.source not in known[entry.watch]:
            found.setdefault(entry.watch, []).append(
                Wanted(
                    watch=entry.watch,
                    owner=entry.owner,
                    subject=subject,
                    sort="package",
                    direct=entry.direct,
                    dev=entry.dev,
                    via=msgspec.json.decode(entry.via, type=tuple[str, ...]),
                    versions=msgspec.json.decode(entry.versions, type=tuple[str, ...]),
                    ranges=msgspec.json.decode(entry.ranges, type=tuple[str, ...]),
                    source=entry.source,
                )
            )
    return found


def package_subjects(session: Session) -> list[str]:
    """Every package that is or was watched."""
    return list(session.execute(select(col(Target.subject)).where(col(Target.sort) == "package")).scalars())


def checked_domains(session: Session) -> list[str]:
    """The subjects of the domains that are checked."""
    query = select(col(Target.subject)).where(col(Target.sort) == "domain", col(Target.due_at).is_not(None))
    return list(session.execute(query).scalars())


def _active(session: Session, subjects: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for chunk in chunks(list(subjects)):
        query = select(col(Target.subject)).where(col(Target.subject).in_(chunk), col(Target.listed), active())
        found.update(session.execute(query).scalars())
    return found


def _delete_entries(session: Session, items: Sequence[Wanted], ids: Mapping[str, int]) -> None:
    by_watch: dict[str, set[int]] = {}
    for item in items:
        if item.subject in ids:
            by_watch.setdefault(item.watch, set()).add(ids[item.subject])
    for watch, targets in by_watch.items():
        for chunk in chunks(list(targets)):
            session.execute(
                delete(WatchEntry).where(col(WatchEntry.watch) == watch, col(WatchEntry.target_id).in_(chunk))
            )


def _unwanted(session: Session, targets: Iterable[int]) -> list[int]:
    """Those that no watch names any more."""
    left = set(targets)
    for chunk in chunks(list(left)):
        query = select(col(WatchEntry.target_id)).where(col(WatchEntry.target_id).in_(chunk))
        left.difference_update(session.execute(query).scalars())
    return sorted(left)
