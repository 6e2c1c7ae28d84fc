"""The lock beside a SQLite database that its daemon holds while it lives: the system lets go of it for the dead."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from msgspec import Struct

from monitor.store.engine import Store, StoreError

ALIVE_FOR: Final = timedelta(minutes=2)
"""A daemon that wrote no sign of life for so long is dead, or cannot write."""
TRIES: Final = 20
PAUSE: Final = 0.05
"""Seconds between tries: whoever asks whether the lock is held holds it for a moment."""


def _file(store: Store) -> Path | None:
    return Path(f"{store.file}.lock") if store.file is not None else None


@contextmanager
def alone(store: Store) -> Iterator[None]:
    """One daemon for each SQLite database: a second one would tell nothing that the first does not."""
    file = _file(store)
    if file is None:
        yield
        return
    with file.open("w") as held:
        for attempt in range(TRIES):
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if attempt == TRIES - 1:
                    raise StoreError(f"{store.file}: another weaklink run uses this database; stop it first") from None
                time.sleep(PAUSE)
        os.utime(held.fileno())
        yield


class Life(Struct, frozen=True):
    """Whether the daemon of a database runs, and whether it can record what it finds."""

    running: bool
    silent_since: datetime | None = None
    """It runs, and has written nothing since."""


def life(store: Store, alive_at: datetime | None, now: datetime) -> Life:
    """What the lock says, where there is one, and when the daemon last wrote that it is alive."""
    held, began = _held(store)
    written = max(filter(None, (alive_at, began)), default=None)
    recent = written is not None and now - written < ALIVE_FOR
    if held is None:
        return Life(alive_at is not None and now - alive_at < ALIVE_FOR)
    return Life(held, None if recent or not held else written)


def _held(store: Store) -> tuple[bool | None, datetime | None]:
    """Whether a daemon holds the lock, and since when; None where that cannot be told."""
    file = _file(store)
    if file is None:
        return None, None
    try:
        with file.open("rb") as lock:
            began = datetime.fromtimestamp(os.fstat(lock.fileno()).st_mtime, UTC)
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True, began
            return False, began
    except FileNotFoundError:
        return False, None
    except OSError:
        return None, None
