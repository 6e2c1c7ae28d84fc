"""What is recorded when several processes write to one PostgreSQL: claims, terms and turns, without the processes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import Session, select

from alerts.routing import policy
from config.settings import Settings
from monitor.changes.compounds import COMPOUNDS
from monitor.engine.queues import Deferring, prepare
from monitor.metrics import Metrics, of_store
from monitor.observations import Package
from monitor.queries.fleet import fleet
from monitor.queries.gauges import counted, gauges
from monitor.record import Recorder
from monitor.results import Result, Seen, Unchanged
from monitor.schedule import Due
from monitor.sources.packument import parse_packument
from monitor.store.claims import claim_due, claimed, free_orphans, let_go
from monitor.store.engine import Store
from monitor.store.tables import ChangeRow, Target
from monitor.store.targets import Wanted, reconcile
from monitor.store.terms import Deposed, begin_term, fence
from monitor.store.upgrade import upgrade
from monitor.validators import Validators

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
NAMES = [f"pkg-{number}" for number in range(5)]


@pytest.fixture
def store(postgresql_url: str) -> Iterator[Store]:
    found = Store(postgresql_url)
    upgrade(found, NOW)
    prepare(found)
    with found.transaction() as session:
        wanted = [Wanted(watch="shop", subject=f"pkg:npm/{name}", sort="package") for name in NAMES]
        reconcile(session, wanted, NOW, Random(1))
    yield found
    found.close()


@pytest.fixture
def recorder() -> Recorder:
    settings = Settings()
    return Recorder(settings, policy(settings, COMPOUNDS, ()), Random(1))


def claim(store: Store, size: int = 2) -> list[list[Due]]:
    """What each job that is deferred now has to check."""
    defer = Deferring().checks("npm", told_of=False)
    jobs: list[tuple[int, Any]] = []

    def noting(session: Session, lists: Any) -> list[int]:
        numbers = defer(session, lists)
        jobs.extend(zip(numbers, lists, strict=True))
        return numbers

    with store.transaction(turns=False) as session:
        claim_due(session, "npm", NOW, 100, size, noting)
    with store.reading() as session:
        return [claimed(session, job, targets, told_of=False) for job, targets in jobs]


def unchanged(due: Due) -> Unchanged:
    return Unchanged(due=due, at=NOW, validators=Validators(etag='"1"'))


def package(document: dict[str, Any]) -> Package:
    return parse_packument(json.dumps(document).encode(), document["name"])


def record(store: Store, recorder: Recorder, *results: Result) -> None:
    with store.transaction(turns=not recorder.changes_nothing(results)) as session:
        recorder.record(session, results, NOW)


def checked(store: Store) -> set[str]:
    with store.reading() as session:
        return {one.subject for one in session.exec(select(Target)) if one.checked_at is not None}


def test_each_target_is_in_one_job_until_its_result_is_recorded(store: Store, recorder: Recorder) -> None:
    jobs = claim(store)
    assert [len(job) for job in jobs] == [2, 2, 1]
    assert len({due.id for job in jobs for due in job}) == len(NAMES)
    assert claim(store) == []
    record(store, recorder, *map(unchanged, jobs[0]))
    assert checked(store) == {due.subject for due in jobs[0]}
    with store.reading() as session:
        assert claimed(session, jobs[0][0].claim or 0, [due.id for due in jobs[0]], told_of=False) == []


def test_whoever_comes_back_after_its_work_was_taken_over_changes_nothing(
    store: Store, recorder: Recorder, taken_over: Any
) -> None:
    (late,) = claim(store, size=5)
    with store.transaction() as session:
        session.execute(text("DELETE FROM procrastinate_jobs"))
        assert free_orphans(session, ["npm"], NOW) == len(NAMES)
    (again,) = claim(store, size=5)
    seen = Seen(due=late[0], at=NOW, observation=package(taken_over(NAMES[0])), looked_up=True)
    record(store, recorder, seen, *map(unchanged, late[1:]))
    assert checked(store) == set()
    record(store, recorder, *map(unchanged, again))
    assert len(checked(store)) == len(NAMES)


def test_what_is_no_longer_watched_is_not_brought_back_by_a_late_result(store: Store, recorder: Recorder) -> None:
    (job,) = claim(store, size=5)
    with store.transaction() as session:
        reconcile(session, [], NOW, Random(1))
    record(store, recorder, *map(unchanged, job))
    with store.reading() as session:
        assert {one.due_at for one in session.exec(select(Target)) if one.sort == "package"} == {None}


def test_what_a_job_did_not_come_to_is_free_at_once(store: Store) -> None:
    jobs = claim(store)
    with store.transaction(turns=False) as session:
        let_go(session, jobs[0][0].claim or 0, [due.id for due in jobs[0]])
        let_go(session, 1, [due.id for due in jobs[1]])
    assert {due.id for job in claim(store) for due in job} == {due.id for due in jobs[0]}


def test_claims_of_queues_that_were_made_anew_hold_no_more(store: Store) -> None:
    old = [due.claim or 0 for job in claim(store) for due in job]
    with store.transaction() as session:
        session.execute(text("UPDATE meta SET value = 'another version' WHERE name = 'queues'"))
    prepare(store)
    new = [due.claim or 0 for job in claim(store) for due in job]
    assert len(new) == len(NAMES)
    assert min(new) > max(old), "no number comes twice"


def test_a_deposed_leader_writes_nothing(store: Store) -> None:
    with store.transaction() as session:
        first = begin_term(session, "one:1", NOW, "")
    leading = store.fenced(fence(first))
    with leading.transaction() as session:
        session.execute(text("UPDATE target SET error = 'by the first'"))
    with store.transaction() as session:
        begin_term(session, "two:2", NOW, "")
    with pytest.raises(Deposed, match="two:2 leads now"), leading.transaction() as session:
        session.execute(text("UPDATE target SET error = 'by the deposed'"))
    with store.reading() as session:
        assert {one.error for one in session.exec(select(Target))} == {"by the first"}
        assert fleet(session)["leader"]["term"] == 2
        shown = Metrics().exposition(of_store(gauges(session, NOW, counted(session)))).decode()
    assert "weaklink_leader_term 2.0" in shown
    assert 'weaklink_queue_jobs{queue="check-npm",state="waiting"} 0.0' in shown


async def test_two_that_record_the_same_change_at_once_tell_it_once(
    store: Store, recorder: Recorder, packument: Any, taken_over: Any
) -> None:
    # Two checks by hand, which claim nothing, beside each other: the second finds what the first recorded.
    (job,) = claim(store, size=5)
    due = next(due for due in job if due.subject.endswith(NAMES[0]))
    record(store, recorder, Seen(due=due, at=NOW, observation=package(packument(NAMES[0])), looked_up=True))
    with store.reading() as session:
        target = session.exec(select(Target).where(Target.id == due.id)).one()
    by_hand = Due(id=due.id, subject=due.subject, sort="package", source="npm", added_at=target.added_at)
    later = NOW + timedelta(hours=1)
    seen = Seen(due=by_hand, at=later, observation=package(taken_over(NAMES[0])), looked_up=True)
    other = Store(store.url.render_as_string(hide_password=False))
    try:
        both = [one.write(lambda session: recorder.record(session, [seen], later)) for one in (store, other)]
        await asyncio.gather(*both)
    finally:
        other.close()
    with store.reading() as session:
        kinds = [row.kind for row in session.exec(select(ChangeRow).where(ChangeRow.subject == due.subject))]
    assert sorted(kinds) == sorted(set(kinds))
    assert "publisher-changed" in kinds
