"""Commands about the database: ``db upgrade``, ``db backup``."""

from __future__ import annotations

from pathlib import Path

import click

from config.clock import system_clock
from monitor.cli.app import Call, weaklink
from monitor.cli.output import say, write_json
from monitor.store.engine import Store
from monitor.store.upgrade import backup as back_up
from monitor.store.upgrade import newest
from monitor.store.upgrade import upgrade as bring_up


@weaklink.group()
def db() -> None:
    """Upgrade the database, or copy it while it is in use."""


@db.command()
@click.pass_obj
def upgrade(call: Call) -> None:
    """Bring the schema up to date; a SQLite file is copied first."""
    store = Store(call.configuration().settings.database.url)
    done = bring_up(store, system_clock())
    store.close()
    if call.json:
        write_json({"schema": newest(), "upgraded": bool(done), "note": done})
    else:
        say(done or f"The database is up to date (schema {newest()}).")


@db.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def backup(call: Call, file: Path) -> None:
    """Copy the database to FILE, also while the daemon runs."""
    configuration = call.configuration()
    store = Store(configuration.settings.database.url)
    back_up(store, file)
    store.close()
    if call.json:
        write_json({"file": str(file), "bytes": file.stat().st_size})
    else:
        say(f"{file}: {file.stat().st_size:,} bytes")
