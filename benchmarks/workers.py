"""Checks a second with one, two, four and eight workers on PostgreSQL, of a registry that takes 50 ms to answer.

The leader only schedules; everything is due all the time. The registry is a process of its own, whose answers are
small: ``304`` to whoever has asked before.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
from aiohttp import web

from benchmarks.postgresql import create, server
from benchmarks.processes import Program

LATENCY = 0.05
PACKAGES = 3000
CONCURRENCY = 16
"""Checks of one source that one worker has under way."""
SECONDS = 8.0
ROUNDS = 3
CORES = os.cpu_count() or 1

STATEMENTS = "SELECT coalesce(sum(calls), 0), coalesce(sum(rows), 0) FROM pg_stat_statements WHERE dbid = "
STATEMENTS += "(SELECT oid FROM pg_database WHERE datname = current_database())"


async def serve() -> None:
    async def get(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        await asyncio.sleep(LATENCY)
        if request.headers.get("If-None-Match"):
            return web.Response(status=304, headers={"ETag": '"1"'})
        account = {"name": f"dev-{name}", "email": ""}
        release = {"name": name, "version": "1.0.0", "_npmUser": account, "dist": {"shasum": "0" * 40}}
        found = {"_id": name, "name": name, "dist-tags": {"latest": "1.0.0"}, "maintainers": [account]}
        found |= {"versions": {"1.0.0": release}, "time": {"1.0.0": "2026-01-01T00:00:00.000Z"}}
        return web.json_response(found, headers={"ETag": '"1"'})

    app = web.Application()
    app.router.add_get("/{name}", get)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


class Fleet:
    """One daemon that leads and does nothing else, and workers that come and go."""

    def __init__(self, folder: Path, database: str, registry: str) -> None:
        self._folder = folder
        self._config = folder / "weaklink.toml"
        listed = json.dumps([f"npm:package-{number}" for number in range(PACKAGES)])
        self._config.write_text(
            f'[database]\nurl = "{database}"\n[web]\nlisten = ""\n[workers]\nin_daemon = false\n'
            f'[registries.npm]\nurl = "{registry}"\nrequests_per_second = 10000.0\nconnections = 256\n'
            f"searches_per_minute = 0\n[schedule]\nconcurrency = {CONCURRENCY}\n"
            f'[[watch]]\nname = "all"\npackages = {listed}\n'
        )
        self.leader = self._start("run")
        self.workers: list[Program] = []

    def _start(self, command: str) -> Program:
        name = f"{command}-{time.monotonic_ns()}"
        main: list[str | Path] = [
            sys.executable,
            "-c",
            "from monitor.cli import main; main()",
            "--config",
            self._config,
            command,
        ]
        return Program(main, os.environ | {"PYTHONPATH": str(Path.cwd())}, self._folder / f"{name}.log")

    def grow(self, size: int) -> None:
        while len(self.workers) < size:
            self.workers.append(self._start("worker"))

    def cpu(self) -> float:
        return sum(worker.cpu() for worker in self.workers)

    def end(self) -> None:
        for program in (*self.workers, self.leader):
            program.end()


def busy(database: psycopg.Connection[Any], seconds: float) -> None:
    """Everything is due again as soon as it was checked."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        database.execute("UPDATE target SET due_at = now() WHERE sort = 'package' AND claim IS NULL AND due_at > now()")
        time.sleep(0.25)


def measure(fleet: Fleet, database: psycopg.Connection[Any], server: int, registry: int) -> Mapping[str, float]:
    """What the workers there are get done, what it costs them, the database and the registry, and how full it is."""

    def look() -> tuple[float, ...]:
        (done,) = database.execute("SELECT coalesce(sum(done), 0) FROM worker").fetchone()  # type: ignore[misc]
        calls, rows = database.execute(STATEMENTS).fetchone()  # type: ignore[misc]
        (log,) = database.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()  # type: ignore[misc]
        return (
            float(done),
            float(calls),
            float(rows),
            float(log),
            fleet.cpu(),
            fleet.leader.cpu(),
            _whole(server),
            _whole(registry),
            _machine(),
        )

    busy(database, 6.0)
    began, before = time.monotonic(), look()
    busy(database, SECONDS)
    seconds, after = time.monotonic() - began, look()
    done, calls, rows, log, workers, leader, stored, answered, machine = (
        b - a for a, b in zip(before, after, strict=True)
    )
    done = max(done, 1.0)
    return {
        "checks/s": done / seconds,
        "queries": calls / done,
        "rows": rows / done,
        "kB of log": log / done / 1000,
        "worker ms": workers / done * 1000,
        "database ms": stored / done * 1000,
        "leader ms": leader / done * 1000,
        "registry ms": answered / done * 1000,
        "cores": (workers + leader + stored + answered) / seconds,
        "all busy": machine / seconds,
    }


def _machine() -> float:
    """CPU seconds of whatever runs on this machine, and of what its host took from it."""
    user, nice, system, _idle, _waiting, *interrupts = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def _whole(pid: int) -> float:
    """CPU seconds of a process and its children, those that have ended included."""
    ticks = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if pid in (int(folder.name), int(fields[1])):
            ticks += sum(map(int, fields[11:15] if int(folder.name) == pid else fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def workers(sizes: Sequence[int]) -> None:
    with ExitStack() as stack:
        command = [sys.executable, "-m", "benchmarks.workers", "serve"]
        source = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        stack.callback(source.terminate)
        assert source.stdout is not None
        registry = f"http://127.0.0.1:{source.stdout.readline().strip()}/"
        url = create(stack.enter_context(server()), "fleet")
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = stack.enter_context(psycopg.connect(url, autocommit=True))
        database.execute("CREATE EXTENSION pg_stat_statements")
        (backend,) = database.execute("SELECT pg_backend_pid()").fetchone()  # type: ignore[misc]
        parent = int(Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1])
        fleet = Fleet(folder, url, registry)
        stack.callback(fleet.end)
        fleet.leader.wait_for("leading", lambda: _ready(database), 120)
        fleet.grow(1)
        fleet.leader.wait_for("checked", lambda: _checked(database) == PACKAGES, 400)
        found = {}
        for size in sizes:
            fleet.grow(size)
            fleet.leader.wait_for("working", partial(_work, database, size), 120)
            found[size] = [measure(fleet, database, parent, source.pid) for _ in range(ROUNDS)]
        report(found)


def _work(database: psycopg.Connection[Any], workers: int) -> bool:
    """Whether so many workers give signs of life."""
    return _alive(database) >= workers


def _ready(database: psycopg.Connection[Any]) -> bool:
    """Whether the queues are there that a worker needs."""
    try:
        return database.execute("SELECT 1 FROM meta WHERE name = 'queues'").fetchone() is not None
    except psycopg.errors.UndefinedTable:
        return False


def _checked(database: psycopg.Connection[Any]) -> int:
    try:
        found = database.execute(
            "SELECT count(*) FROM target WHERE sort = 'package' AND fresh_at IS NOT NULL"
        ).fetchone()
    except psycopg.errors.UndefinedTable:
        return 0
    return int(found[0]) if found else 0


def _alive(database: psycopg.Connection[Any]) -> int:
    found = database.execute("SELECT count(*) FROM worker WHERE seen_at > now() - interval '10 s'").fetchone()
    return int(found[0]) if found else 0


def report(found: Mapping[int, Sequence[Mapping[str, float]]]) -> None:
    middle = {size: {key: median(run[key] for run in runs) for key in runs[0]} for size, runs in found.items()}
    print(f"{PACKAGES} packages, {LATENCY * 1000:.0f} ms an answer; medians of {ROUNDS} times {SECONDS:.0f} s")
    print("workers" + "".join(f"{key:>13}" for key in next(iter(middle.values()))) + "    of linear")
    first = next(iter(middle.values()))["checks/s"] / next(iter(middle))
    for size, measured in middle.items():
        linear = measured["checks/s"] / size / first
        full = f", {CORES} cores are full" if measured["all busy"] > 0.9 * CORES else ""
        print(f"{size:7}" + "".join(f"{value:13.2f}" for value in measured.values()) + f"{linear:13.2f}{full}")


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(serve())
