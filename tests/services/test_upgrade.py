"""Databases of every earlier schema, with what was in them, under the program of today."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from alembic import command
from click.testing import CliRunner
from sqlalchemy import Boolean, Engine, Integer, MetaData, event, func, inspect, select, text

from config.settings import Thresholds
from monitor.cli.app import weaklink
from monitor.signals.review import review
from monitor.store.engine import Store
from monitor.store.tables import Target
from monitor.store.upgrade import migrations, newest, upgrade
from tests.schemas import world
from tests.schemas.make import untold
from tests.services.conftest import Knot, Registry, database_at

NOW: Final = datetime(2027, 1, 1, tzinfo=UTC)
HERE: Final = Path(__file__).parents[1] / "schemas"
KEPT: Final = sorted(path.stem for path in HERE.glob("*.sql"))
REVISIONS: Final = sorted(
    path.name[:4] for path in (Path(__file__).parents[2] / "monitor/store/migrations/versions").glob("[0-9]*.py")
)
PATIENCE: Final = 120.0
"""Seconds for which a process may take to end."""
MEANS_MORE: Final = {".facts.last_active_at": "since 0004 a release by anybody counts for all who can publish"}
POSTGRESQL: Final = (
    "table_name, column_name, data_type, character_maximum_length, is_nullable, column_default "
    "FROM information_schema.columns WHERE table_schema = 'public'",
    "indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace",
)
Rows = dict[str, list[tuple[Any, ...]]]


def put(file: Path, revision: str) -> Store:
    """The SQLite database that was kept of a schema."""
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript((HERE / f"{revision}.sql").read_text(encoding="utf-8"))
    return Store(f"sqlite:///{file}")


def moved(kept: Store, url: str, revision: str) -> Store:
    """The same rows in a PostgreSQL database of that schema."""
    store, tables = Store(url), MetaData()
    with store.engine.begin() as connection:
        config = migrations()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        tables.reflect(connection)
        for table in tables.sorted_tables:
            if table.name == "alembic_version":
                continue
            names = [column.name for column in table.columns]
            truths = {column.name for column in table.columns if isinstance(column.type, Boolean)}
            holders = ", ".join(f":{name}" for name in names)
            for row in rows_of(kept.engine, [(table.name, names)])[table.name]:
                values = {n: bool(v) if n in truths else v for n, v in zip(names, row, strict=True)}
                connection.execute(text(f'INSERT INTO "{table.name}" VALUES ({holders})'), values)
            if "id" in names and isinstance(table.columns["id"].type, Integer):
                last = f"(SELECT max(id) FROM {table.name})"
                connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), {last})"))
    return store


def rows_of(engine: Engine, tables: list[tuple[str, list[str]]]) -> Rows:
    """The rows as the database itself gives them, in an order of their own."""
    with engine.connect() as connection:
        found = {
            table: connection.exec_driver_sql(
                f'SELECT {", ".join(f"{chr(34)}{name}{chr(34)}" for name in names)} FROM "{table}"'
            ).fetchall()
            for table, names in tables
        }
    return {table: sorted((tuple(row) for row in rows), key=repr) for table, rows in found.items()}


def shape(engine: Engine) -> list[tuple[str, list[str]]]:
    """Tables and their columns."""
    looking = inspect(engine)
    return [(table, [column["name"] for column in looking.get_columns(table)]) for table in looking.get_table_names()]


def schema(engine: Engine) -> Any:
    """Columns with types and defaults, keys, indexes, constraints, as the database has them."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            # After columns were added, the text of a table says where.
            return sorted(connection.exec_driver_sql("SELECT type, name, sql FROM sqlite_master").fetchall(), key=repr)
        return [connection.exec_driver_sql(f"SELECT {query} ORDER BY 1, 2").fetchall() for query in POSTGRESQL]


def lacks(before: Any, after: Any, at: str = "") -> Iterator[str]:
    """Where what was told before is not told any more; a later program may tell more."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key in after:
                yield from lacks(value, after[key], f"{at}.{key}")
            else:
                yield f"{at}.{key}"
    elif isinstance(before, list) and isinstance(after, list):
        # What happened at one moment has no order.
        for place, one in enumerate(before):
            if all(any(lacks(one, other)) for other in after):
                yield f"{at}[{place}]: {one!r}"
    elif before != after:
        yield f"{at}: {before!r} became {after!r}"


class Databases:
    """Makes databases of one kind."""

    def __init__(self, folder: Path, fresh_url: Callable[[], str] | None = None) -> None:
        self.folder = folder
        self.registry = ""
        self._fresh_url = fresh_url

    def old(self, revision: str) -> Store:
        """What was kept of an earlier schema."""
        kept = put(self.folder / "weaklink.db", revision)
        return kept if self._fresh_url is None else moved(kept, self._fresh_url(), revision)

    def new(self) -> Store:
        """An empty one of today's."""
        store = Store(f"sqlite:///{self.folder}/new.db" if self._fresh_url is None else self._fresh_url())
        upgrade(store, NOW)
        return store

    def run(self, store: Store, *arguments: str, exits: int = 0) -> str:
        """What a command says that has this database in its configuration."""
        config = self.folder / "weaklink.toml"
        if not config.exists():
            (self.folder / "package-lock.json").write_text(json.dumps(world.LOCK))
            registry = self.registry or "http://127.0.0.1:9/"
            config.write_text(
                world.CONFIG.format(
                    database=store.url.render_as_string(hide_password=False)
                    .replace("+pysqlite", "")
                    .replace("+psycopg", ""),
                    registry=registry,
                    index=registry,
                    rdap=registry,
                    nameserver="127.0.0.1:9",
                    whois="127.0.0.1:9",
                    sink="json://127.0.0.1:9/",
                )
            )
        done = CliRunner().invoke(weaklink, ["--config", str(config), *arguments], catch_exceptions=False)
        assert done.exit_code == exits, done.output
        return done.stderr if exits else done.stdout


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Databases:
    if request.param == "sqlite":
        return Databases(tmp_path)
    return Databases(tmp_path, lambda: database_at(request.getfixturevalue("postgresql")))


def test_every_schema_was_kept() -> None:
    assert KEPT == REVISIONS, "run make schema, and commit what it writes"


@pytest.mark.parametrize("revision", KEPT)
def test_nothing_is_lost_and_everything_is_shown_as_before(databases: Databases, revision: str) -> None:
    old, new = databases.old(revision), databases.new()
    tables = [one for one in shape(old.engine) if one[0] != "alembic_version"]
    before = rows_of(old.engine, tables)
    assert all(before[table] for table, _ in tables if table not in untold(revision))
    said = databases.run(old, "db", "upgrade")
    assert ("up to date" in said) is (revision == newest())
    assert rows_of(old.engine, tables) == before
    assert schema(old.engine) == schema(new.engine)
    # As the daemon does first: it judges what was stored before there were signals.
    with old.transaction() as session:
        (seen,) = session.execute(select(func.max(Target.fresh_at))).one()
        review(session, Thresholds(), seen)
    told = json.loads((HERE / f"{revision}.json").read_text(encoding="utf-8"))
    assert "show npm:left-pad" in told
    for command_line, expected in told.items():
        found = json.loads(databases.run(old, "--json", *command_line.split()))
        missing = [line for line in lacks(expected, found) if not line.startswith(tuple(MEANS_MORE))]
        assert missing == [], command_line


@pytest.mark.parametrize("revision", KEPT)
def test_what_was_stored_reads_as_what_the_registry_says_now(revision: str, tmp_path: Path, registry: Registry) -> None:
    databases = Databases(tmp_path)
    world.begin(registry, registry.url, Knot(tmp_path))
    world.trouble(registry)
    world.relief(registry)
    for document in registry.documents.values():
        document["another"] = "key, so that it is read and compared again"
    old, databases.registry = databases.old(revision), registry.url
    databases.run(old, "db", "upgrade")
    changes = [("change", ["id", "kind", "subject"]), ("alert", ["id", "title"]), ("release", ["id"])]
    changes += [("dependency", ["name", "target_id"])]

    def events() -> Rows:
        found = rows_of(old.engine, changes)
        # Weak links come with the years that pass; nothing else does.
        return found | {"change": [row for row in found["change"] if not row[1].startswith("signal-")]}

    before = events()
    swept = databases.run(old, "--json", "check", "npm:left-pad", "npm:tool", "pypi:shop-tools")
    assert {path for path, _ in registry.requests} >= {"/left-pad", "/tool", "/pypi/shop-tools/json"}, swept
    after = events()
    assert set(before.pop("alert")) <= set(after.pop("alert"))
    assert after == before
    assert before["dependency"]


def started(work: Callable[[], object]) -> int:
    """A process of its own that does this."""
    if child := os.fork():
        return child
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


def ended(child: int) -> int:
    """How it ended: 0, 1 where it raised, or the negative number of a signal."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGABRT)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def upgrade_killed_at(url: str, statement: int) -> Callable[[], None]:
    """An upgrade that is killed before its N-th statement, or before it commits for a number beyond them."""

    def work() -> None:
        store = Store(url)
        seen = 0

        def count(*_: Any) -> None:
            nonlocal seen
            seen += 1
            if seen == statement:
                os.kill(os.getpid(), signal.SIGKILL)

        event.listen(store.engine, "before_cursor_execute", count)
        event.listen(store.engine, "commit", lambda _: os.kill(os.getpid(), signal.SIGKILL))
        upgrade(store, NOW)

    return work


def test_an_upgrade_that_was_killed_starts_again(databases: Databases) -> None:
    old, new = databases.old(KEPT[0]), databases.new()
    url = old.url.render_as_string(hide_password=False)
    tables = shape(old.engine)
    before = rows_of(old.engine, tables)
    old.engine.dispose()
    for statement in (*range(1, 60, 7), 100_000):
        assert ended(started(upgrade_killed_at(url, statement))) == -signal.SIGKILL
        assert rows_of(old.engine, tables) == before, "nothing was done by half"
        assert sorted(shape(old.engine)) == sorted(tables)
        old.engine.dispose()
    done = upgrade(old, NOW)
    assert schema(old.engine) == schema(new.engine)
    if old.file is not None:
        assert done.endswith(f"the old database is kept as weaklink.db.before-{newest()}")
        (copy,) = databases.folder.glob("weaklink.db.before-*")
        assert rows_of(Store(f"sqlite:///{copy}").engine, tables) == before


def test_two_that_start_at_once_upgrade_once(tmp_path: Path) -> None:
    store = Databases(tmp_path).old(KEPT[0])
    url = store.url.render_as_string(hide_password=False)
    children = [started(lambda: upgrade(Store(url), NOW)) for _ in range(3)]
    assert [ended(child) for child in children] == [0, 0, 0]
    assert upgrade(store, NOW) == ""
    assert [path.name for path in tmp_path.glob("weaklink.db.*") if "before" in path.name] == [
        f"weaklink.db.before-{newest()}"
    ]


def test_a_copy_that_was_kept_before_is_not_overwritten(tmp_path: Path) -> None:
    store = Databases(tmp_path).old(KEPT[0])
    mine = tmp_path / f"weaklink.db.before-{newest()}"
    mine.write_text("mine")
    assert upgrade(store, NOW).endswith(f"kept as {mine.name}.20270101T000000Z")
    assert mine.read_text() == "mine"


def test_a_newer_database_is_refused_in_one_line_by_every_command(databases: Databases) -> None:
    store = databases.new()
    with store.transaction() as session:
        session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    for arguments in (["db", "upgrade"], ["status"], ["run"], ["check", "npm:left-pad"]):
        (line,) = databases.run(store, *arguments, exits=2).splitlines()
        assert "was written by a newer weaklink (schema 9999)" in line
