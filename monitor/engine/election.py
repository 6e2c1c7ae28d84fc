"""Which daemon leads: the one that holds PostgreSQL's advisory lock, on a connection of its own.

The lock goes when the connection does, so nobody has to declare a leader dead. A leader that cannot reach its
connection steps down; should it be late to notice, nothing that it writes is taken, since the term has changed.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final

import psycopg

from monitor.engine.queues import address, configure
from monitor.store.engine import SOON_GONE, Store, StoreError

LOCK: Final = 0x6C656164
EVERY: Final = 1.0
"""Seconds between looks: of those who stand by at the lock, of the leader at its connection."""
SILENT: Final = 20.0
"""Seconds after which PostgreSQL ends the connection of a daemon that says nothing: it hangs, and another may lead."""
ANSWERS_WITHIN: Final = 5.0
"""Seconds after which a connection that says nothing is taken for lost."""


class Election:
    """One candidate."""

    def __init__(self, store: Store) -> None:
        self._url = store.url
        self._connection: psycopg.AsyncConnection[Any] | None = None

    async def stand(self) -> bool:
        """One attempt at the lock; whether this daemon leads now. StoreError where the database is out of reach."""
        try:
            async with asyncio.timeout(ANSWERS_WITHIN * 2):
                connection = await self._connected()
                found = await connection.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,))
                row = await found.fetchone()
                return bool(row and row[0])
        except (psycopg.Error, OSError, TimeoutError) as error:
            await self.resign()
            raise StoreError(f"the database cannot be reached: {_words(error)}") from error

    async def lost(self) -> str:
        """Wait until this leader is none any more; why."""
        try:
            while True:
                await asyncio.sleep(EVERY)
                if self._connection is None:
                    return "it has resigned"
                async with asyncio.timeout(ANSWERS_WITHIN):
                    await self._connection.execute("SELECT 1")
        except (psycopg.Error, OSError, TimeoutError) as error:
            return _words(error)

    async def resign(self) -> None:
        """Let the lock go, for whoever stands by."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error, OSError, TimeoutError):
                async with asyncio.timeout(ANSWERS_WITHIN):
                    await connection.close()

    async def _connected(self) -> psycopg.AsyncConnection[Any]:
        if self._connection is None:
            options: dict[str, Any] = {n: value for n, value in SOON_GONE.items() if n not in self._url.query}
            self._connection = await psycopg.AsyncConnection.connect(
                address(self._url), autocommit=True, application_name="weaklink leader", **options
            )
            await configure(self._connection)
            await self._connection.execute(_END_IF_SILENT, (f"{SILENT:.0f}s",))
        return self._connection


# Before PostgreSQL 14 there is no such setting.
_END_IF_SILENT: Final = "SELECT set_config(name, %s, false) FROM pg_settings WHERE name = 'idle_session_timeout'"


def _words(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["it did not answer in time"])[0]
