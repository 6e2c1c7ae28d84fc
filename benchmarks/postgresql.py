"""A PostgreSQL server of its own, Debian's, on a Unix socket in a temporary folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg


@contextmanager
def server() -> Iterator[str]:
    """Its URL with ``{name}`` for the database; durable as a real one is, with a quarter of a gigabyte of buffers."""
    binaries = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # a socket's path must be short
    as_postgres = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    if as_postgres:
        shutil.chown(folder, "postgres", "postgres")
    data = folder / "data"
    run = partial(subprocess.run, check=True, capture_output=True, cwd=folder)
    run([*as_postgres, binaries / "initdb", "--no-sync", "--auth=trust", "--username=weaklink", data])
    options = (
        f"-k {folder} -c listen_addresses='' -c max_connections=150 -c shared_buffers=256MB -c max_wal_size=4GB "
        "-c shared_preload_libraries=pg_stat_statements -c autovacuum=off"  # it would run in the midst of a measurement
    )
    run([*as_postgres, binaries / "pg_ctl", "-D", data, "-o", options, "-l", folder / "log", "-w", "start"])
    try:
        yield f"postgresql://weaklink@/{{name}}?host={folder}"
    finally:
        run([*as_postgres, binaries / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"])
        shutil.rmtree(folder, ignore_errors=True)


def create(url: str, name: str) -> str:
    """An empty database on that server; its URL."""
    with psycopg.connect(url.format(name="postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[arg-type]
    return url.format(name=name)
