"""Advisories in the store: which are known, whom they name, where they stand, and when each package was asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import delete, exists, func, select
from sqlmodel import Session, col

from config.names import ECOSYSTEMS
from monitor.advisories.model import Advisory, Listed, decode, encode
from monitor.advisories.weigh import Asked, Standing
from monitor.store.bulk import insert_rows
from monitor.store.packages import chunks
from monitor.store.tables import (
    AdvisoryAsked,
    AdvisoryPackage,
    AdvisoryRow,
    AdvisoryStanding,
    Meta,
    ReleaseRow,
    Target,
    WatchEntry,
)


class Watched(Struct, frozen=True):
    """A watched package, and when its advisories were last asked for."""

    id: int
    subject: str
    ecosystem: str
    asked_at: datetime | None


class Held(Struct):
    """A standing as it is stored."""

    standing: Standing
    since: datetime
    revision: int
    told: bool
    cause: str


def watched_packages(session: Session) -> list[Watched]:
    """Every package that is watched, what was never asked for first, then what was asked for longest ago."""
    rows = session.execute(
        select(col(Target.id), col(Target.subject), col(Target.source), col(AdvisoryAsked.asked_at))
        .join(AdvisoryAsked, col(AdvisoryAsked.target_id) == col(Target.id), isouter=True)
        .where(col(Target.sort) == "package", col(Target.due_at).is_not(None))
    )
    found = [Watched(row.id, row.subject, row.source, row.asked_at) for row in rows]
    return sorted(found, key=lambda one: (one.asked_at is not None, one.asked_at or 0, one.id))


def unknown(session: Session, listed: Iterable[Listed]) -> list[Listed]:
    """Those of these advisories that are not in the store as they are listed."""
    by_id = {one.id: one for one in listed}
    for chunk in chunks(list(by_id)):
        rows = session.execute(
            select(col(AdvisoryRow.id), col(AdvisoryRow.modified)).where(col(AdvisoryRow.id).in_(chunk))
        )
        for row in rows:
            if by_id[row.id].modified == row.modified:
                del by_id[row.id]
    return list(by_id.values())


def ids_about(session: Session, subjects: Iterable[str]) -> dict[str, set[str]]:
    """By subject: the advisories that name it."""
    return _about(session, subjects, select(col(AdvisoryPackage.subject), col(AdvisoryPackage.advisory_id)))


def standing_about(session: Session, subjects: Iterable[str]) -> dict[str, set[str]]:
    """By subject: the advisories that name it and were not withdrawn."""
    query = select(col(AdvisoryPackage.subject), col(AdvisoryPackage.advisory_id))
    query = query.join(AdvisoryRow, col(AdvisoryRow.id) == col(AdvisoryPackage.advisory_id))
    return _about(session, subjects, query.where(col(AdvisoryRow.withdrawn).is_(False)))


def _about(session: Session, subjects: Iterable[str], query: Any) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for chunk in chunks(sorted(set(subjects))):
        for subject, name in session.execute(query.where(col(AdvisoryPackage.subject).in_(chunk))):
            found.setdefault(subject, set()).add(name)
    return found


def load(session: Session, ids: Iterable[str]) -> dict[str, Advisory]:
    found: dict[str, Advisory] = {}
    for chunk in chunks(sorted(set(ids))):
        query = select(col(AdvisoryRow.id), col(AdvisoryRow.body)).where(col(AdvisoryRow.id).in_(chunk))
        found.update((row.id, decode(row.body)) for row in session.execute(query))
    return found


def put(session: Session, advisories: Mapping[str, tuple[Advisory, str]]) -> set[str]:
    """Keep these advisories, each with when its list says that it was modified; the subjects they name or named."""
    touched: set[str] = set()
    for chunk in chunks(list(advisories)):
        links = col(AdvisoryPackage.advisory_id).in_(chunk)
        touched.update(session.scalars(select(col(AdvisoryPackage.subject)).where(links)))
        session.execute(delete(AdvisoryPackage).where(links))
    named = {(one.subject, name) for name, (advisory, _) in advisories.items() for one in advisory.affected}
    rows = [
        (name, modified[:60], advisory.withdrawn_at is not None, encode(advisory))
        for name, (advisory, modified) in advisories.items()
    ]
    columns = ("id", "modified", "withdrawn", "body")
    fresh = ", ".join(f"{column} = excluded.{column}" for column in columns[1:])
    insert_rows(session, AdvisoryRow, columns, rows, f"ON CONFLICT (id) DO UPDATE SET {fresh}")
    insert_rows(session, AdvisoryPackage, ("subject", "advisory_id"), sorted(named))
    return touched | {subject for subject, _ in named}


def mark_asked(session: Session, targets: Iterable[int], now: datetime) -> None:
    fresh = "ON CONFLICT (target_id) DO UPDATE SET asked_at = excluded.asked_at"
    insert_rows(session, AdvisoryAsked, ("target_id", "asked_at"), [(one, now) for one in targets], fresh)


def asked_before(session: Session, targets: Iterable[int]) -> set[int]:
    """Those whose advisories were asked for once."""
    found: set[int] = set()
    for chunk in chunks(sorted(set(targets))):
        query = select(col(AdvisoryAsked.target_id)).where(col(AdvisoryAsked.target_id).in_(chunk))
        found.update(session.scalars(query))
    return found


def standings(session: Session, targets: Iterable[int]) -> dict[int, dict[str, Held]]:
    """By target and key: where things stand."""
    found: dict[int, dict[str, Held]] = {}
    for chunk in chunks(sorted(set(targets))):
        for row in session.scalars(select(AdvisoryStanding).where(col(AdvisoryStanding.target_id).in_(chunk))):
            held = Held(_standing(row.body), row.since, row.revision, row.told, row.cause)
            found.setdefault(row.target_id, {})[row.key] = held
    return found


_standing = msgspec.json.Decoder(Standing).decode


def put_standings(session: Session, fresh: Mapping[tuple[int, str], Held | None]) -> None:
    """Write these standings; None takes one away."""
    by_target: dict[int, list[str]] = {}
    for target, key in fresh:
        by_target.setdefault(target, []).append(key)
    for target, keys in by_target.items():
        for chunk in chunks(keys):
            session.execute(
                delete(AdvisoryStanding).where(
                    col(AdvisoryStanding.target_id) == target, col(AdvisoryStanding.key).in_(chunk)
                )
            )
    rows = [
        (target, key, one.since, one.revision, one.told, one.cause[:900], msgspec.json.encode(one.standing))
        for (target, key), one in fresh.items()
        if one is not None
    ]
    insert_rows(session, AdvisoryStanding, ("target_id", "key", "since", "revision", "told", "cause", "body"), rows)


def targets_of(session: Session, subjects: Iterable[str]) -> dict[int, str]:
    """The watched ones of these packages."""
    found: dict[int, str] = {}
    for chunk in chunks(sorted(set(subjects))):
        rows = session.execute(
            select(col(Target.id), col(Target.subject)).where(
                col(Target.subject).in_(chunk), col(Target.sort) == "package", col(Target.due_at).is_not(None)
            )
        )
        found.update((row.id, row.subject) for row in rows)
    return found


def watches_of(session: Session, targets: Iterable[int]) -> dict[int, list[Asked]]:
    """By target: how each watch has it, in the order of their names."""
    found: dict[int, list[Asked]] = {}
    for chunk in chunks(sorted(set(targets))):
        rows = session.execute(
            select(
                col(WatchEntry.target_id), col(WatchEntry.watch), col(WatchEntry.versions), col(WatchEntry.ranges)
            ).where(col(WatchEntry.target_id).in_(chunk))
        )
        for target, watch, versions, ranges in rows:
            found.setdefault(target, []).append(Asked(watch, _names(versions), _names(ranges)))
    return {target: sorted(asked, key=lambda one: one.watch) for target, asked in found.items()}


_names = msgspec.json.Decoder(tuple[str, ...]).decode


def served_by(session: Session, targets: Collection[int]) -> dict[int, frozenset[str]]:
    """By target: the releases that its registry serves, as far as it was seen."""
    found: dict[int, set[str]] = {}
    for chunk in chunks(sorted(targets)):
        query = select(col(ReleaseRow.target_id), col(ReleaseRow.version)).where(
            col(ReleaseRow.target_id).in_(chunk), col(ReleaseRow.gone_at).is_(None)
        )
        for target, version in session.execute(query):
            found.setdefault(target, set()).add(version)
    return {target: frozenset(versions) for target, versions in found.items()}


def with_standings(session: Session) -> list[int]:
    """The watched packages that some advisory names."""
    rows = session.scalars(
        select(col(AdvisoryStanding.target_id))
        .join(Target, col(Target.id) == col(AdvisoryStanding.target_id))
        .where(col(Target.due_at).is_not(None))
        .distinct()
    )
    return list(rows)


class DumpState(Struct):
    """How far the dumps of an ecosystem were followed."""

    newest: str = ""
    """Time of the newest entry that is recorded, as the list writes it."""
    ids: list[str] = []
    """The entries of that time."""
    whole_at: datetime | None = None
    """When all of it was last read."""
    checked_at: datetime | None = None
    """When it was last looked at what is new."""


def dump_state(session: Session, ecosystem: str) -> DumpState:
    kept = session.get(Meta, _meta(ecosystem))
    return _state(kept.value) if kept is not None else DumpState()


_state = msgspec.json.Decoder(DumpState).decode


def _meta(ecosystem: str) -> str:
    return f"advisories:{ecosystem}"


def put_dump_state(session: Session, ecosystem: str, state: DumpState) -> None:
    session.merge(Meta(name=_meta(ecosystem), value=msgspec.json.encode(state).decode()))


def coverage(session: Session) -> dict[str, Any]:
    """Of how many watched packages it is known which advisories name them, and since when that was not asked anew."""
    watched = select(func.count()).select_from(Target).where(col(Target.due_at).is_not(None))
    by_source = [watched.where(col(Target.source) == one).scalar_subquery() for one in ECOSYSTEMS]
    # Not a join: SQLite would go through all targets, also where nothing was ever asked.
    still = exists().where(col(Target.id) == col(AdvisoryAsked.target_id), col(Target.due_at).is_not(None))
    *packages, known, oldest = session.execute(
        select(*by_source, func.count(), func.min(col(AdvisoryAsked.asked_at))).where(still)
    ).one()
    # What dumps tell, they tell of all packages of an ecosystem.
    kept = session.scalars(select(col(Meta.value)).where(col(Meta.name).in_([_meta(one) for one in ECOSYSTEMS])))
    looked = [state.checked_at for state in map(_state, kept) if state.checked_at is not None]
    return {
        "packages": sum(packages),
        "known": known,
        "unknown": sum(packages) - known,
        "as_of": max([oldest, *looked]) if oldest else None,
    }
