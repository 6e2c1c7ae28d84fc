"""Whether the daemon stays as small as it was: ``python -m benchmarks.years [TARGETS] [DAYS]``.

The real daemon runs in a process of its own while days pass in seconds: it checks everything once a day, the registry
publishes at the rate of recorded ones, what is found is told to a webhook, and one source is away for three hours of
each day. Printed for each day: resident memory, file descriptors, threads, blocks that Python holds, and the size of
the database; at the end the slope of memory by day, after a warm-up.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any, Final

import dns.flags
import dns.message
import dns.rrset
from aiohttp import web

from benchmarks.passing import Time

DAY: Final = timedelta(days=1)
PARTS: Final = 8
"""Steps of a day: what is due in one of them is due at once."""
TICK: Final = 0.1
RELEASES_A_DAY = 520 / 30 / 1500
"""Of each package: what benchmarks.noise takes from recorded histories."""
DOMAINS = 0.05
WARM_UP = 5
"""Days until everything was seen once and every buffer has its size."""
CONFIG = """
[schedule]
packages = "24h"
concurrency = 64
[registries.npm]
url = "{url}"
requests_per_second = 1000.0
connections = 64
[domains]
nameservers = ["{dns}"]
rdap_bootstrap = "{url}dns.json"
whois_server = "127.0.0.1:9"
requests_per_second = 1000.0
[web]
listen = "127.0.0.1:0"
[[watch]]
name = "all"
packages = {packages}
domains = {domains}
[[channel]]
name = "hook"
url = "json://{host}/-/hook"
per_minute = 6000
[[route]]
match = {{ severity = ">=info" }}
channels = ["hook"]
digest = "0 8 * * *"
"""


class World:
    """The registry, the RDAP server and the webhook, on one port."""

    def __init__(self, packages: int) -> None:
        self.releases = dict.fromkeys((f"package-{number}" for number in range(packages)), 1)
        self.now = datetime.now(UTC)
        self.dated: dict[str, dict[str, str]] = {}
        self.away = False
        self.checks = self.messages = 0
        self._rng = Random(1)

    def day(self, share: float) -> None:
        """So many new releases as come in this share of a day."""
        for name in self.releases:
            if self._rng.random() < RELEASES_A_DAY * share:
                self.releases[name] += 1
                self.dated.setdefault(name, {})[f"1.{self.releases[name]}.0"] = self.now.isoformat()

    async def packument(self, request: web.Request) -> web.Response:
        self.checks += 1
        name = request.match_info["name"]
        etag = f'"{self.releases[name]}"'
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag})
        alice = {"name": f"dev-{name}", "email": f"dev@{name}.example"}
        versions = [f"1.{number}.0" for number in range(1, self.releases[name] + 1)]
        body = {
            "name": name,
            "maintainers": [alice],
            "dist-tags": {"latest": versions[-1]},
            "time": {"1.1.0": "2026-01-01T00:00:00.000Z"} | self.dated.get(name, {}),
            "versions": {
                version: {"name": name, "version": version, "_npmUser": alice, "maintainers": [alice]}
                for version in versions
            },
        }
        return web.json_response(body, headers={"ETag": etag})

    async def bootstrap(self, request: web.Request) -> web.Response:
        return web.json_response({"services": [[["org"], [f"http://{request.host}/-/rdap/"]]]})

    async def domain(self, request: web.Request) -> web.Response:
        if self.away:
            return web.Response(status=503)
        expires = {"eventAction": "expiration", "eventDate": "2036-01-01T00:00:00Z"}
        name = request.match_info["name"]
        return web.json_response(
            {"objectClassName": "domain", "ldhName": name, "status": ["active"], "events": [expires]}
        )

    async def hook(self, request: web.Request) -> web.Response:
        await request.read()
        self.messages += 1
        return web.Response()


RECORDS: Final = {"NS": "ns1.host.example.", "MX": "10 mx.host.example.", "A": "192.0.2.1"}


class Names(asyncio.DatagramProtocol):
    """A name server that has the same of every name."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        query = dns.message.from_wire(data)
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.AA
        name, kind = query.question[0].name, query.question[0].rdtype.name
        if kind in RECORDS:
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", kind, RECORDS[kind]))
        self._transport.sendto(reply.to_wire(), addr)


def serve(world: World) -> tuple[int, int]:
    """The ports at which it and its name server answer, in a thread of its own."""
    ports: list[int] = []
    up = threading.Event()

    async def run() -> None:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_get("/dns.json", world.bootstrap)
        app.router.add_get("/-/rdap/domain/{name}", world.domain)
        app.router.add_post("/-/hook", world.hook)
        app.router.add_get("/{name}", world.packument)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        names, _ = await asyncio.get_running_loop().create_datagram_endpoint(Names, local_addr=("127.0.0.1", 0))
        ports.extend((runner.addresses[0][1], names.get_extra_info("sockname")[1]))
        up.set()
        await asyncio.Event().wait()

    threading.Thread(target=lambda: asyncio.run(run()), daemon=True).start()
    up.wait()
    return ports[0], ports[1]


def run_daemon(folder: str, prepare: Any) -> None:
    os.chdir(folder)
    log = os.open("daemon.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    prepare()
    from monitor.cli import main

    sys.argv = ["weaklink", "run"]
    main()


def days(targets: int, count: int) -> Iterator[tuple[int, dict[str, float]]]:
    """What the daemon holds at the end of each day."""
    world = World(targets - round(DOMAINS * targets))
    port, dns_port = serve(world)
    time_of = Time(tick=TICK)
    with tempfile.TemporaryDirectory(prefix="weaklink-years-") as folder:
        text = CONFIG.format(
            url=f"http://127.0.0.1:{port}/",
            host=f"127.0.0.1:{port}",
            dns=f"127.0.0.1:{dns_port}",
            packages=json.dumps([f"npm:{name}" for name in world.releases]),
            domains=json.dumps([f"domain-{number}.org" for number in range(round(DOMAINS * targets))]),
        )
        (Path(folder) / "weaklink.toml").write_text(text)
        daemon = get_context("spawn").Process(target=run_daemon, args=(folder, time_of.prepare), daemon=True)
        daemon.start()
        while world.checks < len(world.releases):
            time.sleep(0.1)
            time_of.passes(timedelta(minutes=1), daemon) if world.checks else None
        for day in range(1, count + 1):
            for part in range(PARTS):
                world.now = time_of.now()
                world.day(1 / PARTS)
                world.away = part == 1
                time_of.passes(DAY / PARTS, daemon)
            yield day, measured(daemon.pid, Path(folder), time_of.blocks(daemon), world)
        daemon.terminate()
        daemon.join(30)


def measured(pid: int | None, folder: Path, blocks: int, world: World) -> dict[str, float]:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return {
        "rss": int(status["VmRSS"].split()[0]) / 1024,
        "fds": len(list(Path(f"/proc/{pid}/fd").iterdir())),
        "threads": int(status["Threads"]),
        "blocks": blocks / 1000,
        "checks": world.checks,
        "messages": world.messages,
        "database": sum(one.stat().st_size for one in folder.glob("weaklink.db*")) / 1e6,
    }


def slope(values: list[float]) -> float:
    """By day, by least squares."""
    return statistics.linear_regression(range(len(values)), values).slope


def main(targets: int = 10_000, count: int = 30) -> None:
    print(f"{targets} targets, {count} days", flush=True)
    heads = "day", "MB", "fds", "threads", "k blocks", "checks", "messages", "database MB"
    print("".join(f"{head:>{width}}" for head, width in zip(heads, (4, 8, 6, 9, 10, 10, 10, 13), strict=True)))
    found = []
    began = time.monotonic()
    for day, one in days(targets, count):
        found.append(one)
        print(
            f"{day:4}{one['rss']:8.1f}{one['fds']:6.0f}{one['threads']:9.0f}{one['blocks']:10.1f}{one['checks']:10,.0f}"
            f"{one['messages']:10.0f}{one['database']:13.1f}",
            flush=True,
        )
    late = found[min(WARM_UP, count - 2) :]
    print(
        f"from day {WARM_UP + 1} on, a day: {slope([one['rss'] for one in late]):+.3f} MB, "
        f"{slope([one['fds'] for one in late]):+.3f} file descriptors, "
        f"{1000 * slope([one['blocks'] for one in late]):+.0f} blocks; {time.monotonic() - began:.0f} s in all"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
