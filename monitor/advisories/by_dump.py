"""Advisories read from whole dumps at first, then from what was modified since: nobody learns what is watched."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlmodel import Session

from config.log import log_of
from monitor.advisories.ledger import READ_AT_ONCE, Answer, Found, Ledger, parts, read_all
from monitor.advisories.model import Advisory, Listed
from monitor.errors import SourceError
from monitor.sources.osv import Unreadable
from monitor.sources.osv_dumps import OsvDumps
from monitor.store import advisories as rows
from monitor.store.advisories import DumpState, Watched

log = log_of("advisories")

WHOLE_EVERY: Final = timedelta(days=7)
"""The list is a hint like any feed; what it left out is found by reading everything."""
WHOLE_APART: Final = timedelta(hours=6)
"""A whole dump is read no oftener than this for packages that were added since."""


async def follow(ledger: Ledger, dumps: OsvDumps, ecosystem: str, packages: Sequence[Watched], now: datetime) -> None:
    """What was modified since the last look; everything at first, after a long pause, and for added packages."""
    state = await ledger.store.read(lambda session: rows.dump_state(session, ecosystem))
    fresh = await dumps.newest(ecosystem, state.newest, state.ids) if state.newest else None
    # One that was read in the future was read before the clock was set.
    age = None if state.whole_at is None or state.whole_at > now else now - state.whole_at
    added = any(one.asked_at is None for one in packages)
    if fresh is None or age is None or age >= WHOLE_EVERY or (added and age >= WHOLE_APART):
        await _whole(ledger, dumps, ecosystem, packages, now)
    else:
        await _news(ledger, dumps, ecosystem, {one.subject for one in packages}, fresh, state, now)


async def _news(
    ledger: Ledger,
    dumps: OsvDumps,
    ecosystem: str,
    covered: Collection[str],
    fresh: Sequence[Listed],
    state: DumpState,
    now: datetime,
) -> None:
    """Those modified since, the oldest first; each part is written with the place in the list that it leads to."""
    for part in parts(fresh[::-1], READ_AT_ONCE):
        last = part[-1].modified
        ids = [one.id for one in part if one.modified == last]
        state = DumpState(last, [*(state.ids if last == state.newest else ()), *ids], state.whole_at, now)
        found = await _wanted(ledger, dumps, ecosystem, part, covered)
        await ledger.record(found, (), (), covered, partial(_put, ecosystem=ecosystem, state=state))
    if not fresh:
        state = DumpState(state.newest, state.ids, state.whole_at, now)
        await ledger.store.write(partial(_put, ecosystem=ecosystem, state=state))


def _put(session: Session, *, ecosystem: str, state: DumpState) -> None:
    rows.put_dump_state(session, ecosystem, state)


async def _wanted(
    ledger: Ledger, dumps: OsvDumps, ecosystem: str, news: Sequence[Listed], covered: Collection[str]
) -> Found:
    """Those of the new ones that name a watched package, or that are known already."""
    stale = await ledger.store.read(lambda session: rows.unknown(session, news))
    held = await ledger.store.read(lambda session: rows.load(session, [one.id for one in stale]).keys())
    answers = _whole_answers(await read_all(partial(dumps.read, ecosystem), [one.id for one in stale]))
    found: Found = {}
    for one, answer in zip(stale, answers, strict=True):
        if isinstance(answer, Advisory) and (one.id in held or any(a.subject in covered for a in answer.affected)):
            found[one.id] = answer, one.modified
        elif isinstance(answer, Unreadable):
            log.warning("advisory cannot be read", advisory=one.id, reason=answer.reason)
    return found


def _whole_answers(answers: Sequence[Answer]) -> list[Advisory | Unreadable | None]:
    """The answers, where there is one to everything; raises the trouble that there was otherwise."""
    told = [answer for answer in answers if not isinstance(answer, SourceError)]
    if len(told) < len(answers):
        raise next(answer for answer in answers if isinstance(answer, SourceError))
    return told


async def _whole(ledger: Ledger, dumps: OsvDumps, ecosystem: str, packages: Sequence[Watched], now: datetime) -> None:
    # Asked for first: what is modified while the dump is read comes with the next look.
    newest, ids = await dumps.head(ecosystem)
    covered = {one.subject for one in packages}
    whole = await dumps.whole(ecosystem, covered.__contains__)
    if whole.unreadable:
        log.warning("documents of a dump cannot be read", documents=whole.unreadable, ecosystem=ecosystem)
    for part in parts(whole.advisories, READ_AT_ONCE):
        await ledger.record({one.id: (one, "") for one in part}, (), (), covered)
    held = await ledger.store.read(lambda session: rows.standing_about(session, covered))
    missing = sorted(set().union(*held.values()) - whole.ids)[:READ_AT_ONCE]
    answers = _whole_answers(await read_all(partial(dumps.read, ecosystem), missing))
    found: Found = {n: (a, "") for n, a in zip(missing, answers, strict=True) if isinstance(a, Advisory)}
    gone = [name for name, answer in zip(missing, answers, strict=True) if answer is None]
    state = DumpState(newest, ids, now, now)
    asked = [one.id for one in packages if one.asked_at is None]
    await ledger.record(found, gone, asked, covered, partial(_put, ecosystem=ecosystem, state=state))
