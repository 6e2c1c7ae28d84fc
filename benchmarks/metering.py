"""What a piece of work asks of a store: time, statements, rows, and bytes read and written."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct
from sqlalchemy import event, text

from monitor.store.engine import Store

STEPS = 100
"""SQLite's virtual machine is counted by so many of its instructions, so that counting costs little."""


class Used(Struct):
    """Of one piece of work; CPU in seconds, ours and the database server's together."""

    cpu: float = 0.0
    wall: float = 0.0
    queries: float = 0
    rows: float = 0
    """SQLite: hundreds of its virtual machine's instructions. PostgreSQL: rows it returned from tables or wrote."""
    read: float = 0
    """Bytes. SQLite: from the file. PostgreSQL: pages looked at, in its buffers or not."""
    written: float = 0
    """Bytes. SQLite: to the file and its log. PostgreSQL: to its log."""


class Meter:
    """Measures work in the caller's own thread. Nothing else may use the store meanwhile."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._statements = 0
        self._steps = 0
        self._server = 0
        """The process that serves our one connection to PostgreSQL."""
        event.listen(store.engine, "before_cursor_execute", self._count)
        with store.engine.connect() as connection:
            if store.file is None:
                self._server = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            else:
                driver: Any = connection.connection.driver_connection
                driver.set_progress_handler(self._step, STEPS)

    def _count(self, *_: Any) -> None:
        self._statements += 1

    def _step(self) -> int:
        self._steps += 1
        return 0

    @contextmanager
    def measure(self) -> Iterator[Used]:
        """Fills in what the block used."""
        used = Used()
        before = self._look()
        statements, cpu, wall = self._statements, self._cpu(), time.perf_counter()
        yield used
        used.wall, used.cpu = time.perf_counter() - wall, self._cpu() - cpu
        used.queries = self._statements - statements
        used.rows, used.read, used.written = (now - then for now, then in zip(self._look(), before, strict=True))

    def _cpu(self) -> float:
        server = Path(f"/proc/{self._server}/schedstat").read_text().split()[0] if self._server else 0
        return time.process_time() + int(server) / 1e9

    def _look(self) -> tuple[float, float, float]:
        if not self._server:
            io = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
            return self._steps, int(io["rchar"]), int(io["wchar"])
        with self._store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("SELECT pg_stat_force_next_flush()"))
            connection.execute(text("SELECT 1"))
            rows, pages, log = connection.execute(text(_POSTGRESQL)).one()
        return float(rows), float(pages), float(log)


_POSTGRESQL = """
SELECT tup_returned + tup_fetched + tup_inserted + tup_updated + tup_deleted, 8192 * (blks_hit + blks_read),
       pg_current_wal_insert_lsn() - '0/0'::pg_lsn
FROM pg_stat_database WHERE datname = current_database()
"""


def work(store: Store, meter: Meter, done: Callable[[Any], Any], *, write: bool = True) -> tuple[Used, Any]:
    """One transaction, measured with its commit."""
    with meter.measure() as used, store.transaction() if write else store.reading() as session:
        found = done(session)
    return used, found
