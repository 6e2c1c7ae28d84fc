"""The periodic pass: what becomes true by the passing of time, by the watched set, or by an edit of the thresholds.

What is recorded is judged with its record. So a pass only asks who fell silent since everything was looked at; and
everything is looked at once an hour, after an edit of the thresholds, and when much may have been recorded since, so
that the watched set's percentiles may be others. A percentile that moved clears nothing; another set judges all anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import and_
from sqlmodel import Session, col

from config.settings import Thresholds
from monitor.signals.evaluate import Sight, Turned, silence_cause, weigh
from monitor.signals.judging import COUNTED, Judging, always
from monitor.signals.limits import DEADBAND, percentile, settled
from monitor.signals.settle import Case, settle
from monitor.signals.w1_domain import LAPSED
from monitor.signals.w6_portfolio import SEARCH, STORE
from monitor.store.changes import Recorded
from monitor.store.memberships import memberships
from monitor.store.packages import load_packages
from monitor.store.signals import (
    Kept,
    all_open,
    crossing,
    histogram,
    keep_thresholds,
    kept_thresholds,
    measures_of,
    newest_snapshot,
    seen_domains,
    sole_maintainers,
    totals_of,
    undated,
    unmeasured,
)
from monitor.store.tables import Measure
from monitor.store.targets import by_subject, subjects_of

RETAKEN: Final = timedelta(hours=1)
"""Everything is looked at so often, and the watched set's percentiles are taken."""
CAUGHT_UP: Final = 200
"""Packages from before there were signals that one pass judges: each is read whole."""


def review(session: Session, thresholds: Thresholds, now: datetime) -> list[Recorded]:
    """One pass; the changes to tell. What the first pass finds, and what follows from an edit, is told to nobody."""
    before, newest = kept_thresholds(session), newest_snapshot(session)
    if before is not None and _as_it_was(before, newest, thresholds, now):
        judging = Judging(thresholds, now, before.relative)
        cases = [*_fallen_silent(session, judging, quiet=False, since=before.at)]
    else:
        cases = _everything(session, before, newest, thresholds, now)
    return settle(session, cases, now) if cases else []


def _as_it_was(before: Kept, newest: int, thresholds: Thresholds, now: datetime) -> bool:
    """Whether too little happened since everything was looked at to look at it again."""
    smallest = min((size for size in before.population.values() if size), default=0)
    few = newest - before.newest <= DEADBAND * smallest
    return few and now - before.at < RETAKEN and before.thresholds == _stated(thresholds)


def _everything(
    session: Session, before: Kept | None, newest: int, thresholds: Thresholds, now: datetime
) -> list[Case]:
    if before is None:
        _take_up_domains(session, thresholds, now)
    left = _catch_up(session, thresholds, now)
    counts = {signal: histogram(session, signal) for signal in COUNTED}
    if not any(counts.values()):
        return []
    population = {signal: sum(values.values()) for signal, values in counts.items()}
    edited = before is None or before.thresholds != _stated(thresholds)
    # A new threshold, or another set: these counts are judged as if they had never been.
    anew = {
        signal
        for signal in COUNTED
        if edited or before is None or _moved(before.population[signal], population[signal])
    }
    relative = _taken(before, counts, anew, thresholds)
    sizes = population if before is None else before.population | {signal: population[signal] for signal in anew}
    # What is left to catch up with is looked for at the next pass.
    keep_thresholds(session, Kept(now - RETAKEN if left else now, relative, sizes, _stated(thresholds), newest))
    judging = Judging(thresholds, now, relative)
    cases = [*_fallen_silent(session, judging, edited), *_crowded(session, judging, anew)]
    cases += _judged_again(session, judging, [*anew, "W3"] if edited else sorted(anew))
    return cases


def _taken(
    before: Kept | None, counts: dict[str, dict[int, int]], anew: set[str], thresholds: Thresholds
) -> dict[str, int | None]:
    """The watched set's percentiles; one that hardly moved stays as it was."""
    relative = {}
    for signal, values in counts.items():
        fresh = percentile(values, thresholds.percentile)
        relative[signal] = fresh if before is None or signal in anew else settled(before.relative[signal], fresh)
    return relative


def _moved(before: int, now: int) -> bool:
    """Whether so much more or less is counted that the percentile is about another set."""
    return abs(now - before) > DEADBAND * before


def _stated(thresholds: Thresholds) -> list[Any]:
    counts = [getattr(thresholds, name) for name in COUNTED.values()]
    return [thresholds.inactive_after.total_seconds(), thresholds.percentile, *counts]


def _fallen_silent(session: Session, judging: Judging, quiet: bool, since: datetime | None = None) -> Iterable[Case]:
    """W3: the day has come; ``since`` a moment, or ever."""
    after = judging.thresholds.inactive_after
    came = col(Measure.value) <= int((judging.now - after).timestamp())
    if since is not None:
        came = and_(came, col(Measure.value) >= int((since - after).timestamp()))
    found = crossing(session, "W3", came)
    accounts = [subject for _, subject, _ in found if ":~" in subject]
    dateless = undated(session, accounts)
    sole = sole_maintainers(session, (target for target, subject, _ in found if ":~" not in subject))
    for target, subject, value in found:
        if subject not in dateless:
            yield Case(target, subject, "W3", judging.silence(value, silence_cause(sole.get(target, ""))), quiet)


def _crowded(session: Session, judging: Judging, anew: set[str]) -> Iterable[Case]:
    """W4 to W6: the watched set moved, or another threshold is in force."""
    for signal in COUNTED:
        cut = judging.cut(signal)
        found = crossing(session, signal, col(Measure.value) >= cut.at) if cut else []
        totals = totals_of(session, (target for target, _, _ in found)) if signal == "W6" else {}
        for target, subject, value in found:
            judge = judging.count(signal, value, _counted_by(signal, target, totals))
            yield Case(target, subject, signal, judge, signal in anew)


def _judged_again(session: Session, judging: Judging, signals: Sequence[str]) -> Iterable[Case]:
    """Everything of these that holds, without what it was raised by."""
    held = all_open(session, signals) if signals else {}
    measures = measures_of(session, {target for target, _ in held})
    subjects = subjects_of(session, {target for target, _ in held})
    totals = totals_of(session, {target for target, signal in held if signal == "W6"})
    for (target, signal), one in held.items():
        value = measures.get((target, signal))
        if signal == "W3":
            judge = judging.silence(value, one.holds.cause)
        else:
            judge = always(judging.count(signal, value, _counted_by(signal, target, totals))(None))
        yield Case(target, subjects[target], signal, judge, quiet=True)


def _counted_by(signal: str, target: int, totals: dict[int, int]) -> str:
    if signal != "W6":
        return ""
    return SEARCH if target in totals else STORE


def _take_up_domains(session: Session, thresholds: Thresholds, now: datetime) -> None:
    """Lapsed domains of a database from before there were signals."""
    known = [due for due in by_subject(session, seen_domains(session)) if due.domain is not None]
    turned = [Turned(due.id, due.domain, first=True) for due in known if due.domain and due.domain.state in LAPSED]
    weigh(session, [], turned, thresholds, now)


def _catch_up(session: Session, thresholds: Thresholds, now: datetime) -> bool:
    """Packages of a database from before there were signals, some at a time; whether some may be left."""
    subjects = dict(unmeasured(session, CAUGHT_UP))
    stored = load_packages(session, subjects) if subjects else {}
    sights = [
        Sight(target, subjects[target], one.package, memberships(one.package), first=True)
        for target, one in stored.items()
    ]
    if sights:
        weigh(session, sights, [], thresholds, now)
    return len(subjects) == CAUGHT_UP
