"""Commands about the database: ``db upgrade``, ``db backup``, ``db prune``, ``db migrate-to``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from config.clock import system_clock
from config.sources import Missing, expand_text
from monitor.cli.app import Call, weaklink
from monitor.cli.output import err, say, write_json
from monitor.store.backups import backup as back_up
from monitor.store.backups import dated, thin_out
from monitor.store.clock import clock_of
from monitor.store.engine import Store
from monitor.store.moving import move
from monitor.store.prune import prune as prune_store
from monitor.store.upgrade import newest
from monitor.store.upgrade import upgrade as bring_up


@weaklink.group()
def db() -> None:
    """Upgrade the database, copy it while it is in use, forget what is old, move to PostgreSQL."""


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
@click.option("--keep", type=click.IntRange(1), help="In a folder: keep so many copies, the newest ones.")
@click.pass_obj
def backup(call: Call, file: Path, keep: int | None) -> None:
    """Copy the database to FILE, also while the daemon runs; into a folder under the name of the moment."""
    folder = file if file.is_dir() else None
    if keep is not None and folder is None:
        raise click.UsageError(f"--keep counts copies in a folder, and {file} is none")
    configuration = call.configuration()
    store = Store(configuration.settings.database.url)
    file = folder / dated(system_clock()) if folder else file
    back_up(store, file)
    store.close()
    gone = thin_out(folder, keep) if folder and keep else []
    if call.json:
        write_json({"file": str(file), "bytes": file.stat().st_size, "deleted": [str(old) for old in gone]})
    else:
        say(f"{file}: {file.stat().st_size:,} bytes" + (f"; {len(gone)} older deleted" if gone else ""))


@db.command()
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.pass_obj
def prune(call: Call, dry_run: bool) -> None:
    """Delete what is older than [retention] keeps, also while the daemon runs; never the evidence of an open alert."""
    configuration = call.configuration()
    store = call.store(configuration)
    gone = prune_store(store, configuration.settings.retention, clock_of(store)(), dry_run=dry_run)
    store.close()
    if call.json:
        write_json({"dry_run": dry_run, "deleted": gone})
        return
    told = ", ".join(f"{count:,} {name}" for name, count in gone.items() if count) or "nothing"
    say(f"{'Would delete' if dry_run else 'Deleted'}: {told}.")
    if not dry_run and any(gone.values()):
        say("The room is used again for what comes; the file itself does not shrink.", "dim")


@db.command("migrate-to")
@click.argument("url")
@click.pass_obj
def migrate_to(call: Call, url: str) -> None:
    """Copy the SQLite database into the empty PostgreSQL database URL and compare each row; stop the daemon first.

    URL may hold ${NAME}, from the environment, as in the configuration: then no list of processes shows the password.
    """
    configuration = call.configuration()
    try:
        target = Store(expand_text(url, os.environ))
    except Missing as missing:
        raise click.UsageError(str(missing)) from None
    source = Store(configuration.settings.database.url)
    bar = Progress(
        TextColumn("copying, then comparing"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )
    with bar:
        task = bar.add_task("", total=None)
        rows = move(
            source,
            target,
            system_clock(),
            on_total=lambda total: bar.update(task, total=2 * total),
            on_rows=lambda count: bar.advance(task, count),
        )
    place = configuration.place("database", "url")
    told: dict[str, Any] = {
        "rows": rows,
        "from": source.place,
        "to": target.place,
        "file": str(place.file),
        "line": place.line,
    }
    source.close()
    target.close()
    if call.json:
        write_json(told)
        return
    say(f"{sum(rows.values()):,} rows of {len(rows)} tables are in {told['to']} now, each as it was.")
    say(f"Go on there: in {place}, write this, and start the daemon.")
    say("  [database]")
    say(f'  url = "{url if "${" in url else told["to"]}"')
    say(f"{told['from']} is left as it was.", "dim")
