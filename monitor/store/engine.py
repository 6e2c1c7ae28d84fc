"""The store's connection: one thread, short transactions, one clear error for whatever is wrong with the file.

SQLite is synchronous, so everything that touches the database runs in one thread of its own and the event loop only
awaits it. PostgreSQL is driven the same way: a check writes little, and writes are grouped (docs/decisions/0001).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    ProgrammingError,
)
from sqlmodel import Session

from alerts.store import StoreError as StoreError
from monitor.store.trouble import Trouble

T = TypeVar("T")

BUSY_TIMEOUT = 10.0
"""Seconds for which SQLite waits for another program's lock before the transaction fails and is tried again."""


class StoreRefused(StoreError):
    """The database works and does not take this: a mistake of ours, which waiting does not mend."""


def database_url(url: str) -> URL:
    """The URL with the driver we use; StoreError for a database we do not."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreError("database.url is no URL; write sqlite:///FILE or postgresql://USER@HOST/NAME") from None
    if parsed.drivername in {"sqlite", "sqlite+pysqlite"}:
        return parsed.set(drivername="sqlite+pysqlite")
    if parsed.drivername in {"postgresql", "postgres", "postgresql+psycopg"}:
        return parsed.set(drivername="postgresql+psycopg")
    raise StoreError(f"database.url names {parsed.drivername}; weaklink keeps its data in sqlite or postgresql")


def connect(url: URL, connections: int = 1) -> Engine:
    """An engine of that many connections, and one more for another thread that asks."""
    try:
        if url.get_backend_name() == "postgresql":
            return create_engine(url, pool_size=connections, max_overflow=1, pool_pre_ping=True, pool_recycle=1800)
        engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT, "check_same_thread": False})
    except (ModuleNotFoundError, NoSuchModuleError):
        raise StoreError("PostgreSQL needs its driver; install weaklink with its extra: weaklink[postgresql]") from None

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves: the module's own rules leave DDL outside
        cursor = connection.cursor()
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")  # a message that was sent must be remembered after a power cut
            cursor.execute("PRAGMA foreign_keys=ON")
            cursor.execute("PRAGMA temp_store=MEMORY")
        finally:
            cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        # A transaction that reads first and writes later could find the file changed under it; one that announces
        # itself waits for its turn instead.
        mode = "BEGIN" if connection.get_execution_options().get("weaklink_read") else "BEGIN IMMEDIATE"
        connection.exec_driver_sql(mode)

    return engine


class Store:
    """The database, used from one thread of its own."""

    def __init__(self, url: str) -> None:
        self.url = database_url(url)
        self.engine = connect(self.url)
        self._reading = self.engine.execution_options(weaklink_read=True)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self.trouble = Trouble()

    @property
    def file(self) -> Path | None:
        """SQLite's file; None for PostgreSQL and for a database in memory."""
        if self.url.get_backend_name() == "sqlite" and self.url.database not in {None, "", ":memory:"}:
            return Path(str(self.url.database))
        return None

    @property
    def place(self) -> str:
        """Where the data lies, for people; without the password."""
        if self.url.get_backend_name() == "sqlite":
            return str(self.file or self.url)
        bare = self.url.difference_update_query(["password", "sslpassword"]).set(drivername="postgresql")
        return bare.render_as_string(hide_password=True)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One unit of work: committed when the block ends, rolled back when it raises. For the caller's own thread."""
        with self.errors(), Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session
        self.trouble.over()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One consistent view that blocks nobody."""
        with self.errors(), Session(self._reading, expire_on_commit=False) as session:
            yield session

    async def write(self, work: Callable[[Session], T]) -> T:
        """Run ``work`` in the store's thread in one transaction.

        Cancelling the caller does not tear the transaction: it ends by itself, whole.
        """

        def run() -> T:
            with self.transaction() as session:
                return work(session)

        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, run))

    async def read(self, work: Callable[[Session], T]) -> T:
        def run() -> T:
            with self.reading() as session:
                return work(session)

        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, run))

    def close(self) -> None:
        """Finish what was begun and let the file go."""
        self._thread.shutdown(wait=True)
        self.engine.dispose()

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Whatever goes wrong with the database inside, as a StoreError of one line."""
        try:
            yield
        except DBAPIError as error:
            words = self._explain(error)
            if error.connection_invalidated:
                self.engine.dispose()
            elif isinstance(error, IntegrityError | DataError | ProgrammingError):
                raise StoreRefused(words) from error
            self.trouble.met(words)
            raise StoreError(words) from error

    def _explain(self, error: DBAPIError) -> str:
        said = str(error.orig).strip().splitlines()[0] if error.orig else type(error).__name__
        for words, problem in _PROBLEMS:
            if words in said:
                return f"{self.place}: {problem}"
        return f"{self.place}: {said}"


_PROBLEMS = (
    ("database is locked", "another program holds the database; nothing was lost, and it is tried again"),
    ("file is not a database", "this is no SQLite database; name another file in database.url, or move this one away"),
    ("readonly database", "the file or its folder cannot be written; give the daemon's user write access"),
    ("unable to open database file", "cannot be opened; the folder must exist and be writable by the daemon's user"),
    ("disk is full", "the disk is full; free some space, nothing already stored is lost"),
    ("disk I/O error", "the disk failed or is full; nothing already stored is lost"),
    ("malformed", "the database is damaged; restore the last backup (weaklink db backup makes them)"),
)
