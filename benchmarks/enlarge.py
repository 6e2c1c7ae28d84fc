"""A store many times as large, made by its database out of a small one: every row again, under other names.

The first copy of everything keeps its names and lies spread among the others, so that stores of all sizes hold the
same targets to measure. Rows lie in the order in which checks would have written them.
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
            _copy_all(lambda said: database.execute(said.replace(":times", str(times))), sqlite=True)
            database.execute("COMMIT")
        return
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET work_mem = '512MB'"))
        # Foreign keys hold by the way in which it is made.
        connection.execute(text("SET session_replication_role = replica"))
        _copy_all(lambda said: connection.execute(text(said.replace(":times", str(times)))), sqlite=False)
    store.engine.dispose()


def _copy_all(execute: Callable[[str], Any], *, sqlite: bool) -> None:
    numbers = "SELECT 0 AS c UNION ALL SELECT c + 1 FROM copies WHERE c + 1 < :times"
    execute(f"CREATE TABLE copies AS WITH RECURSIVE copies AS ({numbers}) SELECT c FROM copies")
    for table in SQLModel.metadata.sorted_tables:
        if table.name not in ONCE:
            execute(f'CREATE TABLE base AS SELECT * FROM "{table.name}"')
            execute(f'DELETE FROM "{table.name}"')
            execute(_copy(table, sqlite))
            execute("DROP TABLE base")
    execute("DROP TABLE copies")


def _copy(table: Table, sqlite: bool) -> str:
    columns = [c for c in table.columns if not (c.name == "id" and table.name in NUMBERED_ANEW)]
    values = ", ".join(_value(column, sqlite) for column in columns)
    names = ", ".join(f'"{column.name}"' for column in columns)
    first = ORDER.get(table.name) or next(iter(table.primary_key.columns)).name
    order = _value(table.c[first], sqlite) + (", base.id" if "id" in table.c else "")
    return f'INSERT INTO "{table.name}" ({names}) SELECT {values} FROM base CROSS JOIN copies ORDER BY {order}'


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
