"""Releases that came together, from the store: whose they are, and whether that account does so every week."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace
from sqlalchemy import select
from sqlmodel import Session, col

from config.names import account_subject
from config.severity import Severity
from monitor.accounts import is_person
from monitor.changes.bursts import WINDOW, Published, bursts, is_habit
from monitor.changes.model import Change
from monitor.observations import Account
from monitor.reach import Joined
from monitor.store.changes import Recorded, releases_behind, releases_by
from monitor.store.memberships import maintainers_of
from monitor.store.tables import Membership, ReleaseRow, Target
from monitor.store.targets import ids_of, reach_of

LOOKED_BACK: Final = timedelta(days=2)
"""Releases that are told later than this are no burst of today."""
LEARNED: Final = timedelta(days=730)


def found_bursts(session: Session, joined: Sequence[Joined], least: int, now: datetime) -> list[Recorded]:
    """Accounts with ``least`` packages or more within an hour, the releases among these changes being some of them."""
    new = [j for j in joined if j.change.kind == "release-published"]
    if not new:
        return []
    earliest = min(j.change.happened_at or now for j in new)
    since = max(min(earliest, now) - WINDOW, now - LOOKED_BACK)
    told: list[Change] = []
    for ecosystem in sorted({j.due.source for j in new}):
        mine = [j for j in new if j.due.source == ecosystem]
        accounts = {j.change.account for j in mine if _named(j.change.account)}
        named = releases_by(session, ecosystem, accounts, since)
        people = maintainers_of(session, {j.due.id for j in mine if not _named(j.change.account)})
        behind = {account_subject(ecosystem, who) for who in set().union(*people.values())}
        shared = [one for one in releases_behind(session, behind, since) if not _named(one.publisher)]
        for published, own in ((named, True), (shared, False)):
            releases = [(one.account, one.purl, one.at) for one in published]
            for burst in bursts(releases, least, ecosystem, own=own):
                present = [(at, purl) for who, purl, at in releases if who == burst.account]
                told.append(_weighed(session, burst, present, own=own))
    return _recorded(session, told, {j.due.id for j in new})


def _named(account: str) -> bool:
    return bool(account) and is_person(Account(account))


def _weighed(session: Session, burst: Change, present: Sequence[Published], *, own: bool) -> Change:
    """The burst, less grave where so many packages of the account were published within an hour before."""
    packages = set(burst.evidence["packages"])
    present = [one for one in present if one[1] in packages]
    first = min(at for at, _ in present)
    members = select(col(Membership.target_id)).where(col(Membership.account) == burst.subject)
    query = (
        select(col(ReleaseRow.published_at), col(Target.subject))
        .join(Target, col(Target.id) == col(ReleaseRow.target_id))
        .where(
            col(ReleaseRow.published_at) >= first - LEARNED,
            col(ReleaseRow.published_at) < first - WINDOW,
            col(ReleaseRow.target_id).in_(members),
        )
    )
    if own:
        query = query.where(col(ReleaseRow.publisher) == burst.account)
    past = [(at, purl) for at, purl in session.execute(query) if own or purl in packages]
    habit = is_habit(past, present)
    evidence = {**burst.evidence, "habit": habit}
    return replace(burst, severity=Severity.LOW if habit else None, evidence=evidence)


def _recorded(session: Session, told: Sequence[Change], fresh: set[int]) -> list[Recorded]:
    ids = ids_of(session, [change.subject for change in told])
    packages = ids_of(session, [purl for change in told for purl in change.evidence["packages"]])
    reach = reach_of(session, packages.values())
    return [
        Recorded(
            target_id=ids[change.subject],
            change=change,
            follows=change.happened_at.toordinal() if change.happened_at else None,
            related=tuple(change.evidence["packages"]),
            reach=tuple(sorted({r for p in change.evidence["packages"] for r in reach.get(packages.get(p, 0), ())})),
        )
        for change in told
        if change.subject in ids and any(packages.get(purl) in fresh for purl in change.evidence["packages"])
    ]
