"""The store's connection: one thread, short transactions, one clear error for whatever is wrong with the file.

SQLite is synchronous, so everything that touches the database runs in one thread of its own and the event loop only
awaits it. PostgreSQL is driven the same way: a check writes little, and writes are grouped (docs/decisions/0001).

Transactions that write take turns, whatever the process: on SQLite by ``BEGIN IMMEDIATE``, on PostgreSQL by an advisory
lock (docs/decisions/0018). So what one reads first and writes later has not changed under it.
"""

from __future__ import annotations

import asyncio
import copy
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Engine, create_engine, event, text
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
QUEUES: Final = "weaklink_queues"
"""The PostgreSQL schema of the queues' own tables (``monitor.engine``); looked in after all others."""
TURN: Final = 0x7765616B
"""The advisory lock by which transactions on PostgreSQL take turns."""
TRIES: Final = 5
"""Attempts at a transaction that PostgreSQL ended because of another one's locks."""
ENDED_BY_ANOTHER: Final = frozenset({"40001", "40P01"})
"""SQLSTATEs: serialization failure, deadlock."""
SOON_GONE: Final = {
    "connect_timeout": 10,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""So that a connection whose other end is gone is known to be dead within seconds, not hours."""
ON_CONNECT: Final = f"""
    SELECT set_config('search_path', current_setting('search_path') || ', {QUEUES}', false),
        set_config('idle_in_transaction_session_timeout', '60s', false),
        set_config('tcp_keepalives_idle', '5', false),
        set_config('tcp_keepalives_interval', '2', false),
        set_config('tcp_keepalives_count', '3', false)
"""
"""And so that the server lets go of the locks of a process that is gone, or that stopped in mid-transaction."""


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
            return _postgresql(url, connections)
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


def _postgresql(url: URL, connections: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=1,
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args={name: value for name, value in SOON_GONE.items() if name not in url.query},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        connection.execute(ON_CONNECT)
        connection.commit()

    return engine


class Store:
    """The database, used from one thread of its own."""

    def __init__(self, url: str) -> None:
        self.url = database_url(url)
        self.engine = connect(self.url)
        self._reading = self.engine.execution_options(weaklink_read=True)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self.trouble = Trouble()
        self._fence: Callable[[Session], None] | None = None
        self.plain = self
        """The same database without a fence."""

    def fenced(self, fence: Callable[[Session], None]) -> Store:
        """The same database, written only as long as ``fence``, asked at the start of a transaction, does not raise."""
        found = copy.copy(self)
        found._fence = fence
        return found

    @property
    def distributed(self) -> bool:
        """Several processes, on several machines, may work on this database."""
        return self.url.get_backend_name() == "postgresql"

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
    def transaction(self, *, turns: bool = True) -> Iterator[Session]:
        """One unit of work: committed when the block ends, rolled back when it raises. For the caller's own thread.

        Without ``turns`` it may run beside others on PostgreSQL: for work that changes only rows which it has locked.
        """
        with self.errors(), Session(self.engine, expire_on_commit=False) as session, session.begin():
            if turns and self.distributed:
                session.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": TURN})
            if self._fence is not None:
                self._fence(session)
            yield session
        self.trouble.over()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One consistent view that blocks nobody."""
        with self.errors(), Session(self._reading, expire_on_commit=False) as session:
            yield session

    async def write(self, work: Callable[[Session], T], *, turns: bool = True) -> T:
        """Run ``work`` in the store's thread in one transaction; again where another one's locks ended it.

        Cancelling the caller does not tear the transaction: it ends by itself, whole.
        """

        def run() -> T:
            for attempt in range(1, TRIES + 1):
                try:
                    with self.transaction(turns=turns) as session:
                        return work(session)
                except StoreError as error:
                    if attempt == TRIES or not _ended_by_another(error):
                        raise
            raise AssertionError("unreachable")

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


def _ended_by_another(error: StoreError) -> bool:
    cause = error.__cause__
    return isinstance(cause, DBAPIError) and getattr(cause.orig, "sqlstate", "") in ENDED_BY_ANOTHER


_PROBLEMS = (
    ("permission denied for database", "its user may not make a schema there; GRANT CREATE ON DATABASE … TO that user"),
    ("database is locked", "another program holds the database; nothing was lost, and it is tried again"),
    ("file is not a database", "this is no SQLite database; name another file in database.url, or move this one away"),
    ("readonly database", "the file or its folder cannot be written; give the daemon's user write access"),
    ("unable to open database file", "cannot be opened; the folder must exist and be writable by the daemon's user"),
    ("disk is full", "the disk is full; free some space, nothing already stored is lost"),
    ("disk I/O error", "the disk failed or is full; nothing already stored is lost"),
    ("malformed", "the database is damaged; restore the last backup (weaklink db backup makes them)"),
)
