"""A made-up registry and a webhook on loopback, for processes that watch them over HTTP.

The packages are those of ``benchmarks.world``, without domains of their own, and what happens to them in a month; the
month goes on when it is told to.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final, TypeVar

from aiohttp import web
from msgspec import UNSET

from benchmarks.world import DAY, HOUR, START, World
from monitor.observations import Account, Package, Release

T = TypeVar("T")

MALLORY: Final = Account("mallory", "mallory@gmail.com")


class Village(World):
    """Everybody is with a mail provider: nothing but the registry is asked."""

    def _home(self, number: int) -> str:
        return "gmail.com"


class Town:
    """Serves a month; every run with the same numbers serves the same one."""

    def __init__(self, packages: int, days: int, now: datetime) -> None:
        """The month's last day is that of ``now``."""
        self.world = Village(packages, days)
        self._days = days
        self._shift = now - START - days * DAY
        self.received: list[tuple[str, dict[str, Any]]] = []
        """Channel and content of each message, as it arrived."""
        self.answers = 0
        self._rendered: dict[str, tuple[str, bytes]] = {}
        self._happens(Random(2))
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self._runner, self.port = asyncio.run_coroutine_threadsafe(self._start(), self.loop).result(30)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def call(self, work: Callable[[], T]) -> T:
        """``work`` between two requests."""

        async def run() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(30)

    def advance(self, days: float) -> None:
        """Let happen what happens until so many days after the beginning."""
        self.call(lambda: self.world.advance(START + days * DAY))

    def etags(self) -> dict[str, str]:
        """What the registry answers for each package now, by purl."""
        return self.call(lambda: {f"pkg:npm/{name}": self._document(name)[0] for name in self.world.packages})

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self.loop).result(30)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)

    # --- what people do -------------------------------------------------------------------------------------------

    def _happens(self, rng: Random) -> None:
        """People are let in, some of them publish; one in twenty packages is taken over."""
        world = self.world
        names = rng.sample(sorted(world.packages), len(world.packages))
        share = max(1, len(names) // 20)
        whens = [START + rng.random() * 0.9 * self._days * DAY for _ in range(4 * share)]
        for number, (name, when) in enumerate(zip(names, whens, strict=False)):
            who = Account(f"helper-{number}", f"helper{number}@gmail.com")
            if number < share:
                who = MALLORY if number == 0 else Account(f"thief-{number}", f"thief{number}@gmail.com")
                world.at(when, "take-over", name, lambda n=name, w=who: world.let_in(n, w))
                world.at(
                    when + 2 * HOUR,
                    "take-over",
                    name,
                    lambda n=name, w=who: world.release(
                        n,
                        (),
                        publisher=w,
                        trusted_publisher="",
                        provenance="",
                        scripts={"postinstall": "node setup.js"},
                    ),
                )
                continue
            world.at(when, "maintainer added", name, lambda n=name, w=who: world.let_in(n, w))
            if number % 3 == 0:
                world.at(
                    when + 5 * HOUR,
                    "published by another",
                    name,
                    lambda n=name, w=who: world.release(n, (), publisher=w),
                )

    # --- the servers ----------------------------------------------------------------------------------------------

    async def _start(self) -> tuple[web.AppRunner, int]:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/hook/{channel}", self._take)
        app.router.add_get("/{name}", self._serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner, runner.addresses[0][1]

    async def _take(self, request: web.Request) -> web.Response:
        posted = await request.json()
        await asyncio.sleep(0.05)
        self.received.append((request.match_info["channel"], json.loads(posted["message"])))
        return web.Response()

    async def _serve(self, request: web.Request) -> web.Response:
        self.answers += 1
        etag, body = self._document(request.match_info["name"])
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag})
        return web.Response(body=body, content_type="application/json", headers={"ETag": etag})

    def _document(self, name: str) -> tuple[str, bytes]:
        etag = f'"{self.world.revisions[name]}"'
        if self._rendered.get(name, ("", b""))[0] != etag:
            package = self.world.packages.get(name)
            told = packument(package, self._shift) if package is not None else _newborn(name, START + self._shift)
            self._rendered[name] = (etag, json.dumps(told).encode())
        return self._rendered[name]


def packument(package: Package, shift: timedelta) -> dict[str, Any]:
    """The registry's document of a package, all its dates moved by ``shift``."""
    assert isinstance(package.releases, dict)
    releases = list(package.releases.values())
    times = {r.version: r.published_at + shift for r in releases if r.published_at is not UNSET}
    return {
        "_id": package.name,
        "name": package.name,
        "dist-tags": package.dist_tags,
        "maintainers": _people(package.maintainers),
        "license": package.licence,
        "repository": {"type": "git", "url": package.repository},
        "time": {"created": _iso(min(times.values()))} | {version: _iso(at) for version, at in times.items()},
        "versions": {r.version: dict(_manifest(package, r)) for r in releases},
    }


def _manifest(package: Package, release: Release) -> Iterator[tuple[str, Any]]:
    yield from {"name": package.name, "version": release.version, "license": release.licence}.items()
    assert isinstance(release.publisher, Account)
    user: dict[str, Any] = {"name": release.publisher.name, "email": release.publisher.email}
    if release.trusted_publisher:
        user["trustedPublisher"] = {"id": release.trusted_publisher}
    yield "_npmUser", user
    yield "maintainers", _people(release.maintainers)
    yield "scripts", release.scripts
    yield "dependencies", release.dependencies
    yield "repository", {"type": "git", "url": release.repository}
    yield from {"_npmVersion": release.npm_version, "_nodeVersion": release.node_version}.items()
    yield "gitHead", release.git_head
    deprecated = package.deprecated or release.deprecated
    if deprecated:
        yield "deprecated", deprecated
    dist: dict[str, Any] = {"unpackedSize": release.size, "fileCount": release.files}
    assert isinstance(release.integrity, dict)
    dist["integrity"] = release.integrity["tarball"]
    if release.provenance:
        dist["attestations"] = {"provenance": {"predicateType": release.provenance}}
    yield "dist", dist


def _newborn(name: str, at: datetime) -> dict[str, Any]:
    """A package that others depend on and nobody watches."""
    born = _iso(at - 900 * DAY)
    return {
        "name": name,
        "dist-tags": {"latest": "1.0.0"},
        "time": {"created": born, "1.0.0": born},
        "versions": {"1.0.0": {"name": name, "version": "1.0.0", "dist": {"integrity": f"sha512-{name}"}}},
    }


def _people(people: Any) -> list[dict[str, str]]:
    return [{"name": one.name, "email": one.email} for one in people]


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
