"""What one target costs a store of a thousand and of a million: the pieces of work that a watch is made of.

Each piece runs as the daemon runs it, in one transaction, over targets that lie all over the store; those that change
have eight to twelve releases in every store, so that only the store's size differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec
from msgspec.structs import replace
from pydantic import SecretStr
from sqlalchemy import func, select
from sqlmodel import Session, col

from alerts.dispatch import due_notifications
from alerts.routing import policy
from benchmarks.enlarge import enlarge
from benchmarks.large_store import NOW, build, settle, year
from benchmarks.metering import Meter, Used, work
from config.settings import Channel, Route, Settings, Thresholds
from monitor.changes.compounds import COMPOUNDS
from monitor.health import INHIBITIONS, watch_findings
from monitor.observations import Domain, Package
from monitor.queries.gauges import counted, gauges
from monitor.record import Recorder
from monitor.results import Result, Seen, Unchanged
from monitor.schedule import Due
from monitor.signals.review import RETAKEN, review
from monitor.store import health
from monitor.store.engine import Store
from monitor.store.packages import load_packages
from monitor.store.signals import keep_thresholds, kept_thresholds
from monitor.store.tables import ReleaseRow, Target, WatchEntry
from monitor.store.targets import Wanted, by_subject, reconcile, subjects_of, take_due
from monitor.store.watchlist import amend
from monitor.upcoming import upcoming
from monitor.validators import Validators

SMALLEST: Final = 1_000
"""Targets that every store holds; a larger one holds copies of them besides."""
LARGE: Final = 100_000
TAKEN: Final = 200
UNCHANGED: Final = 200
TOGETHER: Final = 10
"""Unchanged checks that come in the quarter of a second for which a daemon waits, of 100,000 targets an hour."""
CHANGED: Final = 20
DOMAINS: Final = 10
SCRIPTS: Final = 4
"""Every so many changed packages, one brings a script that runs on install, which opens an alert."""
ROUTES: Final = tuple(
    map(
        Route.model_validate,
        (
            # Everything at once, so that each round has messages to make, and all of it in a digest besides.
            {
                "match": {"severity": ">=low"},
                "channels": ["chat"],
                "group_by": ["cause"],
                "group_wait": "30s",
                "group_interval": "0s",
                "continue": True,
            },
            {"match": {"severity": ">=low"}, "channels": ["mail"], "digest": "0 8 * * mon-fri"},
        ),
    )
)
EACH: Final = "each"
WHOLE: Final = "whole"


class Grown:
    """A store of so many targets, and the work that is done in it."""

    def __init__(self, url: str, targets: int) -> None:
        self.store = Store(url)
        self.targets = targets
        self.now = NOW
        build(self.store, year(SMALLEST))
        with self.store.reading() as session:
            changing, quiet, self.domains = _chosen(session)
        self._taken_up(times=targets // SMALLEST)
        enlarge(self.store, targets // SMALLEST)
        settle(self.store)
        self.meter = Meter(self.store)
        channels = tuple(Channel(name=name, url=SecretStr(f"json://127.0.0.1/{name}")) for name in ("chat", "mail"))
        self.settings = Settings(route=ROUTES, channel=channels, thresholds=Thresholds())
        self.policy = policy(self.settings, COMPOUNDS, INHIBITIONS)
        self.recorder = Recorder(self.settings, self.policy, Random(1))
        self._rounds = 0
        with self.store.reading() as session:
            self.changing, self.quiet = by_subject(session, changing), by_subject(session, quiet)
            self.wanted = _wanted(session)

    def _taken_up(self, times: int) -> None:
        """A daemon has reviewed the signals before: the first time takes up everything. The watched set is to grow."""
        with self.store.transaction() as session:
            review(session, Thresholds(), self.now)
            kept = kept_thresholds(session)
            assert kept is not None
            population = {signal: size * times for signal, size in kept.population.items()}
            keep_thresholds(session, replace(kept, population=population, newest=(kept.newest + 1) * times))

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        with self.store.reading() as session:
            return int(gauges(session, self.now, counted(session)).database_bytes)

    def round(self) -> Iterator[tuple[str, str, Used, int]]:
        """Each piece of work once: its name, whether it looks at every target, what it cost, for how many targets."""
        self.now += timedelta(minutes=1)
        self._rounds += 1
        used, taken = self._do(lambda s: take_due(s, self.now, TAKEN, "npm"), write=False)
        yield "taking what is due", EACH, used, len(taken)
        used, taken = self._do(lambda s: take_due(s, self.now, 16, "domain"), write=False)
        yield "taking a domain that is due", EACH, used, max(1, len(taken))
        unchanged = [Unchanged(due=d, at=self.now, validators=Validators(etag="a")) for d in self.quiet]
        for many in (TOGETHER, UNCHANGED):
            used, _ = self._record(spread(unchanged, many))
            yield f"recording an unchanged check, one of {many}", EACH, used, many
        used, _ = self._record(list(self._released()))
        yield "recording a changed package", EACH, used, CHANGED
        used, _ = self._record(list(self._moved()))
        yield "recording a changed domain", EACH, used, DOMAINS
        self.now += timedelta(minutes=1)
        used, made = self._do(lambda s: due_notifications(s, self.policy, self.now, upcoming))
        yield "composing an alert", EACH, used, max(1, made)
        used, _ = self._do(lambda s: watch_findings(s, (), self.settings, self.now), write=False)
        yield "health's look at sources and channels", EACH, used, 1
        one = self.wanted[len(self.wanted) // 2]
        edited = replace(one, versions=(f"1.2.{self.now.minute}",))
        used, _ = self._do(lambda s: amend(s, [], [edited], self.now, Random(1)))
        yield "reconciling an edit", EACH, used, 1
        # Of a million once is enough, after a first round.
        if self.targets <= LARGE or self._rounds == 2:
            yield from self._everything()

    def _everything(self) -> Iterator[tuple[str, str, Used, int]]:
        """What looks at every target, or tells of all of them."""
        used, _ = self._do(lambda s: health.status(s, self.now), write=False)
        yield "status", WHOLE, used, self.targets
        used, _ = self._do(lambda s: health.brief(s, self.now), write=False)
        yield "what the daemon says of the watch", WHOLE, used, self.targets
        used, known = self._do(counted, write=False)
        yield "counting targets for metrics", WHOLE, used, self.targets
        used, _ = self._do(lambda s: gauges(s, self.now, known), write=False)
        yield "metrics between counts", WHOLE, used, self.targets
        self.now += RETAKEN
        used, _ = self._do(lambda s: self.recorder.review(s, self.now))
        yield "review of signals, each hour", WHOLE, used, self.targets
        self.now += timedelta(minutes=1)
        used, _ = self._do(lambda s: self.recorder.review(s, self.now))
        yield "review of signals, each minute", EACH, used, 1
        used, _ = self._do(lambda s: reconcile(s, self.wanted, self.now, Random(1)))
        yield "reconciling everything", WHOLE, used, self.targets

    def _do(self, done: Any, *, write: bool = True) -> tuple[Used, Any]:
        return work(self.store, self.meter, done, write=write)

    def _record(self, results: Sequence[Result]) -> tuple[Used, Any]:
        return self._do(lambda s: self.recorder.record(s, results, self.now))

    def _released(self) -> Iterator[Result]:
        """A release of each; some bring a script."""
        with self.store.reading() as session:
            known = load_packages(session, [due.id for due in self.changing])
        for number, due in enumerate(self.changing):
            scripts = {"postinstall": f"node {self.now:%H%M}.js"} if number % SCRIPTS == 0 else {}
            yield self._seen(due, released(known[due.id].package, self.now, scripts))

    def _moved(self) -> Iterator[Result]:
        """Other name servers for each."""
        with self.store.reading() as session:
            dues = by_subject(session, self.domains)
        for due in dues:
            assert due.domain is not None
            yield self._seen(due, replace(due.domain, nameservers=(f"ns{self.now:%H%M}.example",)))

    def _seen(self, due: Due, observation: Package | Domain) -> Seen:
        return Seen(due=due, at=self.now, observation=observation, validators=Validators(etag="b"), looked_up=True)

    def close(self) -> None:
        self.store.close()
        if self.store.file is not None:
            for file in self.store.file.parent.glob(f"{self.store.file.name}*"):
                file.unlink()


def _chosen(session: Session) -> tuple[list[str], list[str], list[str]]:
    """Packages that will change, packages that will not, and domains."""
    sized = (
        select(col(ReleaseRow.target_id))
        .group_by(col(ReleaseRow.target_id))
        .having(func.count().between(8, 12))
        .order_by(col(ReleaseRow.target_id))
    )
    changing = list(subjects_of(session, spread(list(session.scalars(sized)), CHANGED)).values())
    watched = select(col(Target.subject)).where(col(Target.due_at).is_not(None)).order_by(col(Target.id))
    packages = list(session.scalars(watched.where(col(Target.sort) == "package")))
    domains = list(session.scalars(watched.where(col(Target.sort) == "domain")))
    return changing, spread(packages, UNCHANGED), spread(domains, DOMAINS)


def _wanted(session: Session) -> list[Wanted]:
    """The watchlist as the store has it."""
    entries = select(
        *(getattr(WatchEntry, name) for name in ("watch", "owner", "direct", "via", "source")), col(Target.subject)
    ).join(Target)
    return [
        Wanted(
            watch=row.watch,
            owner=row.owner,
            subject=row.subject,
            sort="package",
            direct=row.direct,
            via=msgspec.json.decode(row.via, type=tuple[str, ...]),
            versions=("1.2.3",),
            source=row.source,
        )
        for row in session.execute(entries)
    ]


def released(package: Package, now: datetime, scripts: dict[str, str]) -> Package:
    """The package with one more release, now."""
    assert isinstance(package.releases, dict)
    last = list(package.releases.values())[-1]
    version = f"{now:%-H%M}.0.0"
    fresh = replace(
        last, version=version, published_at=now, scripts=scripts, integrity={"tarball": f"sha512-{version}"}
    )
    return replace(package, releases=package.releases | {version: fresh}, latest=version)


def spread(items: Sequence[Any], count: int) -> list[Any]:
    """So many of them, at even distances."""
    return [items[number * len(items) // count] for number in range(count)]


def sqlite_url(folder: Path, targets: int) -> str:
    return f"sqlite:///{folder}/{targets}.db"
