"""Signals as a store keeps them, in SQLite and PostgreSQL: raised, kept, cleared, told once, and shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlmodel import SQLModel, func, select

from alerts.findings import Finding
from alerts.model import Alert
from alerts.routing import policy
from config.settings import Channel, Risk, Route, Settings, Thresholds
from monitor.changes.compounds import COMPOUNDS
from monitor.observations import Delegation, Domain, DomainState, Package
from monitor.observations import Outcome as Answer
from monitor.queries.risk import risk_json
from monitor.queries.show import show_json
from monitor.queries.signals import signals_json
from monitor.record import Outcome, Recorder
from monitor.results import Seen
from monitor.schedule import CONFIRM_AFTER
from monitor.sources.packument import parse_packument
from monitor.store.engine import Store
from monitor.store.tables import ChangeRow, Measure, SignalRow
from monitor.store.targets import Wanted, by_subject, reconcile

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
LEFT_PAD, ALICE = "pkg:npm/left-pad", "npm:~alice"
Build = Callable[..., dict[str, Any]]


class Scene:
    """A store that watches some packages, and a clock that a test moves."""

    def __init__(self, store: Store, *names: str, thresholds: Thresholds | None = None) -> None:
        channel = Channel.model_validate({"name": "team", "url": "json://127.0.0.1/"})
        route = Route.model_validate({"match": {"severity": ">=low"}, "channels": ["team"], "group_wait": "0s"})
        self.settings = Settings(channel=(channel,), route=(route,), thresholds=thresholds or Thresholds())
        self.recorder = Recorder(self.settings, policy(self.settings, COMPOUNDS), Random(1))
        self.store = store
        self.now = START
        wanted = [Wanted(watch="shop", subject=f"pkg:npm/{name}", sort="package", owner="web-team") for name in names]
        with store.transaction() as session:
            reconcile(session, wanted, self.now, Random(1))

    def edit(self, **thresholds: Any) -> None:
        edited = self.settings.model_copy(update={"thresholds": Thresholds(**thresholds)})
        self.recorder.use(edited, policy(edited, COMPOUNDS))

    def sees(self, *documents: dict[str, Any], after: timedelta = timedelta(hours=1)) -> list[Finding]:
        return self.records(
            *(parse_packument(json.dumps(document).encode(), document["name"]) for document in documents), after=after
        )

    def records(self, *observed: Package | Domain, after: timedelta = timedelta(hours=1)) -> list[Finding]:
        self.now += after
        with self.store.transaction() as session:
            seen = []
            for one in observed:
                subject = f"domain:{one.name}" if isinstance(one, Domain) else f"pkg:npm/{one.name}"
                (due,) = by_subject(session, [subject])
                seen.append(Seen(due=due, at=self.now, observation=one, looked_up=True))
            return signals_in(self.recorder.record(session, seen, self.now))

    def domain(self, name: str, state: DomainState, **told: Any) -> list[Finding]:
        """Two looks at a domain, since what is grave is confirmed by a second."""
        evidence = (Delegation(at=self.now, outcome=Answer.FOUND),)
        observed = Domain(name=name, state=state, evidence=evidence, **told)
        return self.records(observed) + self.records(observed, after=CONFIRM_AFTER)

    def reviews(self, after: timedelta = timedelta(minutes=1)) -> list[Finding]:
        self.now += after
        with self.store.transaction() as session:
            return signals_in(self.recorder.review(session, self.now))

    def holding(self, *signals: str) -> set[tuple[str, str]]:
        with self.store.reading() as session:
            return {(one["signal"], one["subject"]) for one in signals_json(session, self.now, signals)}

    def told(self, signal: str, subject: str) -> dict[str, Any]:
        with self.store.reading() as session:
            (one,) = (o for o in signals_json(session, self.now, [signal]) if o["subject"] == subject)
            return one

    def all(self, table: type[Any]) -> list[Any]:
        with self.store.reading() as session:
            return list(session.exec(select(table)).all())

    def rows(self) -> dict[str, int]:
        with self.store.reading() as session:
            return {
                name: session.exec(select(func.count()).select_from(table)).one()
                for name, table in SQLModel.metadata.tables.items()
            }


def signals_in(outcome: Outcome) -> list[Finding]:
    return [f for f in outcome.findings if f.kind.startswith("signal-")]


def raised(findings: list[Finding]) -> set[tuple[str, str]]:
    return {(f.evidence["signal"], f.subject) for f in findings if f.kind == "signal-raised"}


def cleared(findings: list[Finding]) -> set[tuple[str, str]]:
    return {(f.evidence["signal"], f.subject) for f in findings if f.kind == "signal-cleared"}


def owned(packument: Build, *addresses: str, name: str = "left-pad") -> dict[str, Any]:
    """A package whose maintainers have these addresses."""
    people = [{"name": address.partition("@")[0], "email": address} for address in addresses]
    document = packument(name)
    document["maintainers"] = people
    for version in document["versions"].values():
        version["_npmUser"], version["maintainers"] = people[0], people
    return document


def with_release(document: dict[str, Any], version: str, at: str, **manifest: Any) -> dict[str, Any]:
    newest = document["dist-tags"]["latest"]
    document["versions"][version] = document["versions"][newest] | {"version": version, "dist": {}} | manifest
    document["time"][version] = at
    document["dist-tags"] = {"latest": version}
    return document


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store, "left-pad")


def test_what_holds_at_first_sight_is_a_state_and_no_news(scene: Scene, packument: Build) -> None:
    old = packument()
    for version, manifest in old["versions"].items():
        manifest["scripts"] = {"postinstall": "node-gyp rebuild"}
        old["time"][version] = f"201{version[2]}-01-01T00:00:00.000Z"
    assert scene.sees(old) == []
    assert scene.holding() == {("W2", LEFT_PAD), ("W3", LEFT_PAD), ("W3", ALICE)}
    told = scene.told("W3", LEFT_PAD)
    assert told["value"] == (scene.now - datetime(2013, 1, 1, tzinfo=UTC)).days
    assert (told["threshold"], told["watches"]) == (730, ["shop"])
    assert told["since"] == datetime(2013, 1, 1, tzinfo=UTC) + timedelta(days=730)
    assert told["evidence"]["inactive_maintainers"] == [ALICE]
    assert scene.all(ChangeRow) == scene.all(Alert) == []


def test_an_added_script_raises_w2_in_the_alert_of_its_release(scene: Scene, packument: Build) -> None:
    scene.sees(packument())
    document = with_release(packument(), "1.4.0", "2026-11-20T13:00:00.000Z", scripts={"postinstall": "node x.js"})
    (told,) = scene.sees(document)
    assert raised([told]) == {("W2", LEFT_PAD)}
    assert told.cause == f"release:{LEFT_PAD}@1.4.0"
    assert "npm 12" in told.advice
    assert len(scene.all(Alert)) == 1
    gone = with_release(document, "1.5.0", "2026-11-20T15:00:00.000Z", scripts={})
    assert cleared(scene.sees(gone)) == {("W2", LEFT_PAD)}
    assert scene.holding("W2") == set()
    (alert,) = scene.all(Alert)
    assert alert.state == "open", "that the script went does not undo its having come"


def test_silence_comes_by_the_passing_of_time_and_a_release_ends_it(scene: Scene, packument: Build) -> None:
    document = packument()  # its last release is of January 2026
    scene.sees(document)
    assert scene.reviews() == []
    scene.now = datetime(2028, 1, 1, tzinfo=UTC) - timedelta(minutes=2)
    assert scene.reviews() == []
    told = scene.reviews(timedelta(minutes=2))
    assert raised(told) == {("W3", LEFT_PAD), ("W3", ALICE)}
    assert len(scene.all(Alert)) == 1, "a package of one person falls silent with that person"
    before = scene.rows()
    assert scene.reviews() == scene.reviews() == []
    assert scene.rows() == before
    back = with_release(document, "1.4.0", "2028-01-02T00:00:00.000Z")
    assert cleared(scene.sees(back, after=timedelta(days=2))) == {("W3", LEFT_PAD), ("W3", ALICE)}
    assert [alert.state for alert in scene.all(Alert) if alert.cause == f"signal:W3:{ALICE}"] == ["resolved"]


def test_silence_is_told_within_the_minute_between_two_looks_at_everything(scene: Scene, packument: Build) -> None:
    document = packument()
    (last,) = {document["time"][version] for version in [document["dist-tags"]["latest"]]}
    scene.sees(document)
    scene.now = datetime.fromisoformat(last) + timedelta(days=730, minutes=-30)
    assert scene.reviews() == [], "everything was looked at"
    assert scene.reviews(timedelta(minutes=28)) == []
    assert raised(scene.reviews(timedelta(minutes=2))) == {("W3", LEFT_PAD), ("W3", ALICE)}


def test_a_maintainer_is_active_if_any_known_package_is(store: Store, packument: Build) -> None:
    scene = Scene(store, "left-pad", "right-pad")
    old = packument()
    old["time"] = {version: at.replace("202", "201") for version, at in old["time"].items()}
    scene.sees(old)
    assert scene.holding("W3") == {("W3", LEFT_PAD), ("W3", ALICE)}
    assert scene.sees(packument("right-pad")) == [], "what a first sight corrects is no news"
    assert scene.holding("W3") == {("W3", LEFT_PAD)}
    assert scene.told("W3", LEFT_PAD)["evidence"]["inactive_maintainers"] == []


def test_who_published_nothing_for_years_is_no_silent_account_beside_an_active_colleague_but_a_risk(
    store: Store, packument: Build
) -> None:
    scene = Scene(store, "left-pad", "right-pad")
    bob = {"name": "bob", "email": "bob@people.org"}
    old = owned(packument, "alice@people.org")
    old["time"] = {version: at.replace("202", "201") for version, at in old["time"].items()}
    scene.sees(old)
    assert scene.holding("W3") == {("W3", LEFT_PAD), ("W3", ALICE)}
    shared = owned(packument, "bob@people.org", "alice@people.org", name="right-pad")
    scene.sees(shared)
    assert scene.holding("W3") == {("W3", LEFT_PAD)}
    scene.sees(with_release(shared, "1.4.0", "2026-11-20T13:00:00.000Z", _npmUser=bob))
    with store.reading() as session:
        shown = show_json(session, ALICE, Thresholds(), scene.now)
        accounts = risk_json(session, Risk(), Thresholds(), scene.now, accounts=True, limit=10)
        packages = risk_json(session, Risk(), Thresholds(), scene.now, accounts=False, limit=10)
        patient = risk_json(
            session, Risk(), Thresholds(inactive_after=timedelta(days=9000)), scene.now, accounts=True, limit=10
        )
    assert shown is not None
    assert shown["facts"]["last_active_at"] == "2026-11-20T13:00:00Z"
    assert shown["facts"]["last_published_at"] == "2016-01-01T00:00:00Z"
    days = (scene.now - datetime(2016, 1, 1, tzinfo=UTC)).days - 730
    assert _says(accounts, ALICE, "silence") == (
        f"it is not known to have published anything itself for {days} days more than the threshold"
    )
    assert _says(accounts, "npm:~bob", "silence") == ""
    assert "1 of its 2 maintainers" in _says(packages, "pkg:npm/right-pad", "silent_maintainers")
    assert _says(patient, ALICE, "silence") == ""


def test_nobody_is_called_unused_where_the_registry_names_no_publisher(store: Store, packument: Build) -> None:
    scene = Scene(store, "left-pad", "right-pad")
    old = owned(packument, "alice@people.org")
    old["time"] = {version: at.replace("202", "201") for version, at in old["time"].items()}
    mute = owned(packument, "alice@people.org", name="right-pad")
    for version in mute["versions"].values():
        del version["_npmUser"]
    scene.sees(mute)
    with store.reading() as session:
        shown = show_json(session, ALICE, Thresholds(), scene.now)
    assert shown is not None
    assert (shown["facts"]["last_active_at"], shown["facts"]["last_published_at"]) == ("2026-01-01T00:00:00Z", None)
    scene.sees(old)
    with store.reading() as session:
        packages = risk_json(session, Risk(), Thresholds(), scene.now, accounts=False, limit=10)
    assert _says(packages, "pkg:npm/right-pad", "silent_maintainers") == ""
    assert "its only maintainer" in _says(packages, LEFT_PAD, "silent_maintainers")


def _says(ranked: list[dict[str, Any]], subject: str, factor: str) -> str:
    (one,) = (one for one in ranked if one["subject"] == subject)
    return next((share["says"] for share in one["factors"] if share["factor"] == factor), "")


def test_nobody_is_silent_whose_other_package_has_no_dates(store: Store, packument: Build) -> None:
    scene = Scene(store, "left-pad", "right-pad")
    old = packument()
    old["time"] = {version: at.replace("202", "201") for version, at in old["time"].items()}
    undated = packument("right-pad")
    del undated["time"]
    scene.sees(undated, old)
    scene.reviews(timedelta(days=1))
    assert scene.holding("W3") == {("W3", LEFT_PAD)}


def test_what_becomes_unknown_changes_nothing(scene: Scene, packument: Build) -> None:
    document = owned(packument, *(f"m{n}@people.org" for n in range(25)))
    document = with_release(document, "1.4.0", "2023-06-01T00:00:00.000Z", scripts={"install": "node-gyp rebuild"})
    document["time"] = {version: at.replace("202", "201") for version, at in document["time"].items()}
    document["contributors"] = [f"person {n}" for n in range(50)]
    scene.sees(document)
    scene.reviews()
    before = scene.holding()
    assert {signal for signal, _ in before} == {"W2", "W3", "W4", "W5"}
    mute = {"name": "left-pad", "dist-tags": document["dist-tags"], "versions": {}}
    mute["versions"] = {
        version: {"version": version, "scripts": manifest["scripts"]}
        for version, manifest in document["versions"].items()
    }
    assert scene.sees(mute) == []
    assert scene.reviews() == []
    assert scene.holding() == before


def test_a_lapsing_domain_raises_w1_in_its_own_alert_and_its_renewal_ends_both(scene: Scene, packument: Build) -> None:
    scene.sees(owned(packument, "alice@alice-mail.org"))
    scene.domain("alice-mail.org", DomainState.REGISTERED, expires_at=START + timedelta(days=1))
    told = scene.domain("alice-mail.org", DomainState.EXPIRED, expires_at=START + timedelta(days=1))
    assert raised(told) == {("W1", LEFT_PAD), ("W1", ALICE)}
    (alert,) = scene.all(Alert)
    assert alert.cause == "domain:alice-mail.org"
    assert scene.told("W1", LEFT_PAD)["value"] == ["alice-mail.org"]
    assert scene.domain("alice-mail.org", DomainState.UNKNOWN) == [], "no answer is no renewal"
    assert scene.holding("W1") == {("W1", LEFT_PAD), ("W1", ALICE)}
    assert scene.domain("alice-mail.org", DomainState.REDEMPTION) == [], "it lapsed already"
    assert scene.told("W1", ALICE)["evidence"]["state"] == "redemption"
    renewed = scene.domain("alice-mail.org", DomainState.REGISTERED, expires_at=START + timedelta(days=400))
    assert cleared(renewed) == {("W1", LEFT_PAD), ("W1", ALICE)}
    (alert,) = scene.all(Alert)
    assert alert.state == "resolved"


def test_forty_packages_on_one_lapsed_domain_are_one_alert(store: Store, packument: Build) -> None:
    names = [f"pkg-{n}" for n in range(40)]
    scene = Scene(store, *names)
    scene.sees(*(owned(packument, "alice@alice-mail.org", name=name) for name in names))
    scene.domain("alice-mail.org", DomainState.REGISTERED)
    assert len(scene.domain("alice-mail.org", DomainState.UNREGISTERED)) == 41
    assert len(scene.all(Alert)) == 1


def test_a_domain_that_was_lapsed_when_it_was_first_seen_is_told_by_itself(scene: Scene, packument: Build) -> None:
    scene.sees(owned(packument, "alice@alice-mail.org"))
    assert scene.domain("alice-mail.org", DomainState.UNREGISTERED) == []
    assert scene.holding("W1") == {("W1", LEFT_PAD), ("W1", ALICE)}


def test_a_maintainer_on_a_lapsed_domain_who_is_let_in_is_news(store: Store, packument: Build) -> None:
    scene = Scene(store, "left-pad", "right-pad")
    scene.sees(packument(), owned(packument, "mallory@gone.org", name="right-pad"))
    scene.domain("gone.org", DomainState.UNREGISTERED)
    told = scene.sees(owned(packument, "alice@alice-mail.org", "mallory@gone.org"))
    assert raised(told) == {("W1", LEFT_PAD)}


def test_too_many_maintainers_are_told_and_jitter_is_not(scene: Scene, packument: Build) -> None:
    def of(count: int) -> dict[str, Any]:
        return owned(packument, *(f"m{n}@people.org" for n in range(count)))

    scene.sees(of(19))
    scene.reviews()
    assert raised(scene.sees(of(20))) == {("W4", LEFT_PAD)}
    assert scene.sees(of(18)) == scene.sees(of(21)) == []
    assert scene.told("W4", LEFT_PAD)["value"] == 21
    assert cleared(scene.sees(of(17))) == {("W4", LEFT_PAD)}
    assert scene.holding("W4") == set()
    assert scene.sees(of(19)) == []
    intervals = [row for row in scene.all(SignalRow) if row.signal == "W4"]
    assert len(intervals) == 1
    assert intervals[0].cleared_at is not None


def test_the_percentile_is_that_of_the_watched_set_and_its_moves_clear_nothing(store: Store, packument: Build) -> None:
    names = [f"pkg-{n}" for n in range(120)]
    scene = Scene(store, *names)
    people = {name: owned(packument, *(f"m{n}@people.org" for n in range(3)), name=name) for name in names}
    for name, count in (("pkg-0", 25), ("pkg-1", 30), ("pkg-2", 40)):
        people[name] = owned(packument, *(f"m{n}@people.org" for n in range(count)), name=name)
    scene.sees(*people.values())
    scene.reviews()
    assert scene.holding("W4") == {("W4", "pkg:npm/pkg-1"), ("W4", "pkg:npm/pkg-2")}
    assert scene.told("W4", "pkg:npm/pkg-2")["threshold"] == 30
    # The rest of the set grows past both.
    grown = [owned(packument, *(f"m{n}@people.org" for n in range(90)), name=f"pkg-{n}") for n in range(3, 9)]
    scene.sees(*grown)
    scene.reviews(timedelta(hours=2))
    assert {("W4", "pkg:npm/pkg-1"), ("W4", "pkg:npm/pkg-2")} <= scene.holding("W4")


def test_an_edit_of_the_thresholds_judges_anew_and_tells_nobody(scene: Scene, packument: Build) -> None:
    scene.sees(owned(packument, *(f"m{n}@people.org" for n in range(22))))
    scene.reviews()
    assert scene.holding("W4") == {("W4", LEFT_PAD)}
    scene.edit(maintainers=23)
    assert scene.reviews() == []
    assert scene.holding("W4") == set()
    scene.edit(maintainers=5, inactive_after="30d")
    assert scene.reviews() == []
    assert {("W4", LEFT_PAD), ("W3", LEFT_PAD)} <= scene.holding()


def test_what_is_not_watched_any_more_holds_nothing(scene: Scene, packument: Build) -> None:
    old = packument()
    old["time"] = {version: at.replace("202", "201") for version, at in old["time"].items()}
    scene.sees(old)
    with scene.store.transaction() as session:
        reconcile(session, [], scene.now, Random(1))
    assert scene.holding() == set()


def test_packages_from_before_there_were_signals_are_taken_up_quietly(scene: Scene, packument: Build) -> None:
    old = owned(packument, "alice@gone.org")
    old["time"] = {version: at.replace("202", "201") for version, at in old["time"].items()}
    scene.sees(old)
    scene.domain("gone.org", DomainState.UNREGISTERED)
    before = scene.holding()
    with scene.store.transaction() as session:
        for row in [*session.exec(select(SignalRow)), *session.exec(select(Measure))]:
            session.delete(row)
    assert scene.holding() == set()
    assert scene.reviews() == []
    assert scene.holding() == before


def test_what_one_pass_leaves_of_them_the_next_one_takes(
    store: Store, packument: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(store, "left-pad", "right-pad")
    scene.sees(packument(), packument("right-pad"))
    with store.transaction() as session:
        for row in session.exec(select(Measure)):
            session.delete(row)
    monkeypatch.setattr("monitor.signals.review.CAUGHT_UP", 1)
    for _ in range(2):
        scene.reviews()
    measured = {row.target_id for row in scene.all(Measure) if row.signal == "W4"}
    assert len(measured) == 2


def test_the_same_observation_again_writes_no_row(scene: Scene, packument: Build) -> None:
    scene.sees(packument())
    scene.reviews()
    before = scene.rows()
    scene.sees(packument() | {"_rev": "2-b"})
    scene.reviews()
    assert scene.rows() == before


def test_show_tells_the_signals_and_what_is_known_of_an_account(store: Store, packument: Build) -> None:
    scene = Scene(store, "left-pad", "right-pad")
    scene.sees(owned(packument, "alice@alice-mail.org"), owned(packument, "alice@gone.org", name="right-pad"))
    scene.domain("gone.org", DomainState.UNREGISTERED)
    with store.reading() as session:
        shown = show_json(session, ALICE, Thresholds(), scene.now)
    assert shown is not None
    facts = shown["facts"]
    assert facts["emails"] == ["alice@alice-mail.org", "alice@gone.org"]
    assert facts["domains"] == ["alice-mail.org", "gone.org"]
    assert facts["packages"] == [LEFT_PAD, "pkg:npm/right-pad"]
    assert facts["last_active_at"] == facts["last_published_at"] == "2026-01-01T00:00:00Z"
    assert (facts["packages_total"], facts["packages_counted_by"]) == (2, "the packages that are watched here")
    assert [one["signal"] for one in shown["signals"]] == ["W1"]
    assert [one["watch"] for one in shown["watches"]] == ["shop"]


def test_the_ranking_says_which_account_could_hurt_most_and_why(store: Store, packument: Build) -> None:
    names = [f"pkg-{n}" for n in range(6)]
    scene = Scene(store, *names, "left-pad")
    scene.sees(
        *(owned(packument, "bob@bob-mail.org", name=name) for name in names),
        owned(packument, "alice@gone.org", "bob@bob-mail.org"),
    )
    scene.domain("gone.org", DomainState.UNREGISTERED)
    soon = scene.now + timedelta(days=20, hours=5)
    scene.domain("bob-mail.org", DomainState.EXPIRING, expires_at=soon)
    with store.reading() as session:
        accounts = risk_json(session, Risk(), Thresholds(), scene.now, accounts=True, limit=10)
        packages = risk_json(session, Risk(), Thresholds(), scene.now, accounts=False, limit=3)
        harmless = risk_json(session, Risk(lapsed_domain=0), Thresholds(), scene.now, accounts=True, limit=10)
    assert [one["subject"] for one in accounts] == [ALICE, "npm:~bob"]
    assert accounts[0]["factors"][0] == {
        "factor": "lapsed_domain",
        "weight": 40.0,
        "measure": 1.0,
        "contribution": 40.0,
        "says": "a published address is on a domain that is unregistered",
    }
    bob = {share["factor"]: share for share in accounts[1]["factors"]}
    assert "7 of the packages" in bob["packages"]["says"]
    assert "6 of them" in bob["sole_maintainer"]["says"]
    assert "in 20 days" in bob["expiring_domain"]["says"]
    assert [one["subject"] for one in harmless] == ["npm:~bob", ALICE]
    assert packages[0]["subject"] == LEFT_PAD
    assert packages[0]["watches"] == ["shop"]
    assert len(packages) == 3


def test_the_past_reaches_back_to_the_first_release(scene: Scene, packument: Build) -> None:
    document = packument()
    document["versions"]["1.0.0"]["scripts"] = {"install": "node-gyp rebuild"}
    mallory = {"name": "mallory", "email": "mallory@mallory.org"}
    for version in ("1.2.0", "1.3.0"):
        document["versions"][version]["maintainers"] = [*document["versions"]["1.0.0"]["maintainers"], mallory]
    document["versions"]["1.3.0"]["_npmUser"] = mallory
    scene.sees(document)
    scene.sees(with_release(document, "1.4.0", "2026-11-20T13:30:00.000Z"))
    with scene.store.reading() as session:
        package = show_json(session, LEFT_PAD, Thresholds(), scene.now)
        account = show_json(session, "npm:~mallory", Thresholds(), scene.now)
    assert package is not None
    assert account is not None
    first = package["timeline"][0]
    assert (first["kind"], first["version"], first["at"], first["history"]) == (
        "release-published",
        "1.0.0",
        "2023-01-01T00:00:00Z",
        True,
    )
    assert first["evidence"] == {"maintainers": ["alice"], "scripts": {"install": "node-gyp rebuild"}}
    dated = {(one["kind"], one["at"][:4], one["history"]) for one in package["timeline"]}
    assert {
        ("install-script-removed", "2024", True),
        ("maintainer-added", "2025", True),
        ("publisher-changed", "2026", True),
        ("release-published", "2026", False),
    } <= dated
    acts = [(one["kind"], one["subject"], one["history"]) for one in account["timeline"]]
    assert acts[0] == ("maintainer-added", LEFT_PAD, True)
    assert ("publisher-changed", LEFT_PAD, True) in acts
    assert acts[-1] == ("release-published", LEFT_PAD, False)
    assert [one["at"] for one in account["timeline"]] == sorted(one["at"] for one in account["timeline"])
