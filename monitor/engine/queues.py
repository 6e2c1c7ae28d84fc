"""The queues: which there are, the tables that Procrastinate keeps them in, and how jobs come into them.

The tables lie in a PostgreSQL schema of their own. They hold nothing that could not be deferred anew, so where another
version of Procrastinate wants other tables they are thrown away and made again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import blake2b
from typing import Any, Final

import psycopg
from procrastinate import App, PsycopgConnector, SyncPsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.schema import SchemaManager
from procrastinate.types import JSONDict
from sqlalchemy import text, update
from sqlalchemy.engine import URL
from sqlmodel import Session, col

from monitor.store.engine import ON_CONNECT, QUEUES, SOON_GONE, Store, StoreError, StoreRefused
from monitor.store.tables import Meta, Target

# It tells each job's beginning and end; what went wrong with one is told by whoever does it.
logging.getLogger("procrastinate").setLevel(logging.CRITICAL)
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)

CHECK: Final = "check"
DELIVER: Final = "deliver"
"""The tasks: check some targets of one source; send what one channel is owed."""
DELIVERIES: Final = "deliveries"
TARGETS: Final = {"npm": 25, "pypi": 25, "domain": 5}
"""Targets in one job of each source: many, so that a check costs little; few, so that a dead worker's are few."""
VERSION: Final = "queues"
"""The name under which is kept what the tables were made by."""
POOL: Final = 3
"""Connections of a process to its queues: fetching, finishing, beating."""


def queue_of(source: str) -> str:
    """``check-npm``, ``check-pypi``, ``check-domain``."""
    return f"check-{source}"


def version() -> str:
    """Stands for the tables that the installed Procrastinate wants."""
    return blake2b(SchemaManager.get_schema().encode(), digest_size=8).hexdigest()


def prepare(store: Store) -> None:
    """Make the tables of the queues, anew where they are another version's; StoreError where that may not be."""
    with store.transaction() as session:
        kept = session.get(Meta, VERSION)
        there = session.scalar(text("SELECT to_regclass(:name)"), {"name": f"{QUEUES}.procrastinate_jobs"})
        if there is not None and kept is not None and kept.value == version():
            return
        run = partial(_run, session)
        run(f"DROP SCHEMA IF EXISTS {QUEUES} CASCADE; CREATE SCHEMA {QUEUES}")
        path = session.scalar(text("SELECT current_setting('search_path')"))
        run(f"SET LOCAL search_path TO {QUEUES}")
        run(SchemaManager.get_schema())
        # A worker that missed all this may come back with the result of an old job: no number comes again.
        run(f"ALTER SEQUENCE procrastinate_jobs_id_seq RESTART WITH {time.time_ns() // 1000}")
        session.execute(text("SELECT set_config('search_path', :path, true)"), {"path": path})
        session.execute(update(Target).where(col(Target.claim).is_not(None)).values(claim=None))
        session.merge(Meta(name=VERSION, value=version()))


def _run(session: Session, script: str) -> None:
    _driver(session).execute(script.encode())


def _driver(session: Session) -> psycopg.Connection[Any]:
    """The connection of a transaction, as Procrastinate takes it."""
    found = session.connection().connection.driver_connection
    assert isinstance(found, psycopg.Connection)
    return found


def require_prepared(store: Store) -> None:
    """StoreError unless the queues are those that this program speaks to."""
    with store.reading() as session:
        kept = session.get(Meta, VERSION)
    if kept is None:
        raise StoreError(f"{store.place}: no daemon has led here yet; start weaklink run on it first")
    if kept.value != version():
        raise StoreError(f"{store.place}: {UNLIKE}")


UNLIKE: Final = "its queues are another Procrastinate's; install the same weaklink on every machine"


class Deferring:
    """Puts jobs into the queues, within the transactions of the store."""

    def __init__(self) -> None:
        # Never opened: it only writes on connections that it is handed.
        self._app = App(connector=SyncPsycopgConnector())

    def checks(self, source: str, *, told_of: bool) -> Callable[[Session, Sequence[list[int]]], list[int]]:
        """Defers a check of each of these lists of targets."""

        def defer(session: Session, lists: Sequence[list[int]]) -> list[int]:
            jobs = self._app.configure_task(CHECK, queue=queue_of(source), connection=_driver(session))
            arguments: list[JSONDict] = [{"targets": [*targets], "told_of": told_of} for targets in lists]
            with told_as_ours():
                return jobs.batch_defer(*arguments)

        return defer

    def deliveries(self, session: Session, channels: Sequence[str]) -> None:
        """Defers a delivery to each of these channels, none of which has one."""
        for channel in channels:
            lock = f"{DELIVER} {channel}"
            with told_as_ours():
                self._app.configure_task(
                    DELIVER, queue=DELIVERIES, lock=lock, queueing_lock=lock, connection=_driver(session)
                ).defer(channel=channel)


class told_as_ours:  # noqa: N801 - reads as a statement
    """Whatever Procrastinate meets at the database, as the store tells it."""

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, ConnectorException):
            away = isinstance(error.__cause__, psycopg.OperationalError)
            words = f"the queues: {str(error.__cause__ or error).strip().splitlines()[0]}"
            raise (StoreError if away else StoreRefused)(words) from error


def address(url: URL) -> str:
    """The same database, as libpq takes it; with its password."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


async def configure(connection: psycopg.AsyncConnection[Any]) -> None:
    """What holds for every connection of ours."""
    await connection.execute(ON_CONNECT)
    if not connection.autocommit:
        await connection.commit()


def open_app(url: URL) -> App:
    """The queues of a database, for a worker; open it before use."""
    options = {name: value for name, value in SOON_GONE.items() if name not in url.query}
    connector = PsycopgConnector(
        conninfo=address(url), kwargs=options, min_size=1, max_size=POOL, timeout=10.0, configure=configure
    )
    return App(connector=connector)
