"""One timeline through the ordinary normaliser, comparison and alert rules, in a store of its own.

The clock stands at what is replayed. What needs a second look gets one when the daemon would take it, with what the
source would say then.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Final

from sqlalchemy import Connection
from sqlmodel import Session, col, select

from alerts.held import findings_of
from alerts.model import Alert
from alerts.routing import policy
from config.names import domain_subject, package_purl
from config.settings import Settings
from config.severity import Severity
from monitor.advisories.model import Advisory
from monitor.advisories.record import record
from monitor.changes.compounds import COMPOUNDS
from monitor.check import first_published
from monitor.observations import Domain, Package
from monitor.record import Outcome, Recorder
from monitor.replay.score import Raised, Score, score
from monitor.replay.timelines import Timeline, observe
from monitor.results import Seen
from monitor.schedule import CONFIRM_AFTER
from monitor.store.advisories import mark_asked
from monitor.store.engine import Store
from monitor.store.targets import Wanted, add_targets, by_subject, ids_of, reconcile
from monitor.store.upgrade import upgrade

EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
YEAR: Final = timedelta(days=365.25)


def replay(timeline: Timeline, settings: Settings) -> Score:
    """What the watch would have told, beside what was expected of it; ReplayError for an observation that is none."""
    store = _empty_store()
    try:
        return _Replay(timeline, settings, store).run()
    finally:
        store.close()


def _empty_store() -> Store:
    store = Store("sqlite://")
    with store.engine.connect() as connection:
        _sqlite(connection).deserialize(_schema())
    return store


@cache
def _schema() -> bytes:
    """A database with every table and no row: made once, since migrating takes longer than a short timeline."""
    store = Store("sqlite://")
    try:
        upgrade(store, EPOCH)
        with store.engine.connect() as connection:
            return _sqlite(connection).serialize()
    finally:
        store.close()


def _sqlite(connection: Connection) -> sqlite3.Connection:
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    return raw


class _Replay:
    """The state of one replay: what each source would answer now, and which second looks are due."""

    def __init__(self, timeline: Timeline, settings: Settings, store: Store) -> None:
        self._timeline = timeline
        self._store = store
        self._rng = Random(0)
        self._recorder = Recorder(settings, policy(settings, COMPOUNDS), self._rng)
        self._answers: dict[str, Package | Domain] = {}
        self._again: dict[str, datetime] = {}
        self._born: dict[str, datetime] = {}
        self._spans: dict[str, tuple[datetime, datetime]] = {}
        self._targets: set[str] = set()
        self._kinds: dict[str, datetime] = {}
        self._grave: dict[int, datetime] = {}

    def run(self) -> Score:
        observations = [(told, observe(told, self._timeline.origin)) for told in self._timeline.observations]
        # Also what is observed later tells when a package began, which the registry would have answered before.
        for _, one in observations:
            if isinstance(one, Package) and (born := first_published(one)) is not None:
                self._born[one.name] = min(born, self._born.get(one.name, born))
        for told, observed in observations:
            self._second_looks(told.at)
            if isinstance(observed, Advisory):
                self._advise(observed, told.at)
                continue
            subject = _subject(observed)
            self._answers[subject] = observed
            if isinstance(observed, Package):
                first, _ = self._spans.get(subject, (told.at, told.at))
                self._spans[subject] = first, told.at
            self._look(subject, told.at)
        self._second_looks(None)
        return score(
            self._timeline,
            kinds=self._kinds,
            raised=self._raised(),
            package_years=sum(((last - first) / YEAR for first, last in self._spans.values()), 0.0),
        )

    def _second_looks(self, until: datetime | None) -> None:
        """Those that fall due by then, in order; all of them for None."""
        while self._again:
            subject, at = min(self._again.items(), key=lambda item: item[1])
            if until is not None and at > until:
                return
            self._look(subject, at)

    def _look(self, subject: str, at: datetime) -> None:
        self._again.pop(subject, None)
        with self._store.transaction() as session:
            outcome = self._recorder.record(session, [self._seen(session, subject, at)], at)
            if outcome.suspected:
                self._again[subject] = at + CONFIRM_AFTER
            self._note(session, outcome, at)

    def _advise(self, advisory: Advisory, at: datetime) -> None:
        """An advisory about a package that is watched by then; which versions are in use, a timeline does not say."""
        with self._store.transaction() as session:
            asked = [target for subject, target in ids_of(session, self._spans).items() if subject in self._targets]
            mark_asked(session, asked, at)
            found = {advisory.id: (advisory, "")}
            self._note(session, record(session, self._recorder, found, asked, lambda _: True, at), at)

    def _note(self, session: Session, outcome: Outcome, at: datetime) -> None:
        """Which kinds were seen, and which alerts are grave by now."""
        for found in outcome.findings:
            if not found.clears:
                self._kinds.setdefault(found.kind, at)
        if outcome.findings:
            for number in session.exec(select(Alert.id).where(Alert.severity >= Severity.HIGH)):
                self._grave.setdefault(number or 0, at)

    def _seen(self, session: Session, subject: str, at: datetime) -> Seen:
        observed = self._answers[subject]
        if subject not in self._targets:
            self._targets.add(subject)
            if isinstance(observed, Domain):
                add_targets(session, [(subject, "domain")], at, self._rng, listed=False)
            else:
                watched = [Wanted(watch="replay", subject=one, sort="package") for one in self._spans]
                reconcile(session, watched, at, self._rng)
        (due,) = by_subject(session, [subject])
        published: dict[str, datetime | None] = {name: born for name, born in self._born.items() if born <= at}
        return Seen(due=due, at=at, observation=observed, published=published, looked_up=True)

    def _raised(self) -> list[Raised]:
        """Every alert that was grave at some time, with when it became so and what it held in the end."""
        with self._store.reading() as session:
            alerts = session.exec(select(Alert).where(col(Alert.id).in_(self._grave))).all()
            findings = findings_of(session, list(self._grave))
        return sorted(
            (
                Raised(
                    at=self._grave[alert.id or 0],
                    severity=Severity(alert.severity),
                    subject=alert.subject,
                    title=alert.title,
                    reason=alert.reason,
                    kinds=sorted({finding.kind for finding in findings[alert.id or 0]}),
                )
                for alert in alerts
            ),
            key=lambda one: (one.at, one.subject),
        )


def _subject(observed: Package | Domain) -> str:
    if isinstance(observed, Domain):
        return domain_subject(observed.name)
    return package_purl(observed.ecosystem, observed.name)
