"""Advisories from OSV on loopback: who hears of what, once, and what is only known."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.services.forked import daemon, stop
from tests.services.osv_server import OsvServer, advisory, only

CONFIG = """
[schedule]
packages = "1h"

[registries.npm]
url = "{registry}"
requests_per_second = 1000.0

[advisories]
enabled = true
source = "{source}"
api_url = "{osv}"
dumps_url = "{osv}"
mirror = true
every = "1s"
requests_per_second = 1000.0

[web]
listen = ""

[[watch]]
name = "shop"
owner = "web-team"
manifests = ["package-lock.json"]

[[channel]]
name = "hook"
url = "{sink}"

[[route]]
match = {{ severity = ">=low" }}
channels = ["hook"]
group_wait = "0s"
group_interval = "0s"
"""


@pytest.fixture
def osv(servers: Any) -> Iterator[OsvServer]:
    found = OsvServer()

    async def start() -> web.AppRunner:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_route("*", "/{path:.*}", found.serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    runner = servers.run(start())
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield found
    servers.run(runner.cleanup())


def lock(**versions: str) -> str:
    """A lock file of these packages, all of them asked for directly."""
    packages: dict[str, Any] = {"": {"name": "shop", "dependencies": {name: f"^{v}" for name, v in versions.items()}}}
    packages |= {f"node_modules/{name}": {"version": version} for name, version in versions.items()}
    return json.dumps({"name": "shop", "lockfileVersion": 3, "packages": packages})


@pytest.fixture(params=["api", "dumps"])
def config(request: Any, tmp_path: Path, registry: Any, osv: OsvServer, sink: Any, packument: Any) -> Path:
    for name in ("left-pad", "lodash"):
        registry.documents[f"/{name}"] = packument(name)
    (tmp_path / "package-lock.json").write_text(lock(**{"left-pad": "1.3.0", "lodash": "1.1.0"}))
    file = tmp_path / "weaklink.toml"
    file.write_text(CONFIG.format(registry=registry.url, osv=osv.url, sink=sink.url, source=request.param))
    return file


def wait_for(condition: Callable[[], bool], process: BaseProcess, seconds: float = 90) -> bool:
    """Whether the condition came true in time, and before the process died."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.is_alive():
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def rounds(osv: OsvServer, count: int = 2) -> Callable[[], bool]:
    """Whether it was asked so often anew."""
    start = len(osv.asked)
    return lambda: sum(p in {"/v1/querybatch", "/npm/modified_id.csv"} for p in osv.asked[start:]) >= count


def test_a_malicious_release_in_use_is_told_at_once_and_once(config: Path, osv: OsvServer, sink: Any) -> None:
    osv.publish(advisory("GHSA-aaaa-bbbb-cccc", "express"))
    with daemon(config) as running:
        assert wait_for(rounds(osv), running)
        assert sink.posts == []
        osv.publish(advisory("MAL-2026-1", "left-pad", affected=only("1.3.0"), modified="2026-11-20T10:00:00Z"))
        assert wait_for(lambda: bool(sink.posts), running)
        assert wait_for(rounds(osv, 3), running)
        assert stop(running) == 0
    with daemon(config) as again:
        assert wait_for(rounds(osv, 3), again)
        assert stop(again) == 0
    (told,) = sink.contents()
    assert told["severity"] == "critical"
    assert told["title"] == "npm:left-pad 1.3.0, which is in use, is reported as malicious (MAL-2026-1)"
    (item,) = told["items"]
    assert item["reach"] == ["shop (web-team): 1.3.0 is in use; direct"]
    assert "compromised" in item["advice"]


@pytest.mark.parametrize("config", ["api"], indirect=True)
def test_a_daemon_that_is_killed_in_the_middle_goes_on_where_it_was(config: Path, osv: OsvServer, sink: Any) -> None:
    names = [f"package-{number}" for number in range(120)]
    (config.parent / "package-lock.json").write_text(lock(**dict.fromkeys(names, "1.3.0")))
    affected = {"ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "2.0.0"}]}]}
    osv.publish(*(advisory(f"GHSA-aaaa-bbbb-{n:04}", name, affected=affected) for n, name in enumerate(names)))
    osv.publish(*(advisory(f"MAL-2026-{n}", names[n], affected=only("1.3.0")) for n in (0, 119)))
    osv.hold_after = 70
    with daemon(config) as running:
        assert wait_for(lambda: len(osv.read) > 70, running)
        running.kill()
        running.join(30)
    with closing(sqlite3.connect(config.parent / "weaklink.db")) as database:
        recorded = {name for (name,) in database.execute("SELECT id FROM advisory")}
    assert 50 <= len(recorded) <= 70
    osv.hold_after = 1 << 30
    osv.asked.clear()
    told = {"npm:package-0", "npm:package-119"}

    def critical() -> list[str]:
        # A message that was on its way when the daemon was killed may come again, with the same key.
        messages = {message["key"]: message for message in sink.contents()}
        return [
            item["subject"]
            for message in messages.values()
            for item in message["items"]
            if item["severity"] == "critical" and message["kind"] in {"first", "update"}
        ]

    with daemon(config) as again:
        assert wait_for(lambda: set(critical()) >= told, again)
        assert wait_for(rounds(osv), again)
        assert stop(again) == 0
    assert sorted(osv.read) == sorted(osv.documents.keys() - recorded), "what was recorded is not read again"
    assert sorted(critical()) == sorted(told)
