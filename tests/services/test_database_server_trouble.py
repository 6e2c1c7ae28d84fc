"""PostgreSQL restarted under the daemon, and failed over to its standby, while messages and checks are under way."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.services.forked import command, daemon, stop
from tests.services.watch import Watch, impatient, wait_for


class Server:
    """A PostgreSQL server on a Unix socket in a folder of its own, ended when the test ends."""

    BINARIES = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"

    def run(self, program: str, *arguments: object) -> None:
        as_postgres = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        line = [*as_postgres, str(self.BINARIES / program), *map(str, arguments)]
        subprocess.run(line, check=True, capture_output=True, cwd=self.folder)

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off -c wal_retrieve_retry_interval=100ms"
        self.run("pg_ctl", "-D", self.data, "-o", options, "-l", self.folder / "log", "-w", "start")

    def stop(self, mode: str) -> None:
        self.run("pg_ctl", "-D", self.data, "-m", mode, "-w", "stop")

    def execute(self, statement: str) -> None:
        with psycopg.connect(host=str(self.folder), user="weaklink", dbname="postgres", autocommit=True) as connection:
            connection.execute(statement)


@pytest.fixture
def pair() -> Iterator[tuple[Server, Server]]:
    """A primary and its standby, which has whatever the primary has committed."""
    folders = [Path(tempfile.mkdtemp(prefix="pg")) for _ in range(2)]  # a socket's path must be short
    for folder in folders:
        if os.getuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
    primary, standby = map(Server, folders)
    primary.run("initdb", "--no-sync", "--auth=trust", "--username=weaklink", primary.data)
    primary.start()
    standby.run("pg_basebackup", "-h", primary.folder, "-U", "weaklink", "-D", standby.data, "-R", "-c", "fast", "-N")
    standby.start()
    primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
    primary.execute("SELECT pg_reload_conf()")
    yield primary, standby
    for server in (primary, standby):
        if (server.data / "postmaster.pid").exists():
            server.stop("immediate")
        shutil.rmtree(server.folder, ignore_errors=True)


def test_a_server_may_restart_and_fail_over_while_messages_and_checks_are_under_way(
    tmp_path: Path, registry: Any, sink: Any, pair: tuple[Server, Server]
) -> None:
    primary, standby = pair
    hosts = f"{primary.folder},{standby.folder}"
    url = f"postgresql://weaklink@/postgres?host={hosts}&target_session_attrs=read-write"
    here = Watch(tmp_path / "data", registry, sink, packages=6, database=url)

    @contextmanager
    def restarted() -> Iterator[None]:
        primary.stop("fast")
        yield
        primary.start()

    @contextmanager
    def failed_over() -> Iterator[None]:
        primary.stop("immediate")
        yield
        standby.run("pg_ctl", "-D", standby.data, "-w", "promote")

    def moved(said: int) -> bool:
        return len(here.log_lines("server on socket")) > said

    with daemon(here.config, impatient) as running:
        assert wait_for(here.seen, running), here
        for trouble in (restarted(), failed_over()):
            first, second, third = [name for name in here.packages if name not in here.taken][:3]
            sink.held = True
            here.take_over(first)
            assert wait_for(lambda: sink.waiting > 0, running), here
            here.died()  # what is on its way when the server goes may be told again, where another takes the lead
            said = len(here.log_lines("server on socket"))
            with trouble:
                sink.held = False
                here.take_over(second)
                assert wait_for(partial(moved, said), running), here
                status = command(here.config, "status")
                assert (status.code, status.err.count("\n")) == (2, 1), "one clear line"
            assert wait_for(here.told, running), here
            here.take_over(third)
            assert wait_for(here.told, running), here
            here.assert_status_is_true()
        assert stop(running) == 0
    here.assert_nothing_lost_nothing_twice()
