"""Many rows in few steps, on SQLite and PostgreSQL.

``executemany`` gives the interpreter lock away at every row; with the event loop busy in another thread each row then
waits for its turn. Statements of many rows take one step for all of them (measured: docs/performance.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import Any, Final

from sqlmodel import Session, SQLModel

from alerts.sqltypes import UtcDateTime, texts

ROWS: Final = 200
"""Rows in one statement: a fixed number, so that it is prepared once."""

Row = Sequence[Any]


def insert_rows(
    session: Session, table: type[SQLModel], columns: Sequence[str], rows: Sequence[Row], conflict: str = ""
) -> None:
    """Insert rows given as tuples in the order of ``columns``; moments must be aware.

    ``conflict`` says in SQL what becomes of a row that is there already: ``ON CONFLICT … DO …``.
    """
    for chunk in _chunks(rows):
        marks = _marks(session, len(columns), len(chunk))
        statement = f"INSERT INTO {_quoted(str(table.__tablename__))} ({', '.join(columns)}) VALUES {marks} {conflict}"
        session.connection().exec_driver_sql(statement, _flat(session, table, columns, chunk))


def update_rows(
    session: Session, table: type[SQLModel], columns: Sequence[str], rows: Sequence[Row], fixed: str = ""
) -> None:
    """Update rows by ``id``, which is the first of ``columns``; ``fixed`` sets more, the same for all of them."""
    name = _quoted(str(table.__tablename__))
    # PostgreSQL takes a column of nothing but NULLs for text, so it is told what each is.
    dialect = session.get_bind().dialect
    typed = {
        column: f"CAST(fresh.{column} AS {kind.compile(dialect)})" if dialect.name != "sqlite" else f"fresh.{column}"
        for column, kind in (
            (column, table.metadata.tables[str(table.__tablename__)].c[column].type) for column in columns
        )
    }
    changes = ", ".join([*(f"{column} = {typed[column]}" for column in columns[1:]), *([fixed] if fixed else [])])
    for chunk in _chunks(rows):
        marks = _marks(session, len(columns), len(chunk))
        if session.get_bind().dialect.name == "sqlite":
            named = ", ".join(f"column{number} AS {column}" for number, column in enumerate(columns, 1))
            source = f"(SELECT {named} FROM (VALUES {marks})) AS fresh"
        else:
            source = f"(VALUES {marks}) AS fresh ({', '.join(columns)})"
        statement = f"UPDATE {name} SET {changes} FROM {source} WHERE {name}.id = fresh.id"
        session.connection().exec_driver_sql(statement, _flat(session, table, columns, chunk))


def _chunks(rows: Sequence[Row]) -> Iterable[Sequence[Row]]:
    remaining = iter(rows)
    while chunk := tuple(islice(remaining, ROWS)):
        yield chunk


def _marks(session: Session, columns: int, rows: int) -> str:
    mark = "?" if session.get_bind().dialect.name == "sqlite" else "%s"
    return ", ".join([f"({', '.join([mark] * columns)})"] * rows)


def _flat(session: Session, table: type[SQLModel], columns: Sequence[str], rows: Sequence[Row]) -> tuple[Any, ...]:
    """The values one after the other; moments as the database takes them."""
    values = list(chain.from_iterable(rows))
    dialect = session.get_bind().dialect
    if dialect.name == "sqlite":
        width, known = len(columns), table.metadata.tables[str(table.__tablename__)].c
        for place, column in enumerate(columns):
            if isinstance(known[column].type, UtcDateTime):
                values[place::width] = texts(values[place::width])
    return tuple(values)


def _quoted(name: str) -> str:
    return f'"{name}"'
