"""Times that are written to PostgreSQL are its own, on machines whose clocks are wrong."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import select

from benchmarks.faults import an_hour_ahead
from config.clock import system_clock
from config.load import load
from monitor.assembly import Assembly
from monitor.store import clock as clock_module
from monitor.store.clock import LOOK_EVERY, DatabaseClock, clock_of
from monitor.store.engine import Store
from monitor.store.tables import ChangeRow, Snapshot, Target
from monitor.store.targets import all_watched
from monitor.store.upgrade import upgrade
from tests.services.forked import command

WRONG = timedelta(hours=1)


@pytest.fixture
def wrong_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_module, "system_clock", lambda: system_clock() + WRONG)


async def test_a_machine_an_hour_ahead_writes_right_times(
    store: Store, wrong_machine: None, folder: Path, registry: Any, taken_over: Any
) -> None:
    if store.file is not None:
        # One machine, one clock: SQLite's is the machine's.
        assert clock_of(store)() - system_clock() > WRONG / 2
        return
    began = system_clock()
    parts = Assembly(load(folder / "weaklink.toml"), store, clock_of(store), Random(1))
    await parts.reconcile()
    async with parts.watcher as watcher:
        await watcher.sweep(await store.read(all_watched))
        registry.documents["/left-pad"] = taken_over()
        await watcher.sweep(await store.read(all_watched))
    await parts.close()
    ended = system_clock()
    with store.reading() as session:
        (target,) = session.exec(select(Target).where(Target.sort == "package"))
        times = [target.added_at, target.checked_at, target.fresh_at, target.changed_at]
        times += session.exec(select(Snapshot.first_seen)).all()
        times += session.exec(select(ChangeRow.at)).all()
    assert len(times) > 6
    slack = timedelta(seconds=2)
    assert all(at is not None and began - slack <= at <= ended + slack for at in times)


def test_a_command_on_a_machine_an_hour_ahead_goes_by_the_database(postgresql_url: str, tmp_path: Path) -> None:
    config = tmp_path / "weaklink.toml"
    config.write_text(f'[database]\nurl = "{postgresql_url}"\n[[watch]]\nname = "all"\npackages = ["npm:left-pad"]\n')
    add = ("--json", "silence", "add", "kind=deprecated", "--for", "30m", "--reason", "we know")
    added = command(config, *add, prepare=an_hour_ahead)
    assert added.code == 0, added
    ends = datetime.fromisoformat(json.loads(added.out)["ends_at"])
    assert ends - system_clock() < timedelta(minutes=31)
    listed = command(config, "--json", "silence", "list", prepare=an_hour_ahead)
    assert [one["state"] for one in json.loads(listed.out)] == ["active"]


def test_a_transaction_looks_again_when_the_last_look_is_old(postgresql_url: str) -> None:
    store = Store(postgresql_url)
    upgrade(store, system_clock())
    clock = clock_of(store)
    assert isinstance(clock, DatabaseClock)
    late = LOOK_EVERY * 10
    elapsed = clock.elapsed
    clock.elapsed = lambda: elapsed() + late  # as after a stop of the whole machine
    assert clock() - system_clock() > timedelta(seconds=late / 2)
    with store.transaction() as session:
        told: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
    assert not clock.look_due()
    # It went ahead of the database, and does not go back: it waits, by going half as fast.
    assert told < clock()
    first = clock()
    clock.elapsed = lambda: elapsed() + late + 60
    assert clock() - first < timedelta(seconds=45)
    store.close()
