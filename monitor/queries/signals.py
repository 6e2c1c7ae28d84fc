"""Which weak links hold, and for which of the user's watches (design, 7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import select
from sqlmodel import Session, col

from alerts.findings import Reach
from monitor.signals.model import Holds
from monitor.signals.table import SIGNALS
from monitor.store.packages import chunks
from monitor.store.signals import is_watched, reach_of_subjects
from monitor.store.tables import Membership, SignalRow, Target

_decoder = msgspec.json.Decoder(Holds)


def signals_json(
    session: Session, now: datetime, signals: Sequence[str] = (), watches: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Every signal that holds for something watched, by signal and subject; only these signals and watches if named."""
    query = _query().where(is_watched())
    if signals:
        query = query.where(col(SignalRow.signal).in_(signals))
    found = _as_json(session, session.execute(query).all(), now)
    return [one for one in found if not watches or set(one["watches"]) & set(watches)]


def signals_of(session: Session, target: int, now: datetime) -> list[dict[str, Any]]:
    """The signals that hold for one target."""
    return _as_json(session, session.execute(_query().where(col(Target.id) == target)).all(), now)


def signals_as_json(session: Session, rows: Sequence[int], now: datetime) -> list[dict[str, Any]]:
    """These rows, by signal and subject."""
    return _as_json(session, session.execute(_query().where(col(SignalRow.id).in_(rows))).all(), now)


def _query() -> Any:
    return (
        select(
            col(SignalRow.signal),
            col(SignalRow.raised_at),
            col(SignalRow.body),
            col(Target.id).label("target"),
            col(Target.subject),
        )
        .join(Target, col(Target.id) == col(SignalRow.target_id))
        .where(col(SignalRow.cleared_at).is_(None))
        .order_by(col(SignalRow.signal), col(Target.subject))
    )


def _as_json(session: Session, rows: Sequence[Any], now: datetime) -> list[dict[str, Any]]:
    reach = reach_of_subjects(session, {row.subject: row.target for row in rows})
    silent = [row.target for row in rows if row.signal == "W3" and row.subject.startswith("pkg:")]
    behind = silent_people(session, silent)
    found = []
    for row in rows:
        holds = _decoder.decode(row.body)
        if row.target in behind and row.signal == "W3":
            holds = replace(holds, evidence={**holds.evidence, **behind[row.target]})
        found.append(signal_json(row.signal, row.subject, holds, row.raised_at, reach[row.subject], now))
    return found


def signal_json(
    name: str, subject: str, holds: Holds, raised_at: datetime, reach: Iterable[Reach], now: datetime
) -> dict[str, Any]:
    """One signal that holds: the contract's fields, and what a person reads."""
    signal = SIGNALS[name]
    return {
        "signal": name,
        "subject": subject,
        "value": signal.shown(holds, now),
        "threshold": holds.threshold,
        "since": holds.since or raised_at,
        "watches": list(dict.fromkeys(one.watch for one in reach)),
        "name": signal.name,
        "sentence": signal.says(subject, holds, now),
        "raised_at": raised_at,
        "evidence": dict(holds.evidence),
        "means": signal.means,
        "not_means": signal.not_means,
        "advice": signal.advice,
    }


def silent_people(session: Session, packages: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Of packages: how many accounts can publish each, and which of these are silent themselves (W3)."""
    found: dict[int, dict[str, Any]] = {}
    holds = (
        select(col(SignalRow.id))
        .join(Target, col(Target.id) == col(SignalRow.target_id))
        .where(
            col(Target.subject) == col(Membership.account),
            col(SignalRow.signal) == "W3",
            col(SignalRow.cleared_at).is_(None),
        )
    )
    for chunk in chunks(sorted(set(packages))):
        rows = session.execute(
            select(col(Membership.target_id), col(Membership.account), holds.exists().label("silent"))
            .where(col(Membership.target_id).in_(chunk), col(Membership.role) == "maintainer")
            .distinct()
            .order_by(col(Membership.account))
        )
        for row in rows:
            told = found.setdefault(row.target_id, {"maintainers": 0, "inactive_maintainers": []})
            told["maintainers"] += 1
            told["inactive_maintainers"] += [row.account] if row.silent else []
    return found
