"""Signals judged for what a record touched, within its transaction and in a handful of queries for all of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from msgspec import UNSET, Struct, UnsetType
from sqlmodel import Session

from config.names import account_subject
from config.settings import Thresholds
from monitor.observations import Domain, Package
from monitor.signals.judging import Judging, always
from monitor.signals.settle import Case, settle
from monitor.signals.w1_domain import LAPSED, Published, lapsed_domain
from monitor.signals.w2_script import runs_on_install
from monitor.signals.w3_silence import activity, last_release, own_acts
from monitor.signals.w4_maintainers import maintainers
from monitor.signals.w5_contributors import contributors
from monitor.signals.w6_portfolio import SEARCH, STORE
from monitor.store.changes import Recorded
from monitor.store.memberships import Row, accounts_on_domains, domains_behind
from monitor.store.signals import (
    LAST_PUBLISHED,
    Key,
    kept_thresholds,
    lapsed_domains,
    measures_of,
    memberships_of,
    put_measures,
    totals_of,
    undated,
)
from monitor.store.targets import ids_of, subjects_of

Acts = dict[tuple[str, str], int]
"""By account and measure: seconds since 1970 of the last release of its packages (W3), and of its own."""


class Sight(Struct, frozen=True):
    """A package as it was just recorded."""

    target: int
    subject: str
    package: Package
    people: set[Row]
    first: bool
    """It was never seen before: its signals are history, not news."""


class Turned(Struct, frozen=True):
    """A domain whose state is another than before."""

    target: int
    domain: Domain
    first: bool


def weigh(
    session: Session, sights: Sequence[Sight], turned: Sequence[Turned], thresholds: Thresholds, now: datetime
) -> list[Recorded]:
    """Judge every signal of these packages, of the accounts behind them, and of what hangs on these domains."""
    if not sights and not turned:
        return []
    kept = kept_thresholds(session)
    judging = Judging(thresholds, now, kept.relative if kept else None)
    accounts = ids_of(session, {row[0] for sight in sights for row in sight.people if row[0]})
    known = measures_of(session, [*(s.target for s in sights), *accounts.values(), *(one.target for one in turned)])
    cases = [*_packages(session, sights, known, judging)]
    new = {row[0] for sight in sights if sight.first for row in sight.people}
    cases += _people(session, sights, accounts, new, known, judging)
    put_measures(session, {(one.target, "W1"): int(one.domain.state in LAPSED) for one in turned}, known)
    cases += _addresses(session, sights, turned, accounts, new)
    return settle(session, cases, now)


def _packages(
    session: Session, sights: Sequence[Sight], known: Mapping[Key, int | None], judging: Judging
) -> Iterable[Case]:
    """W2 to W5."""
    fresh: dict[Key, int | None] = {}
    for sight in sights:
        last = last_release(sight.package, judging.now)
        told: dict[str, int | UnsetType] = {"W3": UNSET if last is UNSET else int(last.timestamp())}
        told |= {"W4": maintainers(sight.package), "W5": contributors(sight.package)}
        # What is unknown now keeps the last value that was known.
        fresh |= {
            (sight.target, signal): known.get((sight.target, signal)) if value is UNSET else value
            for signal, value in told.items()
        }
    put_measures(session, fresh, known)
    for sight in sights:
        judges = {
            "W2": always(runs_on_install(sight.package)),
            "W3": judging.silence(fresh[sight.target, "W3"], silence_cause(sole_maintainer(sight.people))),
            "W4": judging.count("W4", fresh[sight.target, "W4"]),
            "W5": judging.count("W5", fresh[sight.target, "W5"]),
        }
        for signal, judge in judges.items():
            yield Case(sight.target, sight.subject, signal, judge, sight.first)


def sole_maintainer(people: set[Row]) -> str:
    """The one account that can publish; ``""`` where there are none or several."""
    names = {account for account, role, *_ in people if account and role == "maintainer"}
    return next(iter(names)) if len(names) == 1 else ""


def silence_cause(account: str) -> str:
    """A package of one person falls silent with that person: one cause, one alert."""
    return f"signal:W3:{account}" if account else ""


def _people(
    session: Session,
    sights: Sequence[Sight],
    accounts: Mapping[str, int],
    new: set[str],
    known: Mapping[Key, int | None],
    judging: Judging,
) -> Iterable[Case]:
    """W3 and W6 of the accounts behind these packages."""
    acts: Acts = {}
    for sight in sights:
        own = own_acts(sight.package, judging.now)
        for signal, found in (("W3", activity(sight.package, judging.now, own)), (LAST_PUBLISHED, own)):
            for name, at in found.items():
                key = account_subject(sight.package.ecosystem, name), signal
                acts[key] = max(acts.get(key, 0), int(at.timestamp()))
    yield from _accounts(session, accounts, acts, new, known, judging)


def _accounts(
    session: Session,
    accounts: Mapping[str, int],
    acts: Acts,
    new: set[str],
    known: Mapping[Key, int | None],
    judging: Judging,
) -> Iterable[Case]:
    """W3 and W6 of accounts, given the releases that they stood behind."""
    belongs = memberships_of(session, accounts)
    totals = totals_of(session, accounts.values())
    fresh: dict[Key, int | None] = {}
    for account, target in accounts.items():
        # What somebody once did stays done, whatever becomes of the package.
        fresh[target, "W3"] = max(known.get((target, "W3")) or 0, acts.get((account, "W3"), 0)) or None
        if own := acts.get((account, LAST_PUBLISHED)):
            fresh[target, LAST_PUBLISHED] = max(known.get((target, LAST_PUBLISHED)) or 0, own)
        local = len({package for package, role in belongs.get(account, ()) if role == "maintainer"})
        # The search leaves out what is deprecated, and what another registry serves.
        fresh[target, "W6"] = max(totals.get(target, 0), local)
    put_measures(session, fresh, known)
    dateless = undated(session, accounts)
    for account, target in accounts.items():
        silence = judging.silence(fresh[target, "W3"], certain=account not in dateless)
        yield Case(target, account, "W3", silence, account in new)
        counted = judging.count("W6", fresh[target, "W6"], SEARCH if target in totals else STORE)
        yield Case(target, account, "W6", counted, account in new)


def weigh_account(
    session: Session,
    target: int,
    account: str,
    last_active_at: datetime | None,
    last_published_at: datetime | None,
    first: bool,
    thresholds: Thresholds,
    now: datetime,
) -> list[Recorded]:
    """Judge W3 and W6 of one account after the search told of it; ``first``: it never did before, so it is no news."""
    kept = kept_thresholds(session)
    judging = Judging(thresholds, now, kept.relative if kept else None)
    known = measures_of(session, [target])
    moments = {"W3": last_active_at, LAST_PUBLISHED: last_published_at}
    acts = {(account, signal): int(min(at, now).timestamp()) for signal, at in moments.items() if at is not None}
    return settle(
        session, [*_accounts(session, {account: target}, acts, {account} if first else set(), known, judging)], now
    )


def _addresses(
    session: Session, sights: Sequence[Sight], turned: Sequence[Turned], accounts: Mapping[str, int], new: set[str]
) -> Iterable[Case]:
    """W1 of these packages and accounts, and of those with an address on a domain whose state turned."""
    on_turned = accounts_on_domains(session, (one.domain.name for one in turned))
    news = {one.domain.name for one in turned if not one.first}
    ids = {**accounts, **ids_of(session, {row.account for row in on_turned if row.account} - accounts.keys())}
    subjects = {sight.target: sight.subject for sight in sights} | {ids[account]: account for account in ids}
    subjects |= subjects_of(session, {row.target_id for row in on_turned} - subjects.keys())
    lapsed = lapsed_domains(session, domains_behind(session, subjects, {*accounts, *ids}))
    loud = {sight.target for sight in sights if not sight.first} | {ids[one] for one in accounts if one not in new}
    published: dict[int, set[Published]] = {}
    for row in on_turned:
        if row.domain in news:
            loud |= {row.target_id, ids.get(row.account, row.target_id)}
    for row in accounts_on_domains(session, lapsed):
        one = Published(row.domain, row.email, row.account)
        for target in {row.target_id, ids.get(row.account, row.target_id)}:
            published.setdefault(target, set()).add(one)
    for target, subject in subjects.items():
        yield Case(target, subject, "W1", always(lapsed_domain(published.get(target, ()), lapsed)), target not in loud)
