"""Advisories asked for by the names of packages, a thousand at a time, and read only where they are new or modified."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from monitor.advisories.ledger import READ_AT_ONCE, Found, Ledger, parts, read_all
from monitor.advisories.model import Advisory, Affected, Listed
from monitor.errors import SourceError
from monitor.sources.osv import MOST_QUERIES, OsvApi
from monitor.store import advisories as rows
from monitor.store.advisories import Watched

AT_ONCE: Final = 50
"""Packages whose advisories are recorded in one transaction: what a crash makes us ask for again."""


async def ask(ledger: Ledger, api: OsvApi, packages: Sequence[Watched], since: datetime, now: datetime) -> None:
    """Ask for the packages that were not asked for since then; raises a SourceError where not all could be learnt.

    What one advisory's trouble holds up stays due; the rest goes on.
    """
    # What was asked for in the future was asked for before the clock was set.
    due = [one for one in packages if one.asked_at is None or not since < one.asked_at <= now]
    covered = {one.subject for one in packages}
    trouble: SourceError | None = None
    for batch in parts(due, MOST_QUERIES):
        listed = await api.about([one.subject for one in batch])
        for part in parts(batch, AT_ONCE):
            about = {one.subject: listed[one.subject] for one in part}
            trouble = await _take(ledger, api, part, about, covered) or trouble
    if trouble is not None:
        raise trouble


async def _take(
    ledger: Ledger,
    api: OsvApi,
    part: Sequence[Watched],
    listed: Mapping[str, Sequence[Listed]],
    covered: Collection[str],
) -> SourceError | None:
    """Read what is new about these packages, and what is listed no more; the trouble that kept some from it."""
    by_id = {one.id: one for told in listed.values() for one in told}
    stale = await ledger.store.read(lambda session: rows.unknown(session, by_id.values()))
    held = await ledger.store.read(lambda session: rows.standing_about(session, listed))
    unlisted = {subject: ids - {one.id for one in listed[subject]} for subject, ids in held.items()}
    known = set().union(*held.values())
    found: Found = {}
    gone: set[str] = set()
    failed: dict[str, SourceError] = {}
    names = [*(one.id for one in stale), *sorted(set().union(*unlisted.values()) - by_id.keys())]
    for some in parts(names, READ_AT_ONCE):
        for name, answer in zip(some, await read_all(api.read, some), strict=True):
            if isinstance(answer, SourceError):
                failed[name] = answer
            elif isinstance(answer, Advisory):
                found[name] = answer, by_id[name].modified if name in by_id else ""
            elif name not in by_id:
                # Neither listed nor there: published no more. One that cannot be read says nothing.
                gone |= {name} if answer is None else set()
            elif name not in known:
                found[name] = _bare(name, (s for s, told in listed.items() if any(one.id == name for one in told))), ""
    needed = {one.subject: {told.id for told in listed[one.subject]} | unlisted.get(one.subject, set()) for one in part}
    asked = [one.id for one in part if not needed[one.subject] & failed.keys()]
    await ledger.record(found, gone, asked, covered)
    return next(iter(failed.values()), None)


def _bare(name: str, subjects: Iterable[str]) -> Advisory:
    """An advisory of which nothing is known but whom it names."""
    return Advisory(
        id=name,
        summary="Its text could not be read.",
        malicious=name.startswith("MAL-"),
        affected=tuple(Affected(subject) for subject in subjects),
    )
