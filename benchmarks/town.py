"""A made-up npm registry, PyPI, RDAP and WHOIS servers, a name server and a webhook on loopback.

For processes that watch them over the network. What happens is that of ``benchmarks.village``; the month goes on when
it is told to, and on some of its days a source is away for everybody, until it is called back.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import threading
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from aiohttp import web
from msgspec.structs import replace

from benchmarks import answers
from benchmarks.knot import Knot
from benchmarks.village import WARN_DAYS, WHOIS_ONLY, Village
from benchmarks.world import DAY, START
from monitor.observations import Delegation, Domain, Outcome, Package, Registration, Standing
from monitor.sources.pypi import SIMPLE
from monitor.verdict import verdict

T = TypeVar("T")
SITES: Final = ("npm", "pypi", "rdap", "hook")
"""A port for each: one that is away is a host of its own."""
_PARENTS: Final = ("com", "net")
_NOT_HERE: Final = b"% This service has ended for this top-level domain. Please use RDAP.\r\n"


class Town:
    """Serves a month; every run with the same numbers serves the same one."""

    def __init__(self, packages: int, days: int, now: datetime) -> None:
        """The month's last day is that of ``now``."""
        self.world = Village(packages, days)
        self._now = now.replace(microsecond=0)  # documents tell no smaller parts of a second
        self._shift = self._now - START - days * DAY
        self._away = {days // 3: "pypi", 2 * days // 3: "rdap"} | ({days // 2: "npm"} if days > 3 else {})
        self.away = ""
        """The source that is out of reach."""
        self.received: list[tuple[str, dict[str, Any]]] = []
        """Channel and content of each message, as it arrived."""
        self.answers = 0
        self._rendered: dict[str, tuple[str, bytes]] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="weaklink-names-")
        self.names = Knot(Path(self._folder.name))
        self._zones: dict[str, str] = {}
        for parent in _PARENTS:
            self.names.zone(parent, f"@ NS ns1.registry.{parent}.")
        self._write_zones()
        self.names.start()
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self._end: list[Callable[[], Awaitable[Any]]] = []
        self.ports: dict[str, int] = {}
        asyncio.run_coroutine_threadsafe(self._start(), self.loop).result(30)

    def url(self, site: str) -> str:
        return f"http://127.0.0.1:{self.ports[site]}/"

    def call(self, work: Callable[[], T]) -> T:
        """``work`` between two requests."""

        async def run() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(30)

    def advance(self, day: int) -> None:
        """Let happen what happens until so many days after the beginning."""

        def happen() -> None:
            self.away = self._away.get(day, "")
            self.world.advance(START + day * DAY)

        self.call(happen)
        if self._write_zones():
            self.names.reload()

    def call_back(self) -> None:
        """No source is away any more."""
        self.away = ""

    def close(self) -> None:
        async def end() -> None:
            for one in self._end:
                await one()

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(30)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.names.stop()
        self._folder.cleanup()

    def _write_zones(self) -> bool:
        """Whether the DNS has other records than before."""
        if self._zones == self.world.zones:
            return False
        for name in self._zones.keys() - self.world.zones.keys():
            del self.names.zones[name]
        for name, records in self.world.zones.items():
            if self._zones.get(name) != records:
                self.names.zone(name, records)
        self._zones = dict(self.world.zones)
        return True

    # --- what there is to be seen -----------------------------------------------------------------------------------

    def etags(self, ecosystem: str) -> dict[str, str]:
        """What the registry answers for each package now, by purl; nothing for what it does not have."""
        packages = self.world.packages
        return self.call(
            lambda: {
                f"pkg:{ecosystem}/{name}": self._etag(name) if _served(one) else ""
                for name, one in packages.items()
                if one.ecosystem == ecosystem
            }
        )

    def domains(self) -> dict[str, Domain]:
        """What is told of each domain now, by subject; while RDAP is away only of the one that has WHOIS."""
        return self.call(
            lambda: {
                f"domain:{name}": self._domain(name, told)
                for name, told in self.world.registered.items()
                if self.away != "rdap" or name == WHOIS_ONLY
            }
        )

    def _domain(self, name: str, told: Registration | None) -> Domain:
        zone = self.world.zones.get(name, "")
        records = [line.split()[1:] for line in zone.splitlines()]
        delegation = Delegation(at=self._now, outcome=Outcome.NOT_FOUND)
        if zone:
            delegation = Delegation(
                at=self._now,
                outcome=Outcome.FOUND,
                nameservers=tuple(one[1].rstrip(".") for one in records if one[0] == "NS"),
                mail_exchangers=tuple(one[2].rstrip(".") for one in records if one[0] == "MX" and one[2] != "."),
                null_mx="MX 0 ." in zone,
            )
        if told is None:
            gone = Registration(source="rdap", server="", at=self._now, outcome=Outcome.NOT_FOUND)
            return verdict(name, [gone, delegation], self._now, WARN_DAYS)
        dates = {
            field: at + self._shift
            for field in ("registered_at", "expires_at")
            if isinstance(at := getattr(told, field), datetime)
        }
        return verdict(name, [replace(told, **dates), delegation], self._now, WARN_DAYS)

    # --- the servers ------------------------------------------------------------------------------------------------

    async def _start(self) -> None:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/hook/{channel}", self._take)
        app.router.add_get("/dns.json", self._bootstrap)
        app.router.add_get("/rdap/domain/{name}", self._rdap)
        app.router.add_get("/{kind:pypi}/{name}/json", self._pypi)
        app.router.add_get("/{kind:simple}/{name}/", self._pypi)
        app.router.add_get("/{name}", self._npm)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        self._end.append(runner.cleanup)
        for _ in SITES:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.ports = dict(zip(SITES, (port for _, port in runner.addresses), strict=True))
        whois = await asyncio.start_server(self._whois, "127.0.0.1", 0)
        self.ports["whois"] = whois.sockets[0].getsockname()[1]

        async def close() -> None:
            whois.close()

        self._end.append(close)

    async def _take(self, request: web.Request) -> web.Response:
        posted = await request.json()
        await asyncio.sleep(0.05)
        self.received.append((request.match_info["channel"], json.loads(posted["message"])))
        return web.Response()

    async def _npm(self, request: web.Request) -> web.Response:
        self._asked("npm")
        name = request.match_info["name"]
        package = self.world.packages.get(name)
        if package is None:
            return web.json_response(answers.newborn(name, START + self._shift))
        if not _served(package) or package.ecosystem != "npm":
            return web.json_response({"error": "Not found"}, status=404)
        return self._conditional(request, name, "npm", lambda: answers.packument(package, self._shift))

    async def _pypi(self, request: web.Request) -> web.Response:
        self._asked("pypi")
        kind, name = request.match_info["kind"], request.match_info["name"]
        package = self.world.packages.get(name)
        if package is None and kind == "pypi":
            return web.json_response(answers.young_project(name, self._now))
        hidden = package is not None and package.standing is Standing.QUARANTINED and kind == "pypi"
        if package is None or hidden or package.standing is Standing.REMOVED:
            return web.json_response({"message": "Not Found"}, status=404)
        if kind == "simple":
            return web.json_response(answers.page(package, self._shift), content_type=SIMPLE)
        revision = self.world.revisions[name]
        return self._conditional(request, name, "pypi", lambda: answers.project(package, revision, self._shift))

    def _conditional(
        self, request: web.Request, name: str, kind: str, told: Callable[[], dict[str, Any]]
    ) -> web.Response:
        etag = self._etag(name)
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag})
        if self._rendered.get(name, ("", b""))[0] != etag:
            self._rendered[name] = (etag, json.dumps(told()).encode())
        return web.Response(body=self._rendered[name][1], content_type="application/json", headers={"ETag": etag})

    def _etag(self, name: str) -> str:
        return f'"{self.world.revisions[name]}"'

    async def _bootstrap(self, _request: web.Request) -> web.Response:
        return web.json_response({"services": [[["com"], [f"{self.url('rdap')}rdap/"]]]})

    async def _rdap(self, request: web.Request) -> web.Response:
        self._asked("rdap")
        told = self.world.registered.get(name := request.match_info["name"])
        if told is None:
            return web.json_response({"errorCode": 404}, status=404)
        return web.json_response(answers.rdap(name, told, self._shift), content_type="application/rdap+json")

    async def _whois(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Of the one domain that only WHOIS tells of."""
        self.answers += 1
        name = (await reader.readline()).decode("latin-1").strip()
        told = self.world.registered[name] if name == WHOIS_ONLY else None
        writer.write(answers.whois(name, told, self._shift).encode() if told else _NOT_HERE)
        writer.close()

    def _asked(self, source: str) -> None:
        self.answers += 1
        if self.away == source:
            raise web.HTTPServiceUnavailable


def _served(package: Package) -> bool:
    return package.standing is not Standing.REMOVED and package.standing is not Standing.QUARANTINED
