"""Forgetting what is over, and nothing that is needed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlmodel import select

from alerts import lifecycle
from alerts.findings import Finding
from alerts.model import Alert, AlertState, Delivery, DeliveryState
from alerts.routing import policy
from config.settings import Channel, Retention, Route, Settings
from config.severity import Severity
from monitor.observations import Package
from monitor.record import Recorder
from monitor.results import Seen
from monitor.sources.packument import parse_packument
from monitor.store.engine import Store
from monitor.store.prune import prune
from monitor.store.tables import ChangeRow, ReleaseRow, Snapshot, Value
from monitor.store.targets import Wanted, by_subject, reconcile

START = datetime(2026, 1, 1, tzinfo=UTC)
YEARS = timedelta(days=365)
LEFT_PAD = "pkg:npm/left-pad"
SETTINGS = Settings(
    channel=(Channel(name="hook", url="json://127.0.0.1:9/x"),),  # type: ignore[arg-type]
    route=(Route(channels=("hook",)),),
)


def record(store: Store, document: dict[str, Any], at: datetime) -> None:
    import json

    recorder = Recorder(SETTINGS, policy(SETTINGS, (), ()), Random(0))
    with store.transaction() as session:
        reconcile(session, [Wanted(watch="shop", subject=LEFT_PAD, sort="package")], at, Random(0))
    observed: Package = parse_packument(json.dumps(document).encode(), "left-pad")
    with store.transaction() as session:
        (due,) = by_subject(session, [LEFT_PAD])
        recorder.record(session, [Seen(due=due, at=at, observation=observed, looked_up=True)], at)


def rows(store: Store, table: Any) -> Sequence[Any]:
    with store.reading() as session:
        return session.exec(select(table)).all()


def count(store: Store, table: Any) -> int:
    return len(rows(store, table))


@pytest.fixture
def watched(store: Store, packument: Any, taken_over: Any) -> Store:
    """A package that was taken over in March and has gone back in April, both long ago."""
    record(store, packument(), START)
    record(store, taken_over(), START + timedelta(days=60))
    record(store, packument(license="GPL"), START + timedelta(days=90))
    return store


def test_the_evidence_of_an_open_alert_stays_for_ever(watched: Store) -> None:
    before = count(watched, ChangeRow)
    gone = prune(watched, Retention(), START + 20 * YEARS)
    assert 0 < gone["changes"] < before
    kept = {row.kind for row in rows(watched, ChangeRow)}
    assert {"install-script-added", "maintainer-added"} <= kept
    assert gone["alerts"] == 0


def test_what_is_over_goes_with_the_values_that_only_it_used(watched: Store) -> None:
    with watched.transaction() as session:
        for alert in session.exec(select(Alert)):
            alert.state, alert.resolved_at = AlertState.RESOLVED, START + timedelta(days=91)
            session.add(alert)
    values, releases = count(watched, Value), count(watched, ReleaseRow)
    now = START + 20 * YEARS
    would = prune(watched, Retention(), now, dry_run=True)
    assert count(watched, Alert) > 0
    gone = prune(watched, Retention(), now)
    assert {**gone, "values": 0} == would
    assert (count(watched, Alert), count(watched, ChangeRow), count(watched, Snapshot)) == (0, 0, 1)
    assert count(watched, Value) == values - gone["values"]
    assert count(watched, ReleaseRow) == releases, "the history of what was published is never deleted"
    assert set(prune(watched, Retention(), now).values()) == {0}


def test_a_young_database_loses_nothing(watched: Store) -> None:
    assert set(prune(watched, Retention(), START + timedelta(days=95)).values()) == {0}


def test_a_kind_may_be_kept_for_another_time(watched: Store) -> None:
    kinds = {row.kind for row in rows(watched, ChangeRow)}
    assert "release-published" in kinds
    prune(watched, Retention(kinds={"release-*": timedelta(days=100)}), START + 2 * YEARS)
    assert {row.kind for row in rows(watched, ChangeRow)} <= kinds
    assert "maintainer-added" in {row.kind for row in rows(watched, ChangeRow)}


def test_messages_that_are_owed_stay_and_so_does_the_last_of_each_kind(store: Store) -> None:
    with store.transaction() as session:
        for number, state in enumerate([DeliveryState.SENT, DeliveryState.PENDING, DeliveryState.SENT]):
            session.add(
                Delivery(
                    key=str(number),
                    channel="hook",
                    kind="first",
                    state=state,
                    created_at=START,
                    next_attempt_at=START,
                    message=b"{}",
                )
            )
    assert prune(store, Retention(), START + 5 * YEARS)["messages"] == 1
    assert [row.key for row in rows(store, Delivery)] == ["1", "2"]


def test_a_state_that_a_person_put_aside_is_not_told_again_after_pruning(store: Store) -> None:
    def deprecated(at: datetime) -> Finding:
        return Finding(
            subject=LEFT_PAD,
            kind="deprecated",
            severity=Severity.MEDIUM,
            cause=f"deprecated:{LEFT_PAD}",
            at=at,
            title="left-pad is deprecated",
            lasting=True,
        )

    told = policy(SETTINGS, (), ())
    with store.transaction() as session:
        (alert,) = lifecycle.take(session, [deprecated(START)], recent=(), policy=told, now=START)
        alert.state, alert.resolved_at, alert.resolved_by = AlertState.RESOLVED, START, "bob"
        session.add(alert)
    now = START + 20 * YEARS
    prune(store, Retention(), now)
    with store.transaction() as session:
        assert lifecycle.take(session, [deprecated(now)], recent=(), policy=told, now=now) == []
