"""The command ``export``: what the store holds, for other programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TextIO

import click
from sqlmodel import Session

from monitor.cli.app import WRONG, Call, weaklink
from monitor.cli.output import note
from monitor.export.cyclonedx import bill
from monitor.export.parquet import write_parquet
from monitor.export.tables import TABLES, Table
from monitor.export.text import as_csv, as_jsonl
from monitor.store.clock import clock_of

NEEDS = "weaklink: Parquet needs Polars; install weaklink with its extra: pip install 'weaklink[study]'"


@weaklink.command()
@click.argument("table", type=click.Choice([*TABLES]), default="changes")
@click.option(
    "--format", "kind", type=click.Choice(["csv", "jsonl", "parquet", "cyclonedx"]), default="jsonl", show_default=True
)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="A new file; default: standard output.")
@click.pass_context
def export(ctx: click.Context, table: str, kind: str, output: Path | None) -> None:
    """Write TABLE (default: changes) for other programs; cyclonedx writes what is watched, with what holds of it."""
    call: Call = ctx.obj
    if kind == "parquet" and output is None:
        raise click.UsageError("--format parquet needs --output FILE")
    store = call.store(call.configuration())
    now = clock_of(store)()
    try:
        with store.reading() as session:
            if kind == "parquet":
                assert output is not None
                with _placed(output) as part:
                    write_parquet(TABLES[table], TABLES[table].rows(session, now), part)
            else:
                write = {"csv": _csv, "jsonl": _jsonl, "cyclonedx": _cyclonedx}[kind]
                with _opened(output) as stream:
                    write(session, TABLES[table], now, stream.write)
    except ModuleNotFoundError:
        note(NEEDS)
        ctx.exit(WRONG)
    finally:
        store.close()


def _csv(session: Session, table: Table, now: datetime, write: Callable[[str], object]) -> None:
    write(as_csv(table.columns, []))
    for rows in table.rows(session, now):
        write(as_csv(table.columns, rows, head=False))


def _jsonl(session: Session, table: Table, now: datetime, write: Callable[[str], object]) -> None:
    for rows in table.rows(session, now):
        write(as_jsonl(rows))


def _cyclonedx(session: Session, _table: Table, now: datetime, write: Callable[[str], object]) -> None:
    write(json.dumps(bill(session, now), indent=1) + "\n")


@contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    with _placed(output) as part, part.open("w", encoding="utf-8", newline="") as stream:
        yield stream


@contextmanager
def _placed(output: Path) -> Iterator[Path]:
    """A file beside ``output`` that takes its place when it is whole; nothing is left where it could not be written."""
    if output.exists():
        raise click.UsageError(f"{output}: exists already; name a file that does not")
    part = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        yield part
        part.rename(output)
    finally:
        part.unlink(missing_ok=True)
