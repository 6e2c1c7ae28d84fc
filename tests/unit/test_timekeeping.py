"""Clocks that are set, and ticks that go on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
import time_machine
from pydantic import SecretStr
from sqlalchemy import select, update
from sqlmodel import Session, col

from alerts.dispatch import due_notifications
from alerts.findings import Finding
from alerts.lifecycle import take
from alerts.model import Delivery, Group
from alerts.outbox import FEWEST_ATTEMPTS, claim_due, mark_failed, mark_sent
from alerts.routing import Policy
from config.settings import Channel, Route
from config.severity import Severity
from monitor.store.engine import Store
from monitor.store.health import say_alive
from monitor.store.tables import Target
from monitor.store.targets import add_targets, take_due
from monitor.store.upgrade import upgrade
from monitor.ticking import Scheduler
from monitor.timekeeping import Timekeeper, behind, move_waits

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def test_a_clock_that_goes_with_the_time_was_not_set() -> None:
    seconds = 0.0
    keeper = Timekeeper(lambda: NOW + timedelta(seconds=seconds * 1.00001), lambda: seconds)
    for hours in range(100):
        seconds = hours * 3600.0
        assert keeper.moved() == timedelta(0)


@pytest.mark.parametrize("by", [DAY, -DAY, 56 * 365 * DAY])
def test_a_clock_that_was_set_is_noticed_once(by: timedelta) -> None:
    at, seconds = NOW, 0.0
    keeper = Timekeeper(lambda: at, lambda: seconds)
    at, seconds = NOW + by + timedelta(seconds=1), 1.0
    assert keeper.moved() == by
    assert keeper.moved() == timedelta(0)


@pytest.mark.parametrize("by", [DAY, -DAY, 56 * 365 * DAY])
async def test_ticks_go_on_when_the_clock_is_set(by: timedelta) -> None:
    ticks = asyncio.Queue[None]()

    async def tick() -> None:
        ticks.put_nowait(None)

    with time_machine.travel(NOW, tick=True) as clock:
        scheduler = Scheduler()
        scheduler.every(0.01, tick)
        scheduler.start()
        async with asyncio.timeout(30):
            await ticks.get()
            clock.shift(by)
            for _ in range(3):
                await ticks.get()
        assert ticks.qsize() < 3, "what was skipped is not made good tick by tick"
        scheduler.shutdown(wait=False)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    store = Store(f"sqlite:///{tmp_path}/weaklink.db")
    upgrade(store, NOW)
    with store.transaction() as found:
        yield found
    store.close()


def targets(session: Session) -> list[Target]:
    return list(session.scalars(select(Target).order_by(col(Target.id))))


def test_what_is_due_in_an_hour_is_due_in_an_hour_after_the_clock_was_put_back(session: Session) -> None:
    ids = add_targets(session, [("pkg:npm/a", "package"), ("npm:~alice", "maintainer")], NOW, Random(0), listed=True)
    since = NOW - timedelta(hours=1)
    session.execute(
        update(Target)
        .where(col(Target.id) == ids["pkg:npm/a"])
        .values(due_at=NOW + timedelta(hours=1), failing_since=since, suspected_at=since)
    )
    move_waits(session, -DAY, NOW - DAY)
    (package, account) = targets(session)
    session.refresh(package)
    assert package.due_at == NOW - DAY + timedelta(hours=1)
    assert (package.failing_since, package.suspected_at, package.awaited_since) == (since - DAY, since - DAY, None)
    assert account.due_at is None


def test_a_clock_put_ahead_makes_checks_due_and_nobody_fail_for_longer(session: Session) -> None:
    add_targets(session, [("pkg:npm/a", "package")], NOW, Random(0), listed=True)
    session.execute(update(Target).values(due_at=NOW + timedelta(hours=1), failing_since=NOW))
    move_waits(session, DAY, NOW + DAY)
    (due,) = take_due(session, NOW + DAY, 10, "npm")
    assert due.failing_since == NOW + DAY


def test_a_clock_that_was_put_back_while_nothing_ran_is_noticed_at_the_start(session: Session) -> None:
    assert behind(session, NOW) == timedelta(0)
    say_alive(session, NOW)
    assert behind(session, NOW + DAY) == timedelta(0)
    assert behind(session, NOW - DAY) == -DAY
    move_waits(session, -DAY, NOW - DAY)
    assert behind(session, NOW - DAY) == timedelta(0)


ROUTE = Route(channels=("mail",), group_wait=timedelta(seconds=30), repeat=timedelta(hours=24))
POLICY = Policy(routes=(ROUTE,), channels=(Channel(name="mail", url=SecretStr("json://127.0.0.1/")),))
FINDING = Finding(subject="pkg:npm/a", kind="maintainer-added", severity=Severity.HIGH, cause="a", at=NOW, title="a")


def messages(session: Session) -> list[Delivery]:
    return list(session.scalars(select(Delivery)))


@pytest.mark.parametrize("by", [DAY, -DAY])
def test_a_group_that_waits_is_told_after_its_wait_and_reminded_after_a_day(session: Session, by: timedelta) -> None:
    take(session, [FINDING], recent=(), policy=POLICY, now=NOW)
    move_waits(session, by, NOW + by)
    now = NOW + by + timedelta(seconds=31)
    assert due_notifications(session, POLICY, now) == 1
    (claim,) = claim_due(session, ["mail"], now)
    mark_sent(session, claim, now, "accepted")
    move_waits(session, by, now + by)
    now += by
    for hours in range(1, 24):
        assert due_notifications(session, POLICY, now + timedelta(hours=hours)) == 0
    assert due_notifications(session, POLICY, now + timedelta(hours=24)) == 1


def test_a_digest_keeps_to_the_clock_on_the_wall(session: Session) -> None:
    digest = Policy(routes=(Route(channels=("mail",), digest="0 8 * * *"),), channels=POLICY.channels)
    take(session, [FINDING], recent=(), policy=digest, now=NOW)
    assert due_notifications(session, digest, NOW) == 0
    assert session.scalars(select(Group)).one().due_at == datetime(2026, 11, 21, 8, tzinfo=UTC)
    move_waits(session, -DAY, NOW - DAY)
    assert due_notifications(session, digest, NOW - DAY) == 0
    assert due_notifications(session, digest, datetime(2026, 11, 20, 8, tzinfo=UTC)) == 1
    assert due_notifications(session, digest, datetime(2026, 11, 21, 8, tzinfo=UTC)) == 0


@pytest.mark.parametrize("by", [DAY, -DAY])
def test_a_message_that_waits_for_another_attempt_is_neither_given_up_nor_put_off(
    session: Session, by: timedelta
) -> None:
    take(session, [FINDING], recent=(), policy=POLICY, now=NOW)
    due_notifications(session, POLICY, NOW + timedelta(seconds=31))
    now = NOW + timedelta(seconds=32)
    (claim,) = claim_due(session, ["mail"], now)
    mark_failed(session, claim, now, "503", timedelta(hours=2), Random(0))
    move_waits(session, by, now + by)
    (again,) = claim_due(session, ["mail"], now + by + timedelta(seconds=20))
    assert (again.key, again.created_at) == (claim.key, claim.created_at + by)


def test_a_message_that_grew_old_while_nothing_ran_is_tried_before_it_is_given_up(session: Session) -> None:
    take(session, [FINDING], recent=(), policy=POLICY, now=NOW)
    due_notifications(session, POLICY, NOW + timedelta(seconds=31))
    now = NOW + 7 * DAY
    for _ in range(FEWEST_ATTEMPTS):
        (claim,) = claim_due(session, ["mail"], now)
        mark_failed(session, claim, now, "503", timedelta(hours=2), Random(0))
        now += timedelta(hours=1)
    assert claim_due(session, ["mail"], now) == []
    assert [message.state for message in messages(session)] == ["dead"]


async def test_what_is_under_way_when_the_scheduler_ends_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    scheduler, began, ended = Scheduler(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    scheduler.every(1.0, work)
    scheduler.start()
    await began.wait()
    scheduler.shutdown(wait=False)
    await ended.wait()
    await asyncio.sleep(0)
    assert [record.getMessage() for record in caplog.records if record.levelno > logging.INFO] == []
