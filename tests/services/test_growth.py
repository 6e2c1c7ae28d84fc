"""A target of a large store costs no more than one of a small store: counted in steps of SQLite, not in seconds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlmodel import Session

from benchmarks.growth import Grown, sqlite_url
from benchmarks.metering import Meter, work
from monitor.queries.gauges import Counted, Gauges, counted, gauges
from monitor.store.engine import Store
from monitor.store.health import status
from monitor.store.tables import Target
from monitor.store.upgrade import upgrade

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
NOTHING = Counted(targets={}, failing={}, oldest={}, signals={}, advisories={})

SMALL, LARGE = 1_000, 8_000
MORE = 1.3
FEW = 2.0
"""Hundreds of steps of one target, below which a count is too coarse to compare."""


def steps(folder: Path, targets: int) -> tuple[dict[str, float], dict[str, float]]:
    """By piece of work: hundreds of steps for one target, and the number of queries."""
    grown = Grown(sqlite_url(folder, targets), targets)
    for _ in range(2):  # in the first round there is less to compare with
        found = list(grown.round())
    grown.close()
    return {name: used.rows / n for name, _, used, n in found}, {name: used.queries for name, _, used, _ in found}


def test_the_work_for_a_target_does_not_grow_with_the_store(tmp_path: Path) -> None:
    (small, few), (large, many) = steps(tmp_path, SMALL), steps(tmp_path, LARGE)
    assert {name: large[name] for name in large if large[name] > max(FEW, MORE * small[name])} == {}
    # Values in an IN list are asked for in portions; nothing else may be asked for one by one.
    assert {name: many[name] for name in many if name != "reconciling everything" and many[name] > few[name] + 9} == {}


DUE = 20
FEW_ONLY = ("COVERING INDEX target_due", "INDEX target_stale")


def targets(folder: Path, size: int) -> Store:
    """A store of so many packages, some of which are due."""
    store = Store(f"sqlite:///{folder}/{size}.db")
    upgrade(store, NOW)
    with store.transaction() as session:
        session.add_all(
            Target(
                subject=f"pkg:npm/package-{number}",
                sort="package",
                source="npm",
                added_at=NOW - timedelta(days=1),
                fresh_at=NOW - timedelta(minutes=number % 60),
                due_at=NOW - timedelta(minutes=number % 10)
                if number < DUE
                else NOW + timedelta(minutes=number % 60 + 1),
            )
            for number in range(size)
        )
    return store


def scrape(session: Session) -> Gauges:
    return gauges(session, NOW, NOTHING)


def test_a_scrape_between_two_counts_reads_what_is_due_and_no_other_target(tmp_path: Path) -> None:
    used = {}
    for size in (200, 2_000):
        store = targets(tmp_path, size)
        used[size], found = work(store, Meter(store), scrape, write=False)
        assert (found.due, found.overdue) == ({"package": DUE}, {"package": 8})
        store.close()
    assert used[2_000].rows <= used[200].rows + FEW


def test_neither_a_scrape_nor_status_reads_every_row_of_the_targets(tmp_path: Path) -> None:
    store = targets(tmp_path, DUE)
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    def read(done: Callable[[Session], Any]) -> list[str]:
        """What it reads from end to end, but for indexes that hold all that is asked for, or stale targets only."""
        asked.clear()
        event.listen(store.engine, "before_cursor_execute", note)
        with store.reading() as session:
            done(session)
        event.remove(store.engine, "before_cursor_execute", note)
        with store.engine.connect() as connection:
            plans = [
                line
                for statement, parameters in asked
                if statement.startswith("SELECT")
                for (*_, line) in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            ]
        return [line for line in plans if line.startswith("SCAN target") and not line.endswith(FEW_ONLY)]

    assert len(read(counted)) == 1, "which is why it is asked for seldom"
    assert read(scrape) == []
    assert read(lambda session: status(session, NOW, 10)) == []
    store.close()
