"""What cannot be asked is asked again soon enough, and what is asked no more is no trouble any more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from config.settings import Schedule, Settings
from monitor.health import watch_findings
from monitor.schedule import JITTER, LATEST_RETRY, Due, after_failure
from monitor.sources.politeness import HostHealth
from monitor.store import health
from monitor.store.engine import Store
from monitor.store.upgrade import upgrade

NOW = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
WHOIS = HostHealth(host="whois.example:43", state="down", down_since=NOW - 3 * HOUR, retry_at=NOW)


def test_a_domain_that_failed_for_a_day_is_tried_within_two_hours() -> None:
    due = Due(id=1, subject="domain:alice-mail.org", sort="domain", source="domain", failures=20)
    wait = after_failure(due, Schedule(), NOW, Random(1)) - NOW
    assert LATEST_RETRY * (1 - JITTER) <= wait <= LATEST_RETRY * (1 + JITTER)


def alive(store: Store, first: datetime, last: datetime) -> None:
    """A daemon says so every few minutes."""
    with store.transaction() as session:
        while first <= last:
            health.say_alive(session, first)
            first += timedelta(minutes=4)
        health.say_alive(session, last)


def told_as_down(store: Store, at: datetime) -> bool:
    """What ``status``, the other processes and the alert say of it, which is the same."""
    with store.reading() as session:
        down = bool(health.status(session, at)["sources"])
        assert bool(health.told(session)) is down
        assert bool(health.forgotten(session)) is not down
        assert bool(watch_findings(session, [WHOIS], Settings(), at)) is down
    return down


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path}/weaklink.db")
    upgrade(store, NOW)
    alive(store, NOW - 24 * HOUR, NOW)
    with store.transaction() as session:
        health.save(session, [WHOIS], NOW)
    yield store
    store.close()


def test_a_source_that_is_asked_no_more_is_not_down(store: Store) -> None:
    alive(store, NOW, NOW + 11 * HOUR)
    assert told_as_down(store, NOW + 11 * HOUR)
    alive(store, NOW + 11 * HOUR, NOW + 13 * HOUR)
    assert not told_as_down(store, NOW + 13 * HOUR)


def test_a_source_that_nobody_could_ask_while_the_daemon_was_off_is_as_it_was(store: Store) -> None:
    back = NOW + 48 * HOUR
    assert told_as_down(store, back)
    alive(store, back, back + 11 * HOUR)
    assert told_as_down(store, back + 11 * HOUR)
    alive(store, back + 11 * HOUR, back + 13 * HOUR)
    assert not told_as_down(store, back + 13 * HOUR)
