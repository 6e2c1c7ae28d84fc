"""Copies of a SQLite database, made while it is in use."""

from __future__ import annotations

import re
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DBAPIError

from monitor.store.engine import Store, StoreError

_DATED: Final = re.compile(r"weaklink-\d{8}T\d{6}Z\.db")


def backup(store: Store, file: Path) -> None:
    """Copy a SQLite database while it is in use, whole and consistent; StoreError where that cannot be done."""
    if store.file is None:
        raise StoreError(f"{store.place}: weaklink backs up SQLite files; use pg_dump for PostgreSQL")
    if file.exists():
        raise StoreError(f"{file}: exists already; name a file that does not")
    part = file.with_name(f".{file.name}.part")
    try:
        source = sqlite3.connect(f"{store.file.absolute().as_uri()}?mode=ro", uri=True)
        target = sqlite3.connect(part)
        try:
            source.backup(target, pages=1024)
        finally:
            target.close()
            source.close()
        part.rename(file)
    except (sqlite3.Error, OSError, DBAPIError) as error:
        part.unlink(missing_ok=True)
        raise StoreError(f"{file}: the backup failed ({error}); nothing was changed") from None


def dated(now: datetime) -> str:
    """The name of a copy among others: ``weaklink-20261120T120000Z.db``."""
    return f"weaklink-{now:%Y%m%dT%H%M%SZ}.db"


def thin_out(folder: Path, keep: int) -> list[Path]:
    """Delete all but the newest ``keep`` copies that bear such a name; which were deleted. Other files stay."""
    copies = sorted(file for file in folder.iterdir() if _DATED.fullmatch(file.name))
    for old in copies[:-keep]:
        old.unlink()
    return copies[:-keep]
