"""What cannot be asked is asked again soon enough, and what is asked no more is no trouble any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

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


def test_a_source_that_is_asked_no_more_is_not_down(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/weaklink.db")
    upgrade(store, NOW)
    with store.transaction() as session:
        health.save(session, [WHOIS], NOW)
    for hours, down in ((11, True), (13, False)):
        at = NOW + hours * HOUR
        with store.reading() as session:
            assert bool(health.status(session, at)["sources"]) is down
            assert bool(health.told(session, at)) is down
            assert bool(health.forgotten(session, at)) is not down
            assert bool(watch_findings(session, [WHOIS], Settings(), at)) is down
    store.close()
