"""The schema: brought up to date by Alembic, after a backup; refused where it is newer than this program."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from monitor.store.backups import backup
from monitor.store.engine import TURN, Store, StoreError


def migrations() -> Config:
    """Where Alembic finds the steps from one schema to the next."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def newest() -> str:
    """The revision that this program writes."""
    head = ScriptDirectory.from_config(migrations()).get_current_head()
    assert head is not None
    return head


def upgrade(store: Store, now: datetime) -> str:
    """Make the database what this program needs; what was done, in one line, or ``""`` for nothing.

    A SQLite file with data is copied first, beside itself. All of it is one transaction: killed at any moment, it
    leaves the database as it was. Raises StoreError for a database of a newer program, which is left as it is.
    """
    scripts = ScriptDirectory.from_config(migrations())
    head = newest()
    copy = store.file.with_name(f"{store.file.name}.before-{head}") if store.file is not None else None
    with store.errors():
        with store.reading() as session:  # which waits for nobody: most of the time there is nothing to do
            connection = session.connection()
            found = _found(connection)
            empty = found is None and not store.engine.dialect.has_table(connection, "target")
        if found == head:
            _keep(copy, now)  # of an upgrade that was killed when all but this was done
            return ""
        if found is not None and found not in {script.revision for script in scripts.walk_revisions()}:
            raise StoreError(
                f"{store.place}: was written by a newer weaklink (schema {found}); install that one, "
                "or restore the backup that it made before it upgraded"
            )
        with store.engine.begin() as connection:  # from here on nobody else writes a SQLite file, or upgrades it
            if store.distributed:
                connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": TURN})
            if _found(connection) == head:
                return ""
            if copy is not None and not empty:
                _unfinished(copy).unlink(missing_ok=True)
                backup(store, _unfinished(copy))
            config = migrations()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        kept = _keep(copy, now)
    done = f"the database was {'made' if empty else 'upgraded'} (schema {head})"
    return done + (f"; the old database is kept as {kept.name}" if kept is not None else "")


def _unfinished(copy: Path) -> Path:
    """What a copy is called until the upgrade is done: the next try makes it anew."""
    return copy.with_name(f"{copy.name}.unfinished")


def _keep(copy: Path | None, now: datetime) -> Path | None:
    """Give the copy its name once the upgrade is done, beside that of an earlier upgrade; None where there is none."""
    if copy is None or not _unfinished(copy).exists():
        return None
    kept = copy.with_name(f"{copy.name}.{now:%Y%m%dT%H%M%SZ}") if copy.exists() else copy
    return _unfinished(copy).rename(kept)


def require_newest(store: Store) -> None:
    """StoreError unless the database is exactly what this program needs: for one that must not upgrade it."""
    with store.errors(), store.engine.connect() as connection:
        found = _found(connection)
    if found != newest():
        raise StoreError(f"{store.place}: {unlike(found)}")


def unlike(found: str | None) -> str:
    """What to do about a database of another schema than ours."""
    if found is None:
        return "holds no weaklink database yet; start weaklink run on it first"
    if found in {script.revision for script in ScriptDirectory.from_config(migrations()).walk_revisions()}:
        return f"has schema {found}, and this weaklink needs {newest()}; upgrade weaklink run first, then its workers"
    return f"has schema {found} of a newer weaklink (this one has {newest()}); upgrade weaklink on this machine"


def _found(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
