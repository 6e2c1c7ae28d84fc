"""The study over what is watched: from the store, in SQLite and PostgreSQL, and as a command."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from alerts.routing import policy
from config.settings import Settings, Thresholds
from monitor.changes.compounds import COMPOUNDS
from monitor.observations import Domain, DomainState, Package
from monitor.record import Recorder
from monitor.results import Seen
from monitor.schedule import CONFIRM_AFTER
from monitor.sources.packument import parse_packument
from monitor.store.engine import Store
from monitor.store.targets import Wanted, by_subject, reconcile
from monitor.study.run import study_records
from monitor.study.watchlist import watched_records

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
Build = Callable[..., dict[str, Any]]


class Watched:
    """A store that watches three npm packages and one of PyPI."""

    def __init__(self, store: Store) -> None:
        self.store, self.now = store, START
        self.recorder = Recorder(Settings(), policy(Settings(), COMPOUNDS), Random(1))
        subjects = ["pkg:npm/left-pad", "pkg:npm/right-pad", "pkg:npm/never-seen", "pkg:pypi/flask"]
        with store.transaction() as session:
            wanted = [Wanted(watch="shop", subject=subject, sort="package") for subject in subjects]
            reconcile(session, wanted, START, Random(1))

    def sees(self, subject: str, observation: Package | Domain, after: timedelta = timedelta(hours=1)) -> None:
        self.now += after
        with self.store.transaction() as session:
            (due,) = by_subject(session, [subject])
            seen = Seen(due=due, at=self.now, observation=observation, looked_up=True)
            self.recorder.record(session, [seen], self.now)

    def measured(self, *subjects: str) -> dict[str, dict[str, Any]]:
        with self.store.reading() as session:
            records, self.unseen = watched_records(session, subjects)
        found = study_records(records, self.now, Thresholds())
        return {one.id: one.statistics | {"known": one.known, "unknown": one.unknown} for one in found.measures}


@pytest.fixture
def watched(store: Store, packument: Build) -> Watched:
    watched = Watched(store)
    people = [{"name": "alice", "email": "alice@alice-mail.org"}, {"name": "GitHub Actions", "email": "x@y.org"}]
    for name, maintainers in (("left-pad", people), ("right-pad", [*people, {"name": "bob", "email": "b@gmail.com"}])):
        document = packument(name) | {"maintainers": maintainers}
        watched.sees(f"pkg:npm/{name}", parse_packument(json.dumps(document).encode(), name))
    return watched


def test_what_is_watched_is_counted_as_a_registry_is(watched: Watched) -> None:
    found = watched.measured()
    assert watched.unseen == ["pkg:npm/never-seen", "pkg:pypi/flask"]
    people = found["maintainers-per-package"]
    assert (people["known"], people["unknown"], people["max"], people["mean"]) == (2, 2, 2, 1.5)
    assert found["packages-per-maintainer"]["max"] == 2
    assert (found["install-scripts"]["count"], found["install-scripts"]["known"]) == (0, 2)
    one = watched.measured("pkg:npm/left-pad")
    assert (one["maintainers-per-package"]["known"], watched.unseen) == (1, [])


def test_a_domain_that_nobody_looked_at_is_unknown_and_a_lapsed_one_counts(watched: Watched) -> None:
    found = watched.measured()["maintainers-on-expired-domains"]
    # bob is with a provider, whose domain does not lapse; of alice's nothing is known.
    assert (found["count"], found["known"], found["unknown"]) == (0, 1, 1)
    held = "domain:alice-mail.org"
    watched.sees(held, Domain(name="alice-mail.org", state=DomainState.REGISTERED))
    assert watched.measured()["maintainers-on-expired-domains"]["unknown"] == 0
    for after in (timedelta(days=1), CONFIRM_AFTER):
        watched.sees(held, Domain(name="alice-mail.org", state=DomainState.UNREGISTERED), after)
    found = watched.measured()
    assert found["maintainers-on-expired-domains"]["count"] == 1
    assert found["packages-on-expired-domains"]["count"] == 2


def test_the_command_compares_with_npm_as_a_whole(weaklink: Any) -> None:
    before = weaklink("study")
    assert (before.returncode, "weaklink check does" in before.stderr) == (3, True)
    weaklink("check")
    done = weaklink("study", "npm:left-pad")
    assert "your dependencies: 1 packages" in done.stdout
    assert "58.7 %" in done.stdout
    assert done.stderr == ""
    document = json.loads(weaklink("--json", "study").stdout)
    assert document["packages"] == 1
    assert weaklink("study", "left-pad").returncode == 2
