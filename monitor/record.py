"""From results of checks to snapshots, changes, alerts and owed messages: one transaction for what came together.

A crash before the commit loses nothing, since the targets are still due; a crash after it repeats nothing, since the
snapshot already holds what was seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from random import Random
from typing import Any, Final

from msgspec import UNSET, Struct
from msgspec.structs import replace
from sqlalchemy import bindparam, insert, select, update
from sqlmodel import Session, col

from alerts import lifecycle
from alerts.findings import Finding
from alerts.incidents import joined
from alerts.messages.escape import visible
from alerts.routing import Policy
from config.names import domain_subject
from config.settings import Settings
from monitor.beside import (
    Comparison,
    beside,
    confirmed,
    grave,
    new_dependencies,
    registered_lately,
    stale,
    told_of_renewal,
)
from monitor.bursting import found_bursts
from monitor.changes.domains import next_check
from monitor.feeds.model import reached
from monitor.health import target_failing, target_recovered
from monitor.observations import Domain, Package
from monitor.reach import Joined, join
from monitor.results import Failed, Result, Seen, Unchanged
from monitor.schedule import CONFIRM_AFTER, Due, after_failure, after_success, jittered, until_shown
from monitor.signals.evaluate import Sight, Turned, weigh, weigh_account
from monitor.signals.review import review
from monitor.snapshots import encode, encode_domain
from monitor.sources.search import Portfolio
from monitor.store.bulk import update_rows
from monitor.store.changes import Recorded, recent_findings, record_changes
from monitor.store.claims import still_claimed
from monitor.store.feeds import Awaited, awaited_by
from monitor.store.memberships import Row, memberships, replace_memberships
from monitor.store.packages import PackageWriter, chunks, load_packages
from monitor.store.portfolios import put_portfolio
from monitor.store.tables import Snapshot, Target
from monitor.store.targets import add_targets, reach_of
from monitor.usage import used_since
from monitor.validators import Validators


class Lookup(Struct):
    """An observation that waits until it is known how old its new dependencies are."""

    seen: Seen
    names: tuple[str, ...]


class Outcome(Struct):
    """What one transaction recorded."""

    findings: list[Finding] = []
    lookups: list[Lookup] = []
    suspected: list[str] = []
    """Subjects in which something grave was seen that a second check must confirm."""
    first_seen: list[str] = []


class Recorder:
    """Records results; knows the settings, the routes and the dice, and nothing of the network."""

    def __init__(
        self, settings: Settings, policy: Policy, rng: Random, told_of: Callable[[str], bool] = lambda _: False
    ) -> None:
        """``told_of``: whether a live feed tells of changes at a source (``npm``), so that polling may be rare."""
        self.settings = settings
        self.policy = policy
        self._rng = rng
        self._told_of = told_of

    def use(self, settings: Settings, policy: Policy) -> None:
        """From the next record on, these settings and routes (a reload)."""
        self.settings, self.policy = settings, policy

    @staticmethod
    def changes_nothing(results: Iterable[Result]) -> bool:
        """Whether recording these touches nothing but the rows of their own targets."""
        return all(isinstance(r, Unchanged) and r.due.failing_since is None for r in results)

    def record(self, session: Session, results: Sequence[Result], now: datetime) -> Outcome:
        """Record what these checks gave, within the caller's transaction; not what another has claimed meanwhile."""
        outcome = Outcome()
        results = still_claimed(session, results)
        told = [*self._unchanged(session, [r for r in results if isinstance(r, Unchanged)])]
        told += self._failed(session, [r for r in results if isinstance(r, Failed)])
        seen = [r for r in results if isinstance(r, Seen)]
        comparisons = self._compare(session, seen, now, outcome) if seen else []
        if comparisons:
            self._write(session, comparisons, now)
            told += [f for c in comparisons if (f := target_recovered(c.seen.due, c.seen.at))]
            told += [f for c in comparisons if (f := told_of_renewal(c))]
            told += self._changes(session, comparisons, now)
            told += self._signals(session, comparisons, now)
        if told:
            told = joined(session, told, now)
            recent = self.recent(session, told, now)
            lifecycle.take(session, told, recent=recent, policy=self.policy, now=now)
            outcome.findings = told
        return outcome

    def review(self, session: Session, now: datetime) -> Outcome:
        """Record the signals that time, the watched set or an edit turned, within the caller's transaction."""
        return self._tell(session, review(session, self.settings.thresholds, now), now)

    def surveyed(
        self, session: Session, target: int, account: str, told: Portfolio | None, now: datetime, due_at: datetime
    ) -> Outcome:
        """Record what the registry's search told of an account, within the caller's transaction; None: nothing."""
        first = put_portfolio(session, target, told.total if told else None, now, due_at)
        if told is None:
            return Outcome()
        dates = told.last_active_at, told.last_published_at
        recorded = weigh_account(session, target, account, *dates, first, self.settings.thresholds, now)
        return self._tell(session, recorded, now)

    def _tell(self, session: Session, recorded: Sequence[Recorded], now: datetime) -> Outcome:
        told = record_changes(session, recorded, now, dict(self.settings.severity)) if recorded else []
        if told:
            lifecycle.take(session, told, recent=(), policy=self.policy, now=now)
        return Outcome(findings=told)

    def _unchanged(self, session: Session, results: Sequence[Unchanged]) -> Iterable[Finding]:
        if not results:
            return []
        awaited = awaited_by(session, [r.due.id for r in results])
        update_rows(
            session,
            Target,
            ("id", "checked_at", "fresh_at", *_NEXT, *_VALIDATORS),
            [
                (r.due.id, r.at, r.at, *self._next(r.due, r.at, awaited.get(r.due.id)), *_validators(r.validators))
                for r in results
            ],
            fixed=_RECOVERED,
        )
        return [f for r in results if (f := target_recovered(r.due, r.at))]

    def _failed(self, session: Session, results: Sequence[Failed]) -> Iterable[Finding]:
        if not results:
            return []
        session.connection().execute(
            _FAILED,
            [
                {
                    "target": r.due.id,
                    "at": r.at,
                    "due": after_failure(r.due, self.settings.schedule, r.at, self._rng, r.retry_after),
                    "since": r.due.failing_since or r.at,
                    # A reason may quote a reply: no database takes its NULs, and no terminal should its escapes.
                    "reason": visible(f"{r.host}: {r.reason}")[:500],
                }
                for r in results
            ],
        )
        told = [f for r in results if (f := target_failing(r, self.settings.thresholds))]
        reach = reach_of(session, [r.due.id for r in results]) if told else {}
        ids = {r.due.subject: r.due.id for r in results}
        return [replace(f, reach=reach.get(ids[f.subject], ())) for f in told]

    def _compare(self, session: Session, seen: Sequence[Seen], now: datetime, outcome: Outcome) -> list[Comparison]:
        """Every observation beside its last snapshot; those that must wait are taken out and named in ``outcome``."""
        rows: dict[int, Any] = {}
        for chunk in chunks([s.due.id for s in seen]):
            rows |= {
                row.id: row
                for row in session.execute(
                    select(
                        col(Target.id),
                        col(Target.snapshot_id),
                        col(Target.suspect),
                        col(Target.suspected_at),
                        col(Snapshot.digest),
                    )
                    .join(Snapshot, col(Target.snapshot_id) == col(Snapshot.id), isouter=True)
                    .where(col(Target.id).in_(chunk))
                    .with_for_update(of=Target)
                )
            }
        packages = {s.due.id for s in seen if s.due.sort == "package"}
        stored = load_packages(
            session, [row.id for row in rows.values() if row.snapshot_id is not None and row.id in packages]
        )
        newcomers = {one.observation.name for one in seen if registered_lately(one)}
        used = used_since(session, newcomers) if newcomers else {}
        found = []
        for one in seen:
            if (row := rows.get(one.due.id)) is None:
                continue
            comparison = beside(one, stored.get(one.due.id), row, used.get(one.observation.name), self.settings)
            unknown = new_dependencies(comparison) if not one.looked_up else set()
            if unknown:
                outcome.lookups.append(Lookup(one, tuple(sorted(unknown))))
            elif (mark := grave(comparison.changes)) and not confirmed(row, mark, one.at):
                self._suspect(session, one, mark, row)
                outcome.suspected.append(one.due.subject)
            else:
                if comparison.before is None:
                    outcome.first_seen.append(one.due.subject)
                found.append(comparison)
        return found

    def _suspect(self, session: Session, seen: Seen, mark: bytes, row: Any) -> None:
        """Remember what was suspected and look again in minutes; the snapshot and the validators stay as they were."""
        since = row.suspected_at if row.suspect == mark else seen.at
        session.execute(
            update(Target)
            .where(col(Target.id) == seen.due.id)
            .values(
                suspect=mark,
                suspected_at=since,
                claim=None,
                checked_at=seen.at,
                due_at=seen.at + jittered(CONFIRM_AFTER, self._rng),
            )
        )

    def _write(self, session: Session, comparisons: Sequence[Comparison], now: datetime) -> None:
        writer = PackageWriter(session, now)
        people: dict[int, set[Row]] = {}
        for c in comparisons:
            if isinstance(c.after, Domain):
                c.snapshot = writer.value(encode_domain(c.after))
                continue
            c.snapshot = writer.facts(c.after)
            writer.releases(c.seen.due.id, c.after, c.stored)
            people[c.seen.due.id] = c.people = memberships(c.after)
        writer.flush()
        snapshots = _put_snapshots(session, comparisons)
        new = replace_memberships(session, people)
        awaited = awaited_by(session, [c.seen.due.id for c in comparisons])
        accounts = {(account, "maintainer") for account, *_ in new if account}
        domains = {(domain_subject(domain), "domain") for *_, domain in new if domain}
        if accounts or domains:
            add_targets(session, accounts | domains, now, self._rng, listed=False)
        update_rows(
            session,
            Target,
            ("id", "checked_at", "fresh_at", *_NEXT, *_VALIDATORS, "revision", "snapshot_id", "stale", "evidence"),
            [
                (
                    c.seen.due.id,
                    c.seen.at,
                    c.seen.at,
                    *self._after(c, awaited.get(c.seen.due.id)),
                    *_validators(c.seen.validators),
                    _revision(c.seen),
                    snapshots[c.seen.due.id],
                    " ".join(stale(c))[:1000],
                    encode(c.seen.observation.evidence) if isinstance(c.seen.observation, Domain) else None,
                )
                for c in comparisons
            ],
            fixed=_RECOVERED,
        )
        changed = [(c.seen.due.id, c.seen.at) for c in comparisons if c.changes]
        update_rows(session, Target, ("id", "changed_at"), changed)

    def _after(self, c: Comparison, awaited: Awaited | None) -> Next:
        due = replace(c.seen.due, changed_at=c.seen.at) if c.changes else c.seen.due
        observed = c.seen.observation
        if isinstance(observed, Domain):
            wait = next_check(observed, c.seen.at, self.settings.schedule)
            return after_success(due, self.settings.schedule, c.seen.at, self._rng, wait), "", None
        # A registry that numbers nothing shows by the change itself that its caches have it.
        shown = awaited is not None and (
            reached(_revision(c.seen), awaited.revision) or (observed.revision is UNSET and bool(c.changes))
        )
        return self._next(due, c.seen.at, None if shown else awaited)

    def _next(self, due: Due, at: datetime, awaited: Awaited | None) -> Next:
        """When to check again, and the revision that is still waited for, with the moment of its announcement."""
        if awaited is not None and (wait := until_shown(awaited.since, at)) is not None:
            return at + wait, awaited.revision, awaited.since
        schedule = self.settings.schedule
        told_of = due.told_of or self._told_of(due.source)
        sweep = schedule.sweep if due.sort == "package" and told_of else None
        return after_success(due, schedule, at, self._rng, sweep), "", None

    def _changes(self, session: Session, comparisons: Sequence[Comparison], now: datetime) -> list[Finding]:
        changed = [c for c in comparisons if c.changes]
        if not changed:
            return []
        follows = {c.seen.due.id: c.follows for c in changed}
        joined = join(session, [(c.seen.due, change) for c in changed for change in c.changes])
        overrides = dict(self.settings.severity)
        checks = _checks(changed)
        told = record_changes(session, [_recorded(j, follows[j.due.id]) for j in joined], now, overrides, checks)
        together = found_bursts(session, joined, self.settings.thresholds.burst_packages, now)
        return told + record_changes(session, together, now, overrides, checks)

    def _signals(self, session: Session, comparisons: Sequence[Comparison], now: datetime) -> list[Finding]:
        """The signals that these observations raised or cleared."""
        sights = [
            Sight(c.seen.due.id, c.seen.due.subject, c.after, c.people, c.before is None)
            for c in comparisons
            if isinstance(c.after, Package)
        ]
        turned = [
            Turned(c.seen.due.id, c.after, c.before is None)
            for c in comparisons
            if isinstance(c.after, Domain) and (not isinstance(c.before, Domain) or c.before.state is not c.after.state)
        ]
        recorded = weigh(session, sights, turned, self.settings.thresholds, now)
        overrides = dict(self.settings.severity)
        return record_changes(session, recorded, now, overrides, _checks(comparisons)) if recorded else []

    def recent(self, session: Session, told: Sequence[Finding], now: datetime) -> list[Finding]:
        """What was found lately about the same subjects, for the rules that join small things."""
        if not self.policy.compounds:
            return []
        window = max(rule.within for rule in self.policy.compounds)
        subjects = {subject for finding in told for subject in (finding.subject, *finding.related)}
        return recent_findings(session, subjects, now - window)


Next = tuple[datetime, str, datetime | None]

_NEXT: Final = ("due_at", "awaited", "awaited_since")
_VALIDATORS: Final = ("etag", "last_modified", "digest")
_RECOVERED: Final = "failures = 0, failing_since = NULL, error = '', suspect = NULL, suspected_at = NULL, claim = NULL"
_FAILED: Final = (
    update(Target)
    .where(col(Target.id) == bindparam("target"))
    .values(
        checked_at=bindparam("at"),
        due_at=bindparam("due"),
        claim=None,
        failures=col(Target.failures) + 1,
        failing_since=bindparam("since"),
        error=bindparam("reason"),
    )
)


def _revision(seen: Seen) -> str:
    observed = seen.observation
    return observed.revision[:200] if isinstance(observed, Package) and observed.revision is not UNSET else ""


def _validators(validators: Validators) -> tuple[str, str, str]:
    return validators.etag, validators.last_modified, validators.digest


def _put_snapshots(session: Session, comparisons: Sequence[Comparison]) -> dict[int, int]:
    """A new snapshot for each target whose facts are other than before; the present one's id for all of them."""
    present = {c.seen.due.id: c.follows for c in comparisons if c.follows and c.followed == c.snapshot}
    moved = [c for c in comparisons if c.seen.due.id not in present]
    for chunk in chunks([c.follows for c in moved if c.follows]):
        session.execute(
            update(Snapshot)
            .where(col(Snapshot.id).in_(chunk))
            .values(
                last_seen=select(col(Target.fresh_at))
                .where(col(Target.id) == col(Snapshot.target_id))
                .scalar_subquery()
            )
        )
    if moved:
        session.execute(
            insert(Snapshot),
            [{"target_id": c.seen.due.id, "digest": c.snapshot, "first_seen": c.seen.at} for c in moved],
        )
    ids = {target: snapshot for target, snapshot in present.items() if snapshot is not None}
    for chunk in chunks([c.seen.due.id for c in moved]):
        rows = session.execute(
            select(col(Snapshot.target_id), col(Snapshot.id)).where(
                col(Snapshot.target_id).in_(chunk), col(Snapshot.last_seen).is_(None)
            )
        )
        ids.update((target, snapshot) for target, snapshot in rows if snapshot is not None)
    return ids


def _checks(comparisons: Iterable[Comparison]) -> dict[int, str]:
    """The check that saw each target."""
    return {c.seen.due.id: c.seen.due.check for c in comparisons}


def _recorded(joined: Joined, follows: int | None) -> Recorded:
    return Recorded(
        target_id=joined.due.id, change=joined.change, follows=follows, related=joined.related, reach=joined.reach
    )
