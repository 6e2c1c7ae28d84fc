"""From SQLite to PostgreSQL: every row arrives, or nothing does; and the watch goes on where it was."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Boolean, Float, Integer, LargeBinary, insert, select, text
from sqlmodel import AutoString, Session, SQLModel

from alerts.sqltypes import Json, UtcDateTime
from monitor.cli.app import weaklink
from monitor.store.engine import Store, StoreError
from monitor.store.lock import alone
from monitor.store.moving import move
from monitor.store.tables import HostBudget, HostUser, Snapshot, Target
from monitor.store.upgrade import upgrade
from tests.services.forked import daemon, stop

NOW = datetime(2026, 11, 20, 12, 30, 1, 123456, tzinfo=UTC)
TEXTS = ["", "\\N", "a\tb\r\nc\\", "'\"; --", "ünïcødé \U0001f480 \u202e", "\\x41", "NULL", "Z", "a"]
BODIES = [b"", bytes(range(256)), b"\\x00", b"{}"]


@pytest.fixture
def source(tmp_path: Path) -> Store:
    store = Store(f"sqlite:///{tmp_path}/weaklink.db")
    upgrade(store, NOW)
    return store


@pytest.fixture
def target(postgresql_url: str) -> Store:
    return Store(postgresql_url)


def value(column: Any, number: int) -> Any:
    """Something that a column can hold, of the kind that is easily lost on the way."""
    if column.foreign_keys:
        (key,) = column.foreign_keys
        return value(key.column, number)
    if column.primary_key and isinstance(column.type, Integer):
        return number + 1
    if column.nullable and number % 3 == 2:
        return None
    if isinstance(column.type, UtcDateTime):
        return NOW + timedelta(microseconds=number) if number % 2 else datetime(1970, 1, 1, tzinfo=UTC)
    if isinstance(column.type, Json):
        return {"list": [1, None, TEXTS[number % len(TEXTS)]]}
    if isinstance(column.type, LargeBinary):
        # A digest must be its own; others may be anything.
        return number.to_bytes(16, "big") if column.type.length or column.primary_key else BODIES[number % len(BODIES)]
    if isinstance(column.type, Boolean):
        return bool(number % 2)
    if isinstance(column.type, Integer):
        return -number
    if isinstance(column.type, Float):
        return 0.1 * number
    assert isinstance(column.type, AutoString), column
    room = column.type.length or 100
    if column.primary_key or column.unique or any(i.unique and column in set(i.columns) for i in column.table.indexes):
        return f"{TEXTS[number % len(TEXTS)]}{number}"[-room:]
    return TEXTS[number % len(TEXTS)][:room]


def fill(store: Store, rows: int = 12) -> None:
    """Rows in every table that a SQLite store uses."""
    with store.engine.begin() as connection:
        for table in SQLModel.metadata.sorted_tables:
            if table.name not in {HostBudget.__tablename__, HostUser.__tablename__}:
                found = [{c.name: value(c, number) for c in table.columns} for number in range(rows)]
                connection.execute(insert(table), found)


def contents(store: Store) -> dict[str, Sequence[Any]]:
    with Session(store.engine) as session:
        return {
            table.name: sorted(map(repr, session.execute(select(table)).all()))
            for table in SQLModel.metadata.sorted_tables
        }


def test_every_table_arrives_as_it_was_and_new_rows_come_behind(source: Store, target: Store) -> None:
    fill(source)
    rows = move(source, target, NOW)
    assert contents(target) == contents(source)
    assert {name for name, count in rows.items() if count != 12} == {"host_budget", "host_user"}
    with target.transaction() as session:
        session.add(fresh := Snapshot(target_id=1, digest=b"0" * 16, first_seen=NOW))
        session.flush()
        assert fresh.id == 13


def test_an_empty_store_can_be_moved_too(source: Store, target: Store) -> None:
    assert set(move(source, target, NOW).values()) == {0}
    with target.transaction() as session:
        session.add(fresh := Target(subject="domain:team.example", sort="domain", added_at=NOW))
        session.flush()
        assert fresh.id == 1


def test_a_row_that_does_not_arrive_as_it_was_is_told_and_nothing_stands(source: Store, target: Store) -> None:
    fill(source)
    upgrade(target, NOW)
    with target.transaction() as session:
        session.execute(
            text(
                "CREATE FUNCTION alter_it() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN IF NEW.id = 5 THEN NEW.severity = 77; END IF; RETURN NEW; END $$"
            )
        )
        session.execute(text("CREATE TRIGGER t BEFORE INSERT ON change FOR EACH ROW EXECUTE FUNCTION alter_it()"))
    with pytest.raises(StoreError, match=r"change differs in severity \(id 5\); nothing was copied"):
        move(source, target, NOW)
    assert not any(contents(target).values())
    with target.transaction() as session:
        session.execute(text("DROP TRIGGER t ON change"))
    move(source, target, NOW)
    assert contents(target) == contents(source)


@pytest.mark.parametrize("stops_at", [1, 8, 20, 40])
def test_a_copy_that_breaks_off_leaves_nothing_and_can_be_made_again(
    source: Store, target: Store, stops_at: int
) -> None:
    fill(source)
    steps = 0

    def step(_rows: int) -> None:
        nonlocal steps
        steps += 1
        if steps == stops_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move(source, target, NOW, on_rows=step)
    assert not any(contents(target).values())
    move(source, target, NOW)
    assert contents(target) == contents(source)


def test_nobody_writes_to_the_old_file_while_it_is_copied(source: Store, target: Store, tmp_path: Path) -> None:
    fill(source)
    other = Store(f"sqlite:///{tmp_path}/weaklink.db")
    refused: list[str] = []

    def forget() -> None:
        with other.errors(), other.engine.execution_options(weaklink_read=True).connect() as connection:
            connection.connection.driver_connection.execute("PRAGMA busy_timeout=10")  # type: ignore[union-attr]
            connection.exec_driver_sql("DELETE FROM alert_event")

    def write(_rows: int) -> None:
        if not refused:
            with pytest.raises(StoreError) as raised:
                forget()
            refused.append(str(raised.value))

    move(source, target, NOW, on_rows=write)
    assert "another program holds the database" in refused[0]


def test_a_target_with_rows_or_of_another_program_is_refused(source: Store, target: Store) -> None:
    fill(source)
    with target.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE target (id int)")
    with pytest.raises(StoreError, match="has a table target of another program"):
        move(source, target, NOW)
    with target.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE target")
    move(source, target, NOW)
    before = contents(target)
    with pytest.raises(StoreError, match=r"is not empty, \w+ has rows"):
        move(source, target, NOW)
    assert contents(target) == before


def migrate(config: Path, url: str) -> Result:
    return CliRunner().invoke(weaklink, ["--config", str(config), "db", "migrate-to", url])


def test_what_cannot_be_moved_is_one_line_without_the_password(
    source: Store, folder: Path, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = folder / "weaklink.toml"
    gone = "postgresql://weaklink:very-secret@127.0.0.1:1/weaklink"
    monkeypatch.setenv("DATABASE_URL", gone)
    cases = [
        migrate(config, gone),
        migrate(config, "${DATABASE_URL}"),
        migrate(config, "postgresql://127.0.0.1:1/weaklink?user=w&password=very-secret"),
        migrate(config, "${NO_SUCH}"),
        migrate(config, f"sqlite:///{folder}/other.db"),
    ]
    with alone(source):
        cases.append(migrate(config, postgresql_url))
    said = [case.output.strip().splitlines()[-1] for case in cases]
    assert [case.exit_code for case in cases] == [2] * len(cases)
    assert all("onnection refused" in line for line in said[:3])
    assert "${NO_SUCH} is neither in the environment" in said[3]
    assert "name a PostgreSQL database" in said[4]
    assert "another weaklink run uses this database; stop it first" in said[5]
    assert not any("very-secret" in case.output or "Traceback" in case.output for case in cases)


CONFIG = """
[database]
url = "{database}"
[schedule]
packages = "1s"
[registries.npm]
url = "{registry}"
requests_per_second = 1000.0
[web]
listen = ""
[[watch]]
name = "shop"
owner = "web-team"
packages = ["npm:left-pad", "npm:right-pad", "npm:up-pad"]
[[channel]]
name = "hook"
url = "{sink}"
[[route]]
match = {{ severity = ">=high" }}
channels = ["hook"]
group_wait = "0s"
repeat = "24h"
"""


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.05)


def test_the_daemon_goes_on_without_a_message_too_many_or_too_few(
    folder: Path, registry: Any, sink: Any, postgresql_url: str, packument: Any, taken_over: Any
) -> None:
    config = folder / "weaklink.toml"
    fields = {"registry": registry.url, "sink": sink.url}
    config.write_text(CONFIG.format(database="sqlite:///weaklink.db", **fields))
    old = Store(f"sqlite:///{folder}/weaklink.db")

    def told() -> set[str]:
        return {name for name in ("left-pad", "right-pad", "up-pad") if name in json.dumps(sink.contents())}

    def states(url: str) -> list[str]:
        store = Store(url)
        with store.reading() as session:
            found = session.execute(text("SELECT state FROM delivery ORDER BY id")).scalars().all()
        store.close()
        return list(found)

    for name in ("left-pad", "right-pad", "up-pad"):
        registry.documents[f"/{name}"] = packument(name)
    with daemon(config) as running:
        until(lambda: len(registry.requests) >= 6)
        registry.documents["/left-pad"] = taken_over()
        until(lambda: states(str(old.url)) == ["sent"])
        # The next message is owed and not taken before the move.
        sink.status.extend([503] * 10_000)
        registry.documents["/right-pad"] = taken_over("right-pad")
        until(lambda: states(str(old.url)) == ["sent", "pending"])
        assert stop(running) == 0
    assert told() == {"left-pad"}
    registry.documents["/up-pad"] = taken_over("up-pad")  # while nobody looks

    done = migrate(config, postgresql_url)
    assert done.exit_code == 0, done.output
    assert f"{config}:3" in done.output.replace("\n", "")
    config.write_text(CONFIG.format(database=postgresql_url, **fields))
    sink.status.clear()
    with Store(postgresql_url).transaction() as session:  # the time until the next attempt passes
        session.execute(text("UPDATE delivery SET next_attempt_at = created_at"))
    with daemon(config) as running:
        until(lambda: told() == {"left-pad", "right-pad", "up-pad"})
        until(lambda: set(states(postgresql_url)) == {"sent"})
        assert stop(running) == 0
    contents = sink.contents()
    assert len({content["key"] for content in contents}) == len(contents)
    items = [json.dumps(item, sort_keys=True) for content in contents for item in content["items"]]
    assert len(set(items)) == len(items)
