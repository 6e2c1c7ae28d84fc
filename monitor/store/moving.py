"""A SQLite store copied into an empty PostgreSQL database, and compared with it row by row before it counts.

All rows go over in one transaction, which ends only when both sides are equal: a copy that breaks off leaves an empty
schema, and can be begun again. Meanwhile nobody else writes to the SQLite file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any, Final

from sqlalchemy import Boolean, Connection, Integer, Table, inspect
from sqlmodel import AutoString, SQLModel

import alerts.model  # noqa: F401
import monitor.store.tables  # noqa: F401 - both declare tables
from alerts.sqltypes import UtcDateTime
from monitor.store.engine import Store, StoreError
from monitor.store.lock import alone
from monitor.store.upgrade import upgrade

ROWS: Final = 2000
"""Rows in memory at a time."""

Row = tuple[Any, ...]


def move(
    source: Store,
    target: Store,
    now: datetime,
    *,
    on_total: Callable[[int], None] = lambda _rows: None,
    on_rows: Callable[[int], None] = lambda _rows: None,
) -> dict[str, int]:
    """Copy everything, compare it, and only then let it stand; rows of each table.

    ``on_total`` is told how many rows there are, ``on_rows`` of some that were copied, and of some that were compared.
    Raises StoreError for a source that is no SQLite file or has a running daemon, a target that is out of reach or not
    empty, and a row that did not arrive as it was.
    """
    if source.file is None:
        raise StoreError(f"{source.place}: is no SQLite file; weaklink moves from SQLite to PostgreSQL")
    if not source.file.is_file():
        raise StoreError(f"{source.place}: there is no such database; nothing to move")
    if target.url.get_backend_name() != "postgresql":
        raise StoreError(f"{target.place}: name a PostgreSQL database, postgresql://USER@HOST/NAME")
    with alone(source):
        _refuse_data(target)
        upgrade(source, now)
        upgrade(target, now)
        copied: dict[str, int] = {}
        with source.errors(), source.engine.begin() as old, target.errors(), target.engine.begin() as new:
            # Whoever comes to write here waits, and finds the database in use.
            new.exec_driver_sql("LOCK TABLE " + ", ".join(map(_name, _tables())) + " IN ACCESS EXCLUSIVE MODE")
            _refuse_rows(target, new)
            on_total(sum(_count(old, table) for table in _tables()))
            for table in _tables():
                copied[table.name] = _copy(old, new, table, target, on_rows)
            for table in _tables():
                _compare(old, new, table, target, on_rows)
            for table in _tables():
                _set_sequence(new, table)
        with target.errors(), target.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as new:
            new.exec_driver_sql("ANALYZE")  # without it the first plans are made for empty tables
    return copied


def _tables() -> list[Table]:
    return list(SQLModel.metadata.sorted_tables)


def _name(table: Table) -> str:
    return f'"{table.name}"'


def _count(connection: Connection, table: Table) -> int:
    return int(connection.exec_driver_sql(f"SELECT count(*) FROM {_name(table)}").scalar_one())


def _refuse_data(target: Store) -> None:
    """Before anything is made there."""
    with target.errors(), target.engine.connect() as connection:
        there = set(inspect(connection).get_table_names())
        ours = [table for table in _tables() if table.name in there]
        if ours and "alembic_version" not in there:
            raise StoreError(f"{target.place}: has a table {ours[0].name} of another program; name a new database")
        _refuse_rows(target, connection, ours)


def _refuse_rows(target: Store, connection: Connection, tables: Sequence[Table] | None = None) -> None:
    for table in _tables() if tables is None else tables:
        if connection.exec_driver_sql(f"SELECT EXISTS (SELECT FROM {_name(table)})").scalar_one():
            raise StoreError(
                f"{target.place}: is not empty, {table.name} has rows; name a new database (createdb makes one)"
            )


def _copy(old: Connection, new: Connection, table: Table, target: Store, on_rows: Callable[[int], None]) -> int:
    """Rows as SQLite gives them: PostgreSQL reads its texts of moments and its 0 and 1 by itself."""
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    driver = new.connection.driver_connection
    assert driver is not None
    copied = 0
    try:
        with driver.cursor() as cursor, cursor.copy(f"COPY {_name(table)} ({columns}) FROM STDIN") as copy:
            for rows in _stored(old, table):
                for row in rows:
                    copy.write_row(row)
                copied += len(rows)
                on_rows(len(rows))
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "psycopg":
            raise
        said = str(error).strip().splitlines()[0]
        raise StoreError(f"{target.place}: {table.name} was not taken: {said}; nothing was copied") from None
    return copied


def _stored(connection: Connection, table: Table) -> Iterator[Sequence[Row]]:
    """All rows in the order of their key, some at a time."""
    collate = ' COLLATE "C"' if connection.dialect.name == "postgresql" else ""
    key = ", ".join(
        f'"{column.name}"{collate if isinstance(column.type, AutoString) else ""}'
        for column in table.primary_key.columns
    )
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    found = connection.execution_options(stream_results=True).exec_driver_sql(
        f"SELECT {columns} FROM {_name(table)} ORDER BY {key}"
    )
    for rows in found.yield_per(ROWS).partitions():
        yield [tuple(row) for row in rows]


def _compare(old: Connection, new: Connection, table: Table, target: Store, on_rows: Callable[[int], None]) -> None:
    """StoreError for the first row that is not the same on both sides."""
    columns = list(table.columns)
    meanings = [_meaning(column.type) for column in columns]
    keys = [index for index, column in enumerate(columns) if column.primary_key]

    def rows(connection: Connection) -> Iterator[Row]:
        for some in _stored(connection, table):
            for row in some:
                yield tuple(mean(value) for mean, value in zip(meanings, row, strict=True))
            if connection is new:
                on_rows(len(some))

    for was, came in zip_longest(rows(old), rows(new)):
        if was != came:
            row = was or came
            assert row is not None
            key = ", ".join(f"{columns[index].name} {_shown(row[index])}" for index in keys)
            what = (
                "has one row too many"
                if was is None
                else "lacks a row"
                if came is None
                else "differs in "
                + ", ".join(c.name for c, one, other in zip(columns, was, came, strict=True) if one != other)
            )
            raise StoreError(f"{target.place}: {table.name} {what} ({key}); nothing was copied")


def _meaning(kind: Any) -> Callable[[Any], Any]:
    """What a stored value means, whichever database it comes from."""
    if isinstance(kind, UtcDateTime):
        return _moment
    if isinstance(kind, Boolean):
        return lambda value: None if value is None else bool(value)
    return lambda value: bytes(value) if isinstance(value, memoryview) else value


def _moment(value: Any) -> Any:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment is None else moment.astimezone(UTC)


def _shown(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)[:100]


def _set_sequence(new: Connection, table: Table) -> None:
    """The next row of its own goes behind those that came."""
    keys = list(table.primary_key.columns)
    if len(keys) == 1 and isinstance(keys[0].type, Integer) and not keys[0].foreign_keys:
        name = keys[0].name
        new.exec_driver_sql(
            f"SELECT setval(pg_get_serial_sequence('{_name(table)}', '{name}'), max({name})) FROM {_name(table)} "
            f"HAVING max({name}) IS NOT NULL"
        )
