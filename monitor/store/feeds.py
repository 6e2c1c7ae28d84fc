"""Where feeds stand, and the packages that they made due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random

from msgspec import Struct
from sqlalchemy import select
from sqlmodel import Session, col

from monitor.feeds.model import reached
from monitor.store.bulk import update_rows
from monitor.store.packages import chunks
from monitor.store.tables import Meta, Target


def _name(source: str) -> str:
    return f"feed:{source}"


def cursor_of(session: Session, source: str) -> int | None:
    """The place up to which the feed's work is recorded; None for one that was never followed."""
    kept = session.get(Meta, _name(source))
    return int(kept.value) if kept is not None and kept.value.isdigit() else None


def take(session: Session, source: str, cursor: int, newest: Mapping[str, str], now: datetime) -> int:
    """Make the watched ones of these packages due and remember the cursor; how many became due.

    ``newest`` gives the last announced revision of each. What was fetched in that revision already stays as it is.
    """
    found = []
    for chunk in chunks(list(newest)):
        rows = session.execute(
            select(col(Target.id), col(Target.subject), col(Target.revision)).where(
                col(Target.subject).in_(chunk), col(Target.due_at).is_not(None)
            )
        )
        found += [
            (row.id, now, newest[row.subject], now) for row in rows if not reached(row.revision, newest[row.subject])
        ]
    if found:
        update_rows(session, Target, ("id", "due_at", "awaited", "awaited_since"), found)
    session.merge(Meta(name=_name(source), value=str(cursor)))
    return len(found)


def restart(session: Session, source: str, cursor: int, now: datetime, within: timedelta, rng: Random) -> None:
    """Go on from ``cursor``; what happened before is found by checking every package of the source in time."""
    hasten(session, source, now, within, rng)
    session.merge(Meta(name=_name(source), value=str(cursor)))


def hasten(session: Session, source: str, now: datetime, within: timedelta, rng: Random) -> None:
    """Have every package of the source checked within so long, spread evenly; those due sooner stay as they are."""
    late = session.scalars(
        select(col(Target.id)).where(col(Target.source) == source, col(Target.due_at) > now + within)
    ).all()
    update_rows(session, Target, ("id", "due_at"), [(target, now + within * rng.random()) for target in late])


class Awaited(Struct, frozen=True):
    """A revision that a feed announced and no document has shown yet."""

    revision: str
    since: datetime


def awaited_by(session: Session, targets: Sequence[int]) -> dict[int, Awaited]:
    """What these targets wait for; mostly nothing."""
    found: dict[int, Awaited] = {}
    for chunk in chunks(targets):
        rows = session.execute(
            select(col(Target.id), col(Target.awaited), col(Target.awaited_since)).where(
                col(Target.id).in_(chunk), col(Target.awaited_since).is_not(None)
            )
        )
        found.update((row.id, Awaited(row.awaited, row.awaited_since)) for row in rows)
    return found
