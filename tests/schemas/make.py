"""Keeps a database of a schema for ``tests/services/test_upgrade.py``: ``make schema``, once a migration is whole.

``python -m tests.schemas.make [COMMIT [PYTHON]]`` runs the program of a commit (default: this work tree) on ``world``
and writes ``NNNN.sql``, the database that it left, and ``NNNN.json``, what its commands said of it. An old program may
need an interpreter that has its dependencies as they were then.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from tests.schemas import world
from tests.services.conftest import Knot, LoopThread, Registry, Sink, WhoisServer
from tests.services.osv_server import OsvServer

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
UNTOLD: Final = dict.fromkeys(("host_budget", "host_user", "worker"), "only those who share a PostgreSQL write there")
"""Tables that stay empty, each with the reason."""
UNTOLD_BEFORE: Final = {"0005": {"portfolio": "nothing wrote there yet"}}
"""Tables that were empty in databases of earlier schemas than these."""
PATIENCE: Final = 240.0
"""Seconds for which a daemon may take to do what it owes."""


class Program:
    """The commands of one revision, run beside a configuration."""

    def __init__(self, code: Path, folder: Path, python: str) -> None:
        self.folder = folder
        self._command = [python, "-c", "from monitor.cli import main; main()"]
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(code), "USER": "bob"}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*self._command, *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self._environment, capture_output=True, text=True, timeout=300, check=False
        )

    def do(self, *arguments: str) -> None:
        """A command that may find something, and that this revision may not know; anything else is an end."""
        done = self.run(*arguments)
        if done.returncode not in {0, 1, 3} and "No such" not in done.stderr:
            raise SystemExit(f"{arguments}: {done.stderr}")

    def told(self, *arguments: str) -> Any:
        """What a command says as JSON; None where this revision does not know it."""
        said = self.run("--json", *arguments)
        return json.loads(said.stdout) if said.stdout.strip() else None

    @contextmanager
    def daemon(self) -> Iterator[None]:
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen([*self._command, "run"], cwd=self.folder, env=self._environment, stderr=log)
            try:
                yield
            finally:
                process.terminate()
                process.wait(20)


def wait_for(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.3)


def live(program: Program, registry: Registry, rdap: str, knot: Knot, sink: Sink, osv: OsvServer) -> dict[str, Any]:
    """Have everything happen that fills a table; what the program says in the end, by command."""
    database = program.folder / "weaklink.db"
    if '"advisories"' in program.run("config", "schema").stdout:
        world.follow_advisories(program.folder, osv)
    world.begin(registry, rdap, knot)
    knot.start()
    program.do("check")
    world.trouble(registry)
    program.do("check")
    with program.daemon():
        wait_for(lambda: len(sink.received) > 2 and _owed(database) == 0, "the messages were not sent")
        wait_for(lambda: not _missing(database) - {"acceptance", "silence"}, "some tables have no rows")
    opened = {alert["subject"]: str(alert["id"]) for alert in program.told("alerts", "--state", "open") or ()}
    for verb, subject in world.SEEN_TO.items():
        program.do("alerts", verb, opened.pop(subject, "0"), "--by", "bob", "--note", "looked at it")
    assert not opened or "domain:alice-mail.org" in opened, "one alert stays open"
    program.do("silence", "add", "subject=pkg:npm/gone", "--for", "360d", "--reason", "being moved", "--by", "bob")
    world.relief(registry)
    program.do("check")
    with program.daemon():
        wait_for(lambda: _owed(database) == 0, "the last messages were not sent")
    commands = [["alerts"], ["changes", "--since", "3000d"], ["alerts", "accepted"], ["signals"]]
    commands += [["show", subject] for subject in world.SUBJECTS]
    told = {" ".join(command): program.told(*command) for command in commands}
    return {command: said for command, said in told.items() if said is not None}


def _rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def _owed(database: Path) -> int:
    return int(_rows(database, "SELECT count(*) FROM delivery WHERE state <> 'sent'")[0][0])


def _missing(database: Path) -> set[str]:
    """Tables without a row."""
    tables = [name for (name,) in _rows(database, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    empty = {name for name in tables if not _rows(database, f'SELECT 1 FROM "{name}" LIMIT 1')}
    ((revision,),) = _rows(database, "SELECT version_num FROM alembic_version")
    return empty - untold(revision)


def untold(revision: str) -> set[str]:
    """The tables that may be empty in a database of a schema."""
    return UNTOLD.keys() | {name for later, names in UNTOLD_BEFORE.items() if revision < later for name in names}


def keep(code: Path, python: str) -> None:
    """Write both files, under the name of the revision."""
    servers, registry, sink, whois, osv = LoopThread(), Registry(), Sink(), WhoisServer(), OsvServer()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "knot").mkdir()
        knot = Knot(folder / "knot")
        # Addresses of their own: earlier programs could not write down a host that serves two sources.
        registry.url, index, rdap, hook, osv.url = (
            f"http://{servers.run(_serve(handler))}/" for handler in (*[registry.serve] * 3, sink.serve, osv.serve)
        )
        whois_server = servers.run(_start(whois))
        world.write(
            folder,
            database="sqlite:///weaklink.db",
            registry=registry.url,
            index=index,
            rdap=rdap,
            nameserver=knot.address,
            whois="{}:{}".format(*whois_server.sockets[0].getsockname()),
            sink=hook.replace("http", "json"),
        )
        try:
            told = live(Program(code, folder, python), registry, rdap, knot, sink, osv)
            database = folder / "weaklink.db"
            if missing := _missing(database):
                raise SystemExit(
                    f"no rows in {', '.join(sorted(missing))}: let something happen in tests/schemas/world.py"
                )
            ((revision,),) = _rows(database, "SELECT version_num FROM alembic_version")
            with closing(sqlite3.connect(database)) as connection:
                dump = "\n".join(connection.iterdump())
        except TimeoutError as error:
            raise SystemExit(f"{error}\n{(folder / 'log').read_text()[-4000:]}") from None
        finally:
            knot.stop()
            servers.loop.call_soon_threadsafe(servers.loop.stop)
    said = json.dumps(told, indent=1, ensure_ascii=False, sort_keys=True)
    for ending, text in (("sql", dump), ("json", said)):
        (HERE / f"{revision}.{ending}").write_text(text + "\n", encoding="utf-8")


async def _serve(handler: Callable[[web.Request], Any]) -> str:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return "{}:{}".format(*runner.addresses[0])


async def _start(whois: WhoisServer) -> asyncio.Server:
    return await asyncio.start_server(whois.serve, "127.0.0.1", 0)


def main(commit: str = "", python: str = sys.executable) -> None:
    if not commit:
        keep(ROOT, python)
        return
    with tempfile.TemporaryDirectory() as place:
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "--extract", "--directory", place], input=archive, check=True)
        keep(Path(place), python)


if __name__ == "__main__":
    main(*sys.argv[1:])
