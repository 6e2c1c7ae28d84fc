"""The six weak links over all that is watched: how many packages have which, and how many at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlmodel import Session, col

from monitor.queries.signals import signals_as_json
from monitor.queries.targets import Numbered
from monitor.signals.table import SIGNALS
from monitor.store.signals import is_watched
from monitor.store.tables import Measure, Membership, SignalRow, Target, WatchEntry

MEASURED: Final = ("W3", "W4", "W5")
"""Signals of packages whose measure says whether anything is known."""
MOST_WORST: Final = 6


class WeakLink(Struct, frozen=True):
    """One signal over all watched packages and accounts."""

    signal: str
    name: str
    packages: int
    """That have it."""
    accounts: int
    unknown: int
    """Packages of which the registry does not tell what it takes to know."""


class Packages(Struct, frozen=True):
    """Watched packages by how many weak links each has."""

    by_count: dict[int, int]
    """From one upwards."""
    none_found: int
    unseen: int
    """Never seen so far: nothing is known."""
    total: int


class WeakLinks(Struct, frozen=True):
    """The whole picture."""

    links: tuple[WeakLink, ...]
    packages: Packages
    worst: tuple[tuple[str, tuple[str, ...]], ...]
    """The packages with the most weak links, and which."""


def weak_links(session: Session) -> WeakLinks:
    """Counted in a handful of statements."""
    held: dict[tuple[str, str], int] = {}
    for row in session.execute(
        select(col(SignalRow.signal), col(Target.sort), func.count())
        .join(Target, col(Target.id) == col(SignalRow.target_id))
        .where(col(SignalRow.cleared_at).is_(None), is_watched())
        .group_by(col(SignalRow.signal), col(Target.sort))
    ):
        held[row[0], row[1]] = row[2]
    total, seen = session.execute(
        select(func.count(), func.count(col(Target.snapshot_id))).select_from(Target).where(*_watched_packages())
    ).one()
    known = _known(session)
    links = tuple(
        WeakLink(
            signal=name,
            name=signal.name,
            packages=held.get((name, "package"), 0),
            accounts=held.get((name, "maintainer"), 0),
            unknown=max(0, total - known.get(name, seen)) if "package" in signal.about else 0,
        )
        for name, signal in SIGNALS.items()
    )
    by_count, worst = _several(session)
    packages = Packages(by_count, max(0, seen - sum(by_count.values())), total - seen, total)
    return WeakLinks(links, packages, worst)


def _watched_packages() -> tuple[ColumnElement[bool], ...]:
    return col(Target.sort) == "package", col(Target.due_at).is_not(None)


def _known(session: Session) -> dict[str, int]:
    """Of how many watched packages what a signal needs is known; signals that are missing are known of all seen."""
    measured = session.execute(
        select(col(Measure.signal), func.count(col(Measure.value)))
        .join(Target, col(Target.id) == col(Measure.target_id))
        .where(*_watched_packages(), col(Measure.signal).in_(MEASURED))
        .group_by(col(Measure.signal))
    )
    found = {row[0]: row[1] for row in measured}
    addressed = exists().where(col(Membership.target_id) == col(Target.id), col(Membership.email) != "")
    found["W1"] = session.execute(
        select(func.count()).select_from(Target).where(*_watched_packages(), addressed)
    ).scalar_one()
    return {signal: found.get(signal, 0) for signal in ("W1", *MEASURED)}


def _several(session: Session) -> tuple[dict[int, int], tuple[tuple[str, tuple[str, ...]], ...]]:
    count = func.count().label("links")
    each = (
        select(col(SignalRow.target_id).label("target"), count)
        .join(Target, col(Target.id) == col(SignalRow.target_id))
        .where(col(SignalRow.cleared_at).is_(None), *_watched_packages())
        .group_by(col(SignalRow.target_id))
        .subquery()
    )
    by_count = {row[0]: row[1] for row in session.execute(select(each.c.links, func.count()).group_by(each.c.links))}
    rows = session.execute(
        select(col(Target.subject), col(SignalRow.signal))
        .join(SignalRow, col(SignalRow.target_id) == col(Target.id))
        .where(
            col(SignalRow.cleared_at).is_(None),
            col(Target.id).in_(
                select(each.c.target)
                .where(each.c.links > 1)
                .order_by(each.c.links.desc(), each.c.target)
                .limit(MOST_WORST)
            ),
        )
    )
    signals: dict[str, list[str]] = {}
    for subject, signal in rows:
        signals.setdefault(subject, []).append(signal)
    worst = sorted(((subject, tuple(sorted(held))) for subject, held in signals.items()), key=lambda w: (-len(w[1]), w))
    return by_count, tuple(worst)


class SignalFilter(Struct, frozen=True, kw_only=True):
    """Everything that is stated must hold."""

    signal: str = ""
    sort: str = ""
    """``package`` or ``maintainer``."""
    watch: str = ""


def signals_page(session: Session, wanted: SignalFilter, page: int, size: int, now: datetime) -> Numbered:
    """Signals that hold for something watched, as ``signals_json`` tells them."""
    conditions: list[Any] = [col(SignalRow.cleared_at).is_(None), is_watched()]
    if wanted.signal:
        conditions.append(col(SignalRow.signal) == wanted.signal)
    if wanted.sort:
        conditions.append(col(Target.sort) == wanted.sort)
    if wanted.watch:
        conditions.append(_in_watch(wanted.watch))
    held = select(col(SignalRow.id)).join(Target, col(Target.id) == col(SignalRow.target_id)).where(*conditions)
    total: int = session.execute(select(func.count()).select_from(held.subquery())).scalar_one()
    pages = max(1, -(-total // size))
    page = min(max(page, 1), pages)
    rows = held.order_by(col(SignalRow.signal), col(Target.subject)).limit(size).offset((page - 1) * size)
    numbers = [number for number in session.scalars(rows) if number is not None]
    return Numbered(rows=signals_as_json(session, numbers, now), page=page, pages=pages, total=total)


def _in_watch(watch: str) -> ColumnElement[bool]:
    """A package of the watch, or an account of one of its packages."""
    own = exists().where(col(WatchEntry.target_id) == col(Target.id), col(WatchEntry.watch) == watch)
    through = exists().where(
        col(Membership.account) == col(Target.subject),
        col(Membership.target_id) == col(WatchEntry.target_id),
        col(WatchEntry.watch) == watch,
    )
    return or_(own, and_(col(Target.sort) == "maintainer", through))
