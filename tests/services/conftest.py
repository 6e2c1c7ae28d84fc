"""Real servers on loopback for the tests, each on a port of its own, ended when the test ends."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import psycopg
import pytest
from aiohttp import web

from benchmarks.knot import Knot
from monitor.store.engine import Store
from monitor.store.upgrade import upgrade


class LoopThread:
    """An event loop in a thread of its own, so that a server answers while the test waits."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


@dataclass
class Registry:
    """A registry of both kinds: documents by path, with ETags, and answers that a test prescribes."""

    url: str = ""
    documents: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Callable[[web.Request], Any]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        path = unquote(request.raw_path)
        self.requests.append((path, dict(request.headers)))
        if (prescribed := self.answers.get(path) or self.answers.get(path.partition("?")[0])) is not None:
            answer: web.StreamResponse = await prescribed(request)
            return answer
        if path not in self.documents:
            rdap = {"errorCode": 404, "title": "Not found"}
            return web.json_response(rdap if "/rdap/" in request.path else {"error": "Not found"}, status=404)
        document = self.documents[path]
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        etag = f'"{sha256(body).hexdigest()[:16]}"'
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag})
        kind = "application/vnd.pypi.simple.v1+json" if "/simple/" in path else "application/json"
        response = web.Response(body=body, content_type=kind, headers={"ETag": etag})
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            response.enable_compression(web.ContentCoding.gzip)
        return response


@pytest.fixture(scope="session")
def servers() -> Iterator[LoopThread]:
    thread = LoopThread()
    yield thread
    thread.close()


async def _start(handler: Callable[[web.Request], Any]) -> tuple[web.AppRunner, int]:
    app = web.Application(client_max_size=1 << 26)
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return runner, runner.addresses[0][1]


@pytest.fixture
def registry(servers: LoopThread) -> Iterator[Registry]:
    """An npm registry and a PyPI index at ``registry.url``."""
    found = Registry()
    runner, port = servers.run(_start(found.serve))
    found.url = f"http://127.0.0.1:{port}/"
    yield found
    servers.run(runner.cleanup())


@dataclass
class Sink:
    """A webhook that keeps what it is sent."""

    url: str = ""
    received: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Path and content of each post that was accepted."""
    accepted_at: list[float] = field(default_factory=list)
    """``time.monotonic()`` of each."""
    status: list[int] = field(default_factory=list)
    """Answers for the next posts; 200 when it is empty."""
    headers: dict[str, str] = field(default_factory=dict)
    held: bool = False
    """While this holds, posts wait for their answer."""
    waiting: int = 0
    """Posts that wait for it."""

    async def serve(self, request: web.Request) -> web.Response:
        posted = await request.json()
        self.waiting += 1
        while self.held:  # noqa: ASYNC110 - the test lets go from its own thread
            await asyncio.sleep(0.01)
        self.waiting -= 1
        status = self.status.pop(0) if self.status else 200
        if status == 200:
            self.received.append((request.path, posted))
            self.accepted_at.append(time.monotonic())
        return web.Response(status=status, headers=self.headers)

    @property
    def posts(self) -> list[dict[str, Any]]:
        return [posted for _, posted in self.received]

    def contents(self) -> list[dict[str, Any]]:
        """The messages' own JSON, which the webhook carries as text."""
        return [json.loads(post["message"]) for post in self.posts]


@pytest.fixture
def sink(servers: LoopThread) -> Iterator[Sink]:
    found = Sink()
    runner, port = servers.run(_start(found.serve))
    found.url = f"json://127.0.0.1:{port}/hook"
    yield found
    servers.run(runner.cleanup())


def packument(name: str = "left-pad", **changes: Any) -> dict[str, Any]:
    """A package of one maintainer with four plain releases, a year apart from each other."""
    alice = {"name": "alice", "email": "alice@alice.example"}
    versions = {
        f"1.{minor}.0": {
            "name": name,
            "version": f"1.{minor}.0",
            "_npmUser": alice,
            "maintainers": [alice],
            "dependencies": {},
            "scripts": {"test": "true"},
            "dist": {"integrity": f"sha512-{minor}", "shasum": "0" * 40, "fileCount": 4, "unpackedSize": 9000},
        }
        for minor in range(4)
    }
    time = {"created": "2023-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z"}
    time |= {f"1.{minor}.0": f"{2023 + minor}-01-01T00:00:00.000Z" for minor in range(4)}
    return {
        "_id": name,
        "_rev": "1-a",
        "name": name,
        "dist-tags": {"latest": "1.3.0"},
        "maintainers": [alice],
        "versions": versions,
        "time": time,
        "license": "MIT",
    } | changes


def taken_over(name: str = "left-pad") -> dict[str, Any]:
    """The same package after a stranger was let in and published a release with a postinstall script."""
    document = packument(name)
    mallory = {"name": "mallory", "email": "mallory@mallory.example"}
    document["maintainers"] = [*document["maintainers"], mallory]
    document["versions"]["1.4.0"] = document["versions"]["1.3.0"] | {
        "version": "1.4.0",
        "_npmUser": mallory,
        "maintainers": document["maintainers"],
        "scripts": {"postinstall": "node setup.js"},
        "dist": {"integrity": "sha512-evil", "fileCount": 5, "unpackedSize": 12000},
    }
    document["time"]["1.4.0"] = "2026-11-20T10:00:00.000Z"
    document["dist-tags"] = {"latest": "1.4.0"}
    document["_rev"] = "2-b"
    return document


@pytest.fixture(name="packument")
def packument_builder() -> Callable[..., dict[str, Any]]:
    return packument


@pytest.fixture(name="taken_over")
def taken_over_builder() -> Callable[..., dict[str, Any]]:
    return taken_over


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server of our own, on a Unix socket; its URL, without a database name at the end."""
    binaries = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # a socket's path must be short
    shutil.chown(folder, "postgres", "postgres")
    as_postgres = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    data = folder / "data"
    run = partial(subprocess.run, check=True, capture_output=True, cwd=folder)
    run([*as_postgres, binaries / "initdb", "--no-sync", "--auth=trust", "--username=weaklink", data])
    options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=100"
    run([*as_postgres, binaries / "pg_ctl", "-D", data, "-o", options, "-l", folder / "log", "-w", "start"])
    yield f"postgresql://weaklink@/{{name}}?host={folder}"
    run([*as_postgres, binaries / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"])
    shutil.rmtree(folder, ignore_errors=True)


def database_at(server: str) -> str:
    """The URL of a fresh database of a server."""
    name = f"t{uuid4().hex[:12]}"
    with psycopg.connect(server.format(name="postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.format(name=name)


@pytest.fixture
def postgresql_url(postgresql: str) -> str:
    """The URL of a fresh database."""
    return database_at(postgresql)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An upgraded, empty store, once in SQLite and once in PostgreSQL."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/weaklink.db"
    else:
        url = request.getfixturevalue("postgresql_url")
    found = Store(url)
    upgrade(found, datetime(2026, 11, 1, tzinfo=UTC))
    yield found
    found.close()


@pytest.fixture
def knots(tmp_path: Path) -> Iterator[Callable[[], Knot]]:
    """Makes DNS servers; all of them end with the test."""
    made: list[Knot] = []

    def make() -> Knot:
        folder = tmp_path / f"knot{len(made)}"
        folder.mkdir()
        made.append(Knot(folder))
        return made[-1]

    yield make
    for one in made:
        one.stop()


class WhoisServer:
    """A WHOIS server that answers what a test prescribes for each name."""

    def __init__(self) -> None:
        self.replies: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = (await reader.readline()).decode("latin-1").strip()
        self.asked.append(name)
        writer.write(self.replies.get(name, b""))
        await writer.drain()
        writer.close()


@pytest.fixture
def whois_server(servers: LoopThread) -> Iterator[WhoisServer]:
    found = WhoisServer()

    async def start() -> asyncio.Server:
        server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
        found.port = server.sockets[0].getsockname()[1]
        return server

    server = servers.run(start())
    yield found
    servers.loop.call_soon_threadsafe(server.close)


Run = Callable[..., subprocess.CompletedProcess[str]]

CONFIG = """
[registries.npm]
url = "{url}"
[registries.pypi]
url = "{url}"
[[watch]]
name = "shop"
owner = "web-team"
packages = ["npm:left-pad"]
"""


@pytest.fixture
def folder(tmp_path: Path, registry: Registry) -> Path:
    """A folder with a configuration that watches one package."""
    registry.documents["/left-pad"] = packument()
    (tmp_path / "weaklink.toml").write_text(CONFIG.format(url=registry.url))
    return tmp_path


@pytest.fixture
def environment(folder: Path) -> dict[str, str]:
    """What a command sees of the machine: nothing of the person who runs the tests."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "COLUMNS": "200"}


@pytest.fixture
def weaklink(folder: Path, environment: dict[str, str]) -> Run:
    """Runs a command beside ``weaklink.toml``, as a person does."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from monitor.cli import main; main()", *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run
