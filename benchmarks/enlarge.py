"""A store many times as large, made by its database out of a small one: every row again, under other names.

The first copy of everything keeps its names and lies spread among the others, so that stores of all sizes hold the
same targets to measure. Rows lie in the order in which a first sweep would have written them: a target's together.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any, Final

from sqlalchemy import Table, text
from sqlmodel import SQLModel

from monitor.store.engine import Store

NUMBERS: Final = {"id", "target_id", "snapshot_id", "alert_id", "group_id"}
NAMES: Final = {"subject", "account", "domain", "email", "watch", "key", "cause"}
DIGESTS: Final = {"digest", "common", "maintainers", "dependencies", "mark", "fingerprint"}
ONCE: Final = {"meta", "source_health", "silence", "acceptance"}
NUMBERED_ANEW: Final = {"release", "delivery", "alert_event", "signal"}
"""Nothing refers to their numbers; so that a target's rows lie together, they are numbered as they come."""
ORDER: Final = {"release": "target_id", "signal": "target_id", "alert_event": "alert_id"}
OWNERS: Final = """CREATE TABLE owner AS SELECT digest, min(target_id) AS target_id FROM (
    SELECT digest, target_id FROM snapshot UNION ALL SELECT common, target_id FROM "release"
    UNION ALL SELECT maintainers, target_id FROM "release" UNION ALL SELECT dependencies, target_id FROM "release"
) AS used WHERE digest IS NOT NULL GROUP BY digest"""
"""Whose check wrote which value first."""


def enlarge(store: Store, times: int) -> None:
    """Make it so many times as large, in place."""
    if times == 1:
        return
    if store.file is not None:
        store.engine.dispose()  # without others, no log is needed: the store sets it up again when it is opened
        with closing(sqlite3.connect(store.file, isolation_level=None)) as database:
            for pragma in ("journal_mode=DELETE", "journal_mode=OFF", "synchronous=OFF", "cache_size=-1000000"):
                database.execute(f"PRAGMA {pragma}")
            database.execute("BEGIN")
            _copy_all(database.execute, times, sqlite=True)
            database.execute("COMMIT")
        return
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # Foreign keys hold by the way in which it is made.
        for setting in ("work_mem = '512MB'", "maintenance_work_mem = '1GB'", "session_replication_role = replica"):
            connection.execute(text(f"SET {setting}"))
        _copy_all(connection.exec_driver_sql, times, sqlite=False)
    store.engine.dispose()


def _copy_all(execute: Callable[[str], Any], times: int, *, sqlite: bool) -> None:
    numbers = f"SELECT 0 AS c UNION ALL SELECT c + 1 FROM copies WHERE c + 1 < {times}"
    execute(f"CREATE TABLE copies AS WITH RECURSIVE copies AS ({numbers}) SELECT c FROM copies")
    execute(OWNERS)
    for table in SQLModel.metadata.sorted_tables:
        if table.name not in ONCE:
            # An index is made quicker of all rows at once.
            indexes = execute((_SQLITE_INDEXES if sqlite else _POSTGRESQL_INDEXES).format(table.name)).fetchall()
            execute(f'CREATE TABLE base AS SELECT * FROM "{table.name}"')
            for name, _ in indexes:
                execute(f'DROP INDEX "{name}"')
            execute(f'DELETE FROM "{table.name}"')
            execute(_copy(table, sqlite).replace(":times", str(times)))
            for _, made in indexes:
                execute(made)
            execute("DROP TABLE base")
    execute("DROP TABLE copies")
    execute("DROP TABLE owner")


_SQLITE_INDEXES: Final = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = '{}' AND sql > ''"
_POSTGRESQL_INDEXES: Final = """
    SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() AND tablename = '{}'
        AND indexname NOT IN (SELECT conname FROM pg_constraint)
"""


def _copy(table: Table, sqlite: bool) -> str:
    columns = [c for c in table.columns if not (c.name == "id" and table.name in NUMBERED_ANEW)]
    values = ", ".join(_value(column, sqlite) for column in columns)
    names = ", ".join(f'"{column.name}"' for column in columns)
    rows = "base CROSS JOIN copies"
    if table.name == "value":
        rows, order = f"{rows} LEFT JOIN owner ON owner.digest = base.digest", "owner.target_id * :times + c"
    else:
        first = ORDER.get(table.name) or next(iter(table.primary_key.columns)).name
        order = _value(table.c[first], sqlite) + (", base.id" if "id" in table.c else "")
    return f'INSERT INTO "{table.name}" ({names}) SELECT {values} FROM {rows} ORDER BY {order}'


def _value(column: Any, sqlite: bool) -> str:
    name = f'base."{column.name}"'
    if column.name in NUMBERS and column.type.python_type is int:
        return f"{name} * :times + c"
    if column.name in DIGESTS and column.type.python_type is bytes:
        fresh = (
            f"CAST(substr({name}, 1, 12) || printf('%04x', c) AS BLOB)"
            if sqlite
            else f"substr({name}, 1, 12) || decode(lpad(to_hex(c), 8, '0'), 'hex')"
        )
        return f"CASE WHEN c = 0 OR {name} IS NULL THEN {name} ELSE {fresh} END"
    if column.name in NAMES or (column.name in DIGESTS and column.primary_key is False):
        kept = f"substr({name}, 1, 24)" if column.name in DIGESTS else name
        return f"CASE WHEN c = 0 OR {name} = '' THEN {name} ELSE {kept} || '-' || c END"
    return name
