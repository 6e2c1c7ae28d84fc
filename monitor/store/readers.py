"""Reading for the pages: threads and connections of their own, so that neither they nor the recorder wait.

SQLite's WAL and PostgreSQL both let readers see one consistent state while another connection writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from sqlalchemy import event
from sqlmodel import Session

from monitor.store.engine import Store, connect

T = TypeVar("T")

THREADS: Final = 3
"""Pages that are made at the same time."""


class Readers:
    """A small pool that reads the database of ``store`` and cannot write to it."""

    def __init__(self, store: Store, threads: int = THREADS) -> None:
        self._store = store
        self.engine = connect(store.url, threads).execution_options(weaklink_read=True)
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="reader")
        if store.url.get_backend_name() == "sqlite":
            event.listen(self.engine, "connect", _query_only)
        else:
            self.engine = self.engine.execution_options(postgresql_readonly=True, isolation_level="REPEATABLE READ")

    async def read(self, work: Callable[[Session], T]) -> T:
        """``work`` in one of the threads, over one consistent view. StoreError where the database fails."""

        def run() -> T:
            with self._store.errors(), Session(self.engine, expire_on_commit=False) as session:
                return work(session)

        return await asyncio.get_running_loop().run_in_executor(self._threads, run)

    def close(self) -> None:
        """Let what was begun end, drop what waits."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self.engine.dispose()


def _query_only(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA query_only=ON")
    cursor.execute("PRAGMA mmap_size=268435456")
    cursor.close()
