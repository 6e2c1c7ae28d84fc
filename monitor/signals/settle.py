"""From evaluations to intervals in the store, and to the changes that tell of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct
from msgspec.structs import replace
from sqlmodel import Session

from config.names import domain_subject
from monitor.changes.model import Change
from monitor.signals.model import Finding, Holds
from monitor.signals.table import SIGNALS
from monitor.store.changes import Recorded
from monitor.store.signals import (
    Key,
    Raised,
    clear_signals,
    open_signals,
    raise_signals,
    reach_of_subjects,
    rewrite_signals,
)


class Case(Struct, frozen=True):
    """One signal of one target that is to be judged."""

    target: int
    subject: str
    signal: str
    judge: Callable[[Holds | None], Finding]
    """Given what holds now, what is found; the unknown changes nothing."""
    quiet: bool = False
    """It follows from a first sight, or from an edit of the configuration: recorded, and told to nobody."""


class Turn(Struct, frozen=True):
    """A signal that was raised or cleared."""

    case: Case
    holds: Holds
    """What holds, or what held."""
    raised: bool
    row: int = 0


def settle(session: Session, cases: Sequence[Case], now: datetime) -> list[Recorded]:
    """Judge these cases against what the store holds, and write what turned; the changes to tell."""
    held = open_signals(session, [case.target for case in cases])
    raised: dict[Key, Turn] = {}
    cleared: list[Turn] = []
    rewritten: dict[int, Holds] = {}
    for case in cases:
        key = case.target, case.signal
        present = held.get(key)
        found = case.judge(present.holds if present else None)
        if found is UNSET:
            continue
        if found is None:
            if present is not None:
                cleared.append(Turn(case, present.holds, False, present.row))
        elif present is None:
            raised[key] = Turn(case, found, True)
        elif _reads_otherwise(present.holds, found):
            rewritten[present.row] = replace(found, cause=present.holds.cause)
    raise_signals(session, [Raised(key, turn.holds) for key, turn in raised.items()], now)
    rewrite_signals(session, rewritten)
    clear_signals(session, [turn.row for turn in cleared], now)
    news = {key: turn for key, turn in raised.items() if not turn.case.quiet}
    rows = open_signals(session, [target for target, _ in news])
    turns = [replace(turn, row=rows[key].row) for key, turn in news.items()]
    return _told(session, turns + [turn for turn in cleared if not turn.case.quiet], now)


def _reads_otherwise(present: Holds, found: Holds) -> bool:
    """Whether what is stored must be rewritten; the alert it belongs to stays the one that was told."""
    return replace(found, cause=present.cause) != present


def _told(session: Session, turns: Sequence[Turn], now: datetime) -> list[Recorded]:
    if not turns:
        return []
    reach = reach_of_subjects(session, {turn.case.subject: turn.case.target for turn in turns})
    return [
        Recorded(
            target_id=turn.case.target,
            change=_change(turn, now),
            # The interval: the same signal, raised again later, is another change.
            follows=turn.row,
            related=tuple(sorted(_related(turn.holds) - {turn.case.subject})),
            reach=reach[turn.case.subject],
        )
        for turn in turns
    ]


def _change(turn: Turn, now: datetime) -> Change:
    signal, subject, holds = SIGNALS[turn.case.signal], turn.case.subject, turn.holds
    sentence = signal.says(subject, holds, now)
    told = {"signal": signal.id, "value": holds.value, "threshold": holds.threshold}
    return Change(
        kind="signal-raised" if turn.raised else "signal-cleared",
        subject=subject,
        before=None if turn.raised else told,
        after=told if turn.raised else None,
        happened_at=holds.since if turn.raised else None,
        evidence={
            **holds.evidence,
            "signal": signal.id,
            "sentence": sentence,
            "cause": holds.cause or f"signal:{signal.id}:{subject}",
        },
        severity=signal.severity if turn.raised else None,
    )


def _related(holds: Holds) -> set[str]:
    """The accounts and domains that the evidence names."""
    addresses: Iterable[dict[str, Any]] = holds.evidence.get("addresses", ())
    found = {one["account"] for one in addresses if one["account"]}
    return found | {domain_subject(one["domain"]) for one in addresses}
