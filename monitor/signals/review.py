"""The periodic pass: what becomes true by the passing of time, by the watched set, or by an edit of the thresholds.

It asks for what crosses a threshold and does not hold yet, by an index; targets that stay as they are are not looked
at. A percentile that moved clears nothing; an edit of the thresholds, or of much of the watchlist, judges all anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

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
    seen_domains,
    sole_maintainers,
    totals_of,
    undated,
    unmeasured,
)
from monitor.store.tables import Measure
from monitor.store.targets import by_subject, subjects_of

RETAKEN: Final = timedelta(hours=1)
"""The watched set's percentiles are taken so often."""
CAUGHT_UP: Final = 200
"""Packages from before there were signals that one pass judges: each is read whole."""


def review(session: Session, thresholds: Thresholds, now: datetime) -> list[Recorded]:
    """One pass; the changes to tell. What the first pass finds, and what follows from an edit, is told to nobody."""
    before = kept_thresholds(session)
    if before is None:
        _take_up_domains(session, thresholds, now)
    _catch_up(session, thresholds, now)
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
    if before is None or anew or now - before.at >= RETAKEN:
        kept = _taken(before, counts, population, anew, thresholds, now)
        keep_thresholds(session, kept)
    else:
        kept = before
    judging = Judging(thresholds, now, kept.relative)
    cases = [*_fallen_silent(session, judging, edited), *_crowded(session, judging, anew)]
    cases += _judged_again(session, judging, [*anew, "W3"] if edited else sorted(anew))
    return settle(session, cases, now) if cases else []


def _taken(
    before: Kept | None,
    counts: dict[str, dict[int, int]],
    population: dict[str, int],
    anew: set[str],
    thresholds: Thresholds,
    now: datetime,
) -> Kept:
    """The watched set's percentiles; one that hardly moved stays as it was."""
    relative = {}
    for signal, values in counts.items():
        fresh = percentile(values, thresholds.percentile)
        relative[signal] = fresh if before is None or signal in anew else settled(before.relative[signal], fresh)
    sizes = {
        signal: size if before is None or signal in anew else before.population[signal]
        for signal, size in population.items()
    }
    return Kept(now, relative, sizes, _stated(thresholds))


def _moved(before: int, now: int) -> bool:
    """Whether so much more or less is counted that the percentile is about another set."""
    return abs(now - before) > DEADBAND * before


def _stated(thresholds: Thresholds) -> list[Any]:
    counts = [getattr(thresholds, name) for name in COUNTED.values()]
    return [thresholds.inactive_after.total_seconds(), thresholds.percentile, *counts]


def _fallen_silent(session: Session, judging: Judging, quiet: bool) -> Iterable[Case]:
    """W3: the day has come."""
    latest = int((judging.now - judging.thresholds.inactive_after).timestamp())
    found = crossing(session, "W3", col(Measure.value) <= latest)
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


def _catch_up(session: Session, thresholds: Thresholds, now: datetime) -> None:
    """Packages of a database from before there were signals, some at a time."""
    subjects = dict(unmeasured(session, CAUGHT_UP))
    stored = load_packages(session, subjects) if subjects else {}
    sights = [
        Sight(target, subjects[target], one.package, memberships(one.package), first=True)
        for target, one in stored.items()
    ]
    if sights:
        weigh(session, sights, [], thresholds, now)
