"""What a check leaves in the store, in SQLite and PostgreSQL: snapshots, releases, changes, alerts, owed messages."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlmodel import SQLModel, func, select

from alerts.model import Alert, Delivery
from alerts.routing import policy
from config.settings import Channel, Route, Settings
from config.severity import Severity
from monitor.changes.compounds import COMPOUNDS
from monitor.observations import Package, Standing
from monitor.queries.show import show_json
from monitor.record import Outcome, Recorder
from monitor.results import Failed, Seen, Unchanged
from monitor.schedule import CONFIRM_AFTER
from monitor.sources.packument import parse_packument
from monitor.store.engine import Store
from monitor.store.packages import dependants, load_packages
from monitor.store.tables import ChangeRow, ReleaseRow, Snapshot, Target
from monitor.store.targets import Wanted, by_subject, reconcile, take_due
from monitor.validators import Validators

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
LEFT_PAD = "pkg:npm/left-pad"


class Watch:
    """A store with one watch, and a clock that a test moves."""

    def __init__(self, store: Store, *names: str) -> None:
        channel = Channel.model_validate({"name": "team", "url": "json://127.0.0.1/"})
        route = Route.model_validate({"match": {"severity": ">=medium"}, "channels": ["team"], "group_wait": "0s"})
        self.settings = Settings(channel=(channel,), route=(route,))
        self.store = store
        self.now = START
        self.recorder = Recorder(self.settings, policy(self.settings, COMPOUNDS), Random(1))
        wanted = [Wanted(watch="shop", owner="web", subject=f"pkg:npm/{name}", sort="package") for name in names]
        with store.transaction() as session:
            reconcile(session, wanted, self.now, Random(1))

    def sees(self, *documents: dict[str, Any], after: timedelta = timedelta(hours=1), **told: Any) -> Outcome:
        """One check of each package, which found these documents."""
        self.now += after
        seen = []
        with self.store.transaction() as session:
            for document in documents:
                package = parse_packument(json.dumps(document).encode(), document["name"])
                (due,) = by_subject(session, [f"pkg:npm/{document['name']}"])
                seen.append(Seen(due=due, at=self.now, observation=package, looked_up=True, **told))
            return self.recorder.record(session, seen, self.now)

    def sees_package(self, package: Package, after: timedelta = timedelta(hours=1)) -> Outcome:
        self.now += after
        with self.store.transaction() as session:
            (due,) = by_subject(session, [f"pkg:npm/{package.name}"])
            return self.recorder.record(session, [Seen(due=due, at=self.now, observation=package)], self.now)

    def rows(self) -> dict[str, int]:
        with self.store.reading() as session:
            return {
                name: session.exec(select(func.count()).select_from(table)).one()
                for name, table in SQLModel.metadata.tables.items()
            }

    def all(self, table: type[Any]) -> Sequence[Any]:
        with self.store.reading() as session:
            return session.exec(select(table)).all()


@pytest.fixture
def watch(store: Store) -> Watch:
    return Watch(store, "left-pad")


def kinds(outcome: Outcome) -> set[str]:
    return {finding.kind for finding in outcome.findings}


Build = Callable[..., dict[str, Any]]


def test_first_sight_records_and_raises_nothing(watch: Watch, taken_over: Build) -> None:
    outcome = watch.sees(taken_over())
    assert outcome.first_seen == [LEFT_PAD]
    assert outcome.findings == []
    assert len(watch.all(ReleaseRow)) == 5
    assert watch.all(Alert) == []


def test_an_unchanged_sweep_adds_no_row(watch: Watch, packument: Build) -> None:
    watch.sees(packument())
    before = watch.rows()
    watch.sees(packument() | {"_rev": "2-b"})
    with watch.store.transaction() as session:
        (due,) = by_subject(session, [LEFT_PAD])
        unchanged = Unchanged(due=due, at=watch.now + timedelta(hours=1), validators=Validators(etag='"x"'))
        watch.recorder.record(session, [unchanged], watch.now + timedelta(hours=1))
    assert watch.rows() == before
    (target,) = [t for t in watch.all(Target) if t.subject == LEFT_PAD]
    assert target.fresh_at == watch.now + timedelta(hours=1)
    assert target.due_at > target.fresh_at
    assert target.etag == '"x"'


def test_a_take_over_is_one_critical_alert_with_its_message_owed(
    watch: Watch, packument: Build, taken_over: Build
) -> None:
    watch.sees(packument())
    outcome = watch.sees(taken_over())
    assert {"maintainer-added", "publisher-changed", "install-script-added", "release-published"} <= kinds(outcome)
    (alert,) = watch.all(Alert)
    assert alert.severity == Severity.CRITICAL
    assert alert.watches[0]["watch"] == "shop"
    assert {change.subject for change in watch.all(ChangeRow)} == {LEFT_PAD}


def test_what_was_recorded_once_is_not_told_again(watch: Watch, packument: Build, taken_over: Build) -> None:
    watch.sees(packument())
    watch.sees(taken_over())
    before = watch.rows()
    assert watch.sees(taken_over()).findings == []
    assert watch.rows() == before


def test_a_mirror_without_maintainers_raises_nothing_and_loses_nothing(watch: Watch, packument: Build) -> None:
    watch.sees(packument())
    mirror = packument()
    del mirror["maintainers"]
    for version in mirror["versions"].values():
        del version["maintainers"], version["_npmUser"]
    assert watch.sees(mirror).findings == []
    with watch.store.reading() as session:
        (due,) = by_subject(session, [LEFT_PAD])
        stored = load_packages(session, [due.id])[due.id].package
    assert [account.name for account in stored.maintainers or ()] == ["alice"]
    (target,) = [t for t in watch.all(Target) if t.subject == LEFT_PAD]
    assert "maintainers" in target.stale.split()


def test_removal_is_told_after_a_second_check_only(watch: Watch, packument: Build) -> None:
    watch.sees(packument())
    gone = Package(ecosystem="npm", name="left-pad", standing=Standing.REMOVED)
    first = watch.sees_package(gone)
    assert first.suspected == [LEFT_PAD]
    assert first.findings == []
    (target,) = [t for t in watch.all(Target) if t.subject == LEFT_PAD]
    assert target.due_at - watch.now < 2 * CONFIRM_AFTER
    assert kinds(watch.sees_package(gone, after=CONFIRM_AFTER)) == {"package-removed"}


def test_a_removal_that_was_a_hiccup_is_never_told(watch: Watch, packument: Build) -> None:
    watch.sees(packument())
    watch.sees_package(Package(ecosystem="npm", name="left-pad", standing=Standing.REMOVED))
    assert watch.sees(packument(), after=CONFIRM_AFTER).findings == []
    again = watch.sees_package(Package(ecosystem="npm", name="left-pad", standing=Standing.REMOVED))
    assert again.findings == []


def test_a_withdrawn_version_that_comes_back_with_other_bytes_is_seen(watch: Watch, packument: Build) -> None:
    watch.sees(packument())
    without = packument()
    del without["versions"]["1.1.0"]
    assert kinds(watch.sees(without)) == {"version-unpublished"}
    back = packument()
    back["versions"]["1.1.0"]["dist"] = {"integrity": "sha512-other"}
    assert kinds(watch.sees(back)) == {"integrity-changed"}


def test_releases_of_many_packages_by_one_account_within_an_hour_are_one_burst(store: Store, packument: Build) -> None:
    names = [f"pkg-{number}" for number in range(6)]
    watch = Watch(store, *names)
    watch.sees(*(packument(name) for name in names))
    released = []
    for number, name in enumerate(names):
        document = packument(name)
        document["versions"]["1.4.0"] = document["versions"]["1.3.0"] | {"version": "1.4.0", "dist": {}}
        document["time"]["1.4.0"] = f"2026-11-20T13:{number:02}:00.000Z"
        released.append(document)
    watch.sees(*released[:3])
    outcome = watch.sees(*released[3:], after=timedelta(minutes=10))
    assert "release-burst" in kinds(outcome)
    bursts = [alert.cause for alert in watch.all(Alert) if alert.cause.startswith("burst:")]
    assert bursts == ["burst:npm:~alice:2026-11-20"]


def test_a_second_burst_of_an_account_is_news_although_it_is_as_large(store: Store, packument: Build) -> None:
    names = [f"pkg-{number}" for number in range(4)]
    documents = {name: packument(name) for name in names}
    watch = Watch(store, *names)
    watch.sees(*documents.values())

    def released(version: str, at: datetime) -> Outcome:
        for number, document in enumerate(documents.values()):
            document["versions"][version] = document["versions"]["1.3.0"] | {"version": version, "dist": {}}
            document["time"][version] = f"{at + timedelta(minutes=number):%Y-%m-%dT%H:%M:%S.000Z}"
        return watch.sees(*documents.values(), after=at - watch.now + timedelta(minutes=10))

    assert "release-burst" in kinds(released("1.4.0", START + timedelta(hours=3)))
    assert "release-burst" in kinds(released("1.5.0", START + timedelta(days=20)))


def test_a_new_dependency_waits_until_its_age_is_known(watch: Watch, packument: Build) -> None:
    watch.sees(packument())
    document = packument()
    document["versions"]["1.4.0"] = document["versions"]["1.3.0"] | {
        "version": "1.4.0",
        "dependencies": {"fresh": "^1.0.0"},
    }
    document["time"]["1.4.0"] = "2026-11-20T13:00:00.000Z"
    package = parse_packument(json.dumps(document).encode(), "left-pad")
    (lookup,) = watch.sees_package(package).lookups
    assert lookup.names == ("fresh",)
    told = watch.sees(document, published={"fresh": START})
    (added,) = [finding for finding in told.findings if finding.kind == "dependency-added"]
    assert added.severity == Severity.HIGH


def test_a_failing_target_is_told_after_half_a_day_and_resolved_when_it_is_back(watch: Watch, packument: Build) -> None:
    def fails() -> Outcome:
        watch.now += timedelta(hours=1)
        with watch.store.transaction() as session:
            (due,) = by_subject(session, [LEFT_PAD])
            failed = Failed(due=due, at=watch.now, host="registry.example", reason="503")
            return watch.recorder.record(session, [failed], watch.now)

    watch.sees(packument())
    assert [kinds(fails()) for _ in range(12)] == [set()] * 12
    assert kinds(fails()) == {"target-failing"}
    fails()
    assert len(watch.all(Alert)) == 1
    watch.sees(packument())
    assert [alert.state for alert in watch.all(Alert)] == ["resolved"]


def test_a_reason_that_quotes_a_hostile_reply_is_kept_harmless(watch: Watch) -> None:
    with watch.store.transaction() as session:
        (due,) = by_subject(session, [LEFT_PAD])
        failed = Failed(due=due, at=watch.now, host="whois.example", reason="limit\x00 \x1b[31mexceeded")
        watch.recorder.record(session, [failed], watch.now)
    (target,) = [t for t in watch.all(Target) if t.subject == LEFT_PAD]
    assert target.error == "whois.example: limit⟨U+0000⟩ ⟨U+001B⟩[31mexceeded"


def test_what_leaves_the_watchlist_is_not_checked_and_keeps_its_history(watch: Watch, packument: Build) -> None:
    watch.sees(packument())
    with watch.store.transaction() as session:
        gone = reconcile(session, [], watch.now, Random(1))
        assert gone.removed == 1
        assert take_due(session, watch.now + timedelta(days=9), 10, "npm") == []
    assert len(watch.all(ReleaseRow)) == 4
    assert len(watch.all(Snapshot)) == 1


def test_an_owed_message_is_made_in_the_transaction_of_its_alert(
    watch: Watch, packument: Build, taken_over: Build
) -> None:
    from alerts.dispatch import due_notifications

    watch.sees(packument())
    watch.sees(taken_over())
    with watch.store.transaction() as session:
        assert due_notifications(session, watch.recorder.policy, watch.now) == 1
        assert due_notifications(session, watch.recorder.policy, watch.now) == 0
    (owed,) = watch.all(Delivery)
    assert owed.channel == "team"
    assert owed.kind == "first"


def test_dependants_are_counted_among_what_is_watched(store: Store, packument: Build) -> None:
    watch = Watch(store, "left-pad", "right-pad", "pad-left")
    depending = packument("right-pad")
    depending["versions"]["1.3.0"]["dependencies"] = {"left-pad": "^1.0.0"}
    other = packument("pad-left")
    other["versions"]["1.3.0"]["dependencies"] = {"left-pad-not": "^1.0.0"}
    watch.sees(packument(), depending, other)
    with store.reading() as session:
        assert dependants(session, ["pkg:npm/left-pad", "pkg:pypi/left-pad", "pkg:npm/nothing"]) == {
            "pkg:npm/left-pad": 1
        }


def test_the_severity_of_the_configuration_wins(store: Store, packument: Build, taken_over: Build) -> None:
    watch = Watch(store, "left-pad")
    settings = watch.settings.model_copy(update={"severity": {"release-published": Severity.HIGH}})
    watch.recorder.use(settings, policy(settings, ()))
    watch.sees(packument())
    told = {f.kind: f.severity for f in watch.sees(taken_over()).findings}
    assert told["release-published"] == Severity.HIGH


def test_two_tags_that_move_alike_are_two_changes(watch: Watch, packument: Build) -> None:
    document = packument()
    newest, older = list(document["versions"])[-1], next(iter(document["versions"]))
    document["dist-tags"] = {"latest": newest, "stable": newest}
    watch.sees(document)
    document["dist-tags"] = {"latest": older, "stable": older}
    moved = [found for found in watch.sees(document).findings if found.kind == "dist-tag-moved"]
    assert {(found.evidence["tag"], found.severity) for found in moved} == {
        ("latest", Severity.MEDIUM),
        ("stable", Severity.LOW),
    }


def test_of_a_package_that_nobody_has_looked_at_yet_every_fact_is_unknown(watch: Watch) -> None:
    with watch.store.reading() as session:
        shown = show_json(session, LEFT_PAD, watch.settings.thresholds, watch.now)
    assert shown is not None
    assert {"standing", "maintainers", "latest", "releases"} <= shown["facts"].keys()
    assert not any(shown["facts"].values())
    assert [] not in shown["facts"].values()
