"""From advisories to standings, changes, alerts and owed messages, in the caller's transaction.

What was asked, what it gave and what is told of it are written together: a crash loses nothing and repeats nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from sqlmodel import Session

from alerts import lifecycle
from alerts.findings import Finding, Reach
from alerts.incidents import joined
from config.names import short_form, split_purl
from config.severity import Severity
from monitor.advisories.model import Advisory
from monitor.advisories.weigh import Standing, Step, over, steps, weigh
from monitor.changes.advisories import PUBLISHED, nearness, published, withdrawn
from monitor.changes.findings import KNOWN_BEFORE
from monitor.changes.model import Change
from monitor.record import Outcome, Recorder
from monitor.store import advisories as rows
from monitor.store.changes import Recorded, record_changes
from monitor.store.targets import reach_of, subjects_of

NEWS_FOR: Final = timedelta(days=7)
"""At the first look at a package, a malicious release that was reported so lately is news."""


class _Move(Struct):
    """One step of one package, on its way into the store."""

    target: int
    subject: str
    step: Step
    held: rows.Held | None
    finding: Finding | None = None

    @property
    def where(self) -> tuple[str, str]:
        return self.subject, self.step.key


def record(
    session: Session,
    recorder: Recorder,
    found: Mapping[str, tuple[Advisory, str]],
    asked: Iterable[int],
    covers: Callable[[str], bool],
    now: datetime,
) -> Outcome:
    """Record advisories that were found, each with the stamp of its list, and that these packages were asked for.

    ``covers``: whether advisories are about the package that is watched under a name, not another one of that name.
    """
    targets = set(asked)
    touched = rows.targets_of(session, rows.put(session, found)) if found else {}
    about = {target for target, subject in touched.items() if covers(subject)}
    new = targets - rows.asked_before(session, targets)
    outcome = settle(session, recorder, about | new, now)
    rows.mark_asked(session, sorted(targets), now)
    return outcome


def settle(session: Session, recorder: Recorder, targets: Iterable[int], now: datetime) -> Outcome:
    """Weigh what is known of these packages anew, and tell what that changes."""
    moves, advisories = _moves(session, set(targets), now)
    if not moves:
        return Outcome()
    reach = reach_of(session, {move.target for move in moves})
    recorded = [
        one for move in moves if (one := _recorded(move, advisories, reach.get(move.target, ()), now)) is not None
    ]
    told = record_changes(session, recorded, now, dict(recorder.settings.severity))
    told = joined(session, [*_in_their_alerts(told, moves), *_ended(moves, now)], now)
    by_place = {(f.subject, f.which): f for f in told if not f.clears}
    for move in moves:
        move.finding = by_place.get(move.where)
    rows.put_standings(session, {(move.target, move.step.key): _kept(move, now) for move in moves})
    if told:
        lifecycle.take(session, told, recent=recorder.recent(session, told, now), policy=recorder.policy, now=now)
    return Outcome(findings=told)


def _moves(session: Session, targets: set[int], now: datetime) -> tuple[list[_Move], dict[str, Advisory]]:
    """What is other than it was, package by package, and the advisories that say so."""
    held = rows.standings(session, targets)
    subjects = subjects_of(session, targets)
    ids = rows.ids_about(session, subjects.values())
    about = {target for target, subject in subjects.items() if subject in ids or target in held}
    advisories = rows.load(session, {name for target in about for name in ids.get(subjects[target], ())})
    watches = rows.watches_of(session, about)
    ranged = {target for target in about if any(one.ranges for one in watches.get(target, ()))}
    served = rows.served_by(session, ranged)
    before = rows.asked_before(session, about)
    moves = []
    for target in sorted(about):
        subject = subjects[target]
        known = [advisories[name] for name in sorted(ids.get(subject, ()))]
        ecosystem = split_purl(subject)[0]
        after = weigh(ecosystem, subject, known, watches.get(target, ()), served.get(target))
        present = {key: one.standing for key, one in held.get(target, {}).items()}
        found = steps(present, after, None if target in before else now - NEWS_FOR)
        moves += [_Move(target, subject, step, held.get(target, {}).get(step.key)) for step in found]
    gone = {name for move in moves if move.step.after is None and move.step.before for name in move.step.before.ids}
    return moves, advisories | rows.load(session, gone - advisories.keys())


def _recorded(
    move: _Move, advisories: Mapping[str, Advisory], reach: tuple[Reach, ...], now: datetime
) -> Recorded | None:
    """The change that a step is, if it is one."""
    step = move.step
    change: Change | None = None
    standing = step.after or step.before
    if step.after is not None and step.told:
        change = published(step, step.after, advisories[step.after.ids[0]], move.subject)
    elif step.after is None and step.before is not None and move.held is not None and move.held.told:
        last = advisories.get(step.before.ids[0]) or Advisory(id=step.before.ids[0])
        change = withdrawn(step.before, last, move.subject)
    if change is None or standing is None:
        return None
    return Recorded(move.target, change, _revision(move, now), reach=_reach(standing, reach))


def _revision(move: _Move, now: datetime) -> int:
    """Tells a change from an earlier one that says the same: what was withdrawn may come back."""
    return move.held.revision + 1 if move.held is not None else int(now.timestamp())


def _reach(standing: Standing, reach: tuple[Reach, ...]) -> tuple[Reach, ...]:
    near = nearness(standing.near)
    return tuple(
        replace(one, use=near[one.watch].use, release=near[one.watch].release[:200]) if one.watch in near else one
        for one in reach
    )


def _in_their_alerts(told: Iterable[Finding], moves: Iterable[_Move]) -> Iterator[Finding]:
    """The findings; what an alert told of before goes on in that alert, if it is not that of all that was known."""
    causes = {move.where: move.held.cause for move in moves if move.held is not None and move.held.told}
    for found in told:
        cause = causes.get((found.subject, found.which), "")
        yield replace(found, cause=cause) if cause and (found.clears or cause != KNOWN_BEFORE) else found


def _ends(move: _Move) -> bool:
    return move.held is not None and move.held.told and over(move.step)


def _ended(moves: Iterable[_Move], now: datetime) -> Iterator[Finding]:
    """The ends that are no changes: a project moved on, or what was known before is told by itself from now on."""
    for move in moves:
        if move.held is None or not move.held.told or move.step.after is None:
            continue
        if over(move.step) or (move.step.told and move.held.cause == KNOWN_BEFORE):
            yield Finding(
                subject=move.subject,
                kind=PUBLISHED,
                severity=Severity.INFO,
                cause=move.held.cause,
                at=now,
                title=f"No version of {short_form(move.subject)} in use is affected by {move.step.key} any more",
                which=move.step.key,
                clears=True,
                ends=(PUBLISHED,),
            )


def _kept(move: _Move, now: datetime) -> rows.Held | None:
    """The row that a standing has from now on."""
    if move.step.after is None:
        return None
    held, finding = move.held, move.finding
    told = (held.told if held else False) and not _ends(move)
    cause = held.cause if held and told else ""
    if finding is not None:
        told, cause = True, finding.cause
    return rows.Held(move.step.after, held.since if held else now, _revision(move, now), told, cause)
