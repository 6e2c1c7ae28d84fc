"""A PostgreSQL server of its own, Debian's, on a Unix socket in a temporary folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg


@contextmanager
def server() -> Iterator[str]:
    """Its URL with ``{name}`` for the database; durable as a real one is, with a quarter of a gigabyte of buffers."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # a socket's path must be short
    if os.getuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    _run(folder, "initdb", "--no-sync", "--auth=trust", "--username=weaklink")
    options = (
        f"-k {folder} -c listen_addresses='' -c max_connections=150 -c shared_buffers=256MB -c max_wal_size=4GB "
        "-c shared_preload_libraries=pg_stat_statements -c autovacuum=off"  # it would run in the midst of a measurement
    )
    _run(folder, "pg_ctl", "-o", options, "-l", "log", "-w", "start")
    try:
        yield f"postgresql://weaklink@/{{name}}?host={folder}"
    finally:
        _run(folder, "pg_ctl", "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def restart(url: str) -> None:
    """Stop the server without notice, as a crash does, and start it again."""
    _run(Path(url.partition("host=")[2]), "pg_ctl", "-m", "immediate", "-l", "log", "-w", "restart")


def create(url: str, name: str) -> str:
    """An empty database on that server; its URL."""
    with psycopg.connect(url.format(name="postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return url.format(name=name)


def _run(folder: Path, program: str, *arguments: str) -> None:
    """One of the server's own programs, as the user that it demands."""
    binaries = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    as_postgres = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    command = [*as_postgres, str(binaries / program), "-D", "data", *arguments]
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
