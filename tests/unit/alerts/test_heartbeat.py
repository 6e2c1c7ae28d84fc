"""A sign of life at its times, once each, and none from a time when nobody was there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.pool import StaticPool
from sqlmodel import Session, SQLModel, create_engine, select

from alerts import heartbeat
from alerts.model import Delivery
from config.settings import Heartbeat

MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAILY = Heartbeat(channel="team", url="https://switch.example/ping", at="0 9 * * *")


@pytest.fixture
def session() -> Iterator[Session]:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    SQLModel.metadata.create_all(engine)
    with Session(engine) as opened:
        yield opened
    engine.dispose()


def beats(session: Session, started: datetime, hours: range, late: timedelta = timedelta(0)) -> list[datetime]:
    """When it was said that the watch is alive, asked every hour, so ``late`` after it is full."""
    made = []
    for hour in hours:
        now = MONDAY + timedelta(hours=hour) + late
        planned = heartbeat.due_since(session, DAILY, "Europe/Berlin", started, now)
        if planned is not None:
            heartbeat.owe(session, DAILY, "12 of 12 targets fresh", planned, now)
            session.commit()
            made.append(now)
    return made


def test_it_beats_once_at_each_time_in_its_zone(session: Session) -> None:
    found = beats(session, MONDAY, range(73))
    assert [moment.isoformat() for moment in found] == [f"2026-03-0{day}T08:00:00+00:00" for day in (3, 4, 5)]
    assert {row.channel for row in session.exec(select(Delivery))} == {"team", heartbeat.URL}


def test_a_daemon_that_was_away_says_it_once(session: Session) -> None:
    beats(session, MONDAY, range(24))
    week = MONDAY + timedelta(days=7)
    assert len(beats(session, week, range(24 * 7, 24 * 7 + 12))) == 0
    assert len(beats(session, week, range(24 * 7 + 12, 24 * 7 + 24))) == 1


def test_a_restart_does_not_repeat_it(session: Session) -> None:
    beats(session, MONDAY, range(24))
    assert beats(session, MONDAY + timedelta(hours=23), range(23, 24)) == []


def test_a_clock_that_was_put_back_does_not_end_it(session: Session) -> None:
    assert len(beats(session, MONDAY, range(49))) == 2
    late = timedelta(minutes=5)
    assert len(beats(session, MONDAY, range(10, 49), late)) == 2
    assert len(beats(session, MONDAY, range(49, 97), late)) == 2
