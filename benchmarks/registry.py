"""A registry on loopback, in a process of its own: ``python -m benchmarks.registry PACKAGES``.

Serves packuments of made-up packages whose sizes follow the recorded ones (median about 75 kB, the largest several MB),
with ETags. ``POST /-/change?share=0.01`` publishes a new release in that share of the packages.
"""

from __future__ import annotations

import asyncio
import json
import sys
from hashlib import blake2b
from random import Random
from typing import Any

from aiohttp import web

MEDIAN_VERSIONS = 32
SPREAD = 1.25
LARGEST = 3000


def make(number: int) -> dict[str, Any]:
    """One package: releases by one to three accounts, dependencies that grow, a readme."""
    rng = Random(number)
    name = f"package-{number:04}"
    versions_wanted = min(LARGEST, max(1, int(rng.lognormvariate(0, SPREAD) * MEDIAN_VERSIONS)))
    people = [{"name": f"{name}-dev{k}", "email": f"dev{k}@{name}.example"} for k in range(rng.randint(1, 3))]
    dependencies = {f"dependency-{rng.randrange(5000)}": f"^{rng.randint(1, 9)}.0.0" for _ in range(rng.randint(0, 9))}
    versions, time = {}, {"created": "2016-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z"}
    for index in range(versions_wanted):
        version = f"{index // 100 + 1}.{index // 10 % 10}.{index % 10}"
        versions[version] = release(name, version, people, dependencies, rng)
        time[version] = f"{2016 + index * 10 // versions_wanted}-{index % 12 + 1:02}-{index % 28 + 1:02}T10:00:00.000Z"
    return {
        "_id": name,
        "_rev": f"{versions_wanted}-{number}",
        "name": name,
        "description": "a made-up package",
        "dist-tags": {"latest": version},
        "maintainers": people,
        "versions": versions,
        "time": time,
        "license": "MIT",
        "readme": "word " * rng.randint(50, 4000),
    }


def release(name: str, version: str, people: Any, dependencies: Any, rng: Random) -> dict[str, Any]:
    return {
        "name": name,
        "version": version,
        "description": "a made-up package",
        "main": "index.js",
        "scripts": {"test": "mocha --reporter spec", "lint": "eslint .", "build": "rollup -c"},
        "repository": {"type": "git", "url": f"git+https://forge.example/{name}/{name}.git"},
        "keywords": ["made", "up", "package"],
        "author": people[0],
        "license": "MIT",
        "dependencies": dependencies,
        "devDependencies": {f"tool-{k}": "^1.0.0" for k in range(rng.randint(3, 14))},
        "engines": {"node": ">= 14"},
        "gitHead": blake2b(f"{name}{version}".encode(), digest_size=20).hexdigest(),
        "_id": f"{name}@{version}",
        "_npmVersion": "10.2.0",
        "_nodeVersion": "20.10.0",
        "_npmUser": people[len(version) % len(people)],
        "maintainers": people,
        "dist": {
            "integrity": "sha512-" + "q" * 86 + "==",
            "shasum": blake2b(version.encode(), digest_size=20).hexdigest(),
            "tarball": f"https://registry.example/{name}/-/{name}-{version}.tgz",
            "fileCount": rng.randint(3, 60),
            "unpackedSize": rng.randint(2_000, 400_000),
            "signatures": [{"keyid": "SHA256:made-up", "sig": "M" * 96}],
        },
    }


class Registry:
    def __init__(self, packages: int) -> None:
        self.bodies: dict[str, bytes] = {}
        self.etags: dict[str, str] = {}
        for number in range(packages):
            document = make(number)
            self.put(document["name"], json.dumps(document).encode())

    def put(self, name: str, body: bytes) -> None:
        self.bodies[name] = body
        self.etags[name] = f'"{blake2b(body, digest_size=8).hexdigest()}"'

    async def get(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        etag = self.etags[name]
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag})
        return web.Response(body=self.bodies[name], content_type="application/json", headers={"ETag": etag})

    async def change(self, request: web.Request) -> web.Response:
        """Publish a release in every so many packages."""
        step = round(1 / float(request.query["share"]))
        names = sorted(self.bodies)[::step]
        for name in names:
            document = json.loads(self.bodies[name])
            latest = document["versions"][document["dist-tags"]["latest"]]
            version = f"{len(document['versions']) + 100}.0.0"
            document["versions"][version] = latest | {"version": version}
            document["time"][version] = "2026-11-01T10:00:00.000Z"
            document["dist-tags"]["latest"] = version
            self.put(name, json.dumps(document).encode())
        return web.json_response({"changed": len(names)})

    async def facts(self, _request: web.Request) -> web.Response:
        sizes = sorted(map(len, self.bodies.values()))
        return web.json_response(
            {"packages": len(sizes), "bytes": sum(sizes), "median": sizes[len(sizes) // 2], "largest": sizes[-1]}
        )


async def serve(packages: int) -> None:
    registry = Registry(packages)
    app = web.Application()
    app.router.add_get("/-/facts", registry.facts)
    app.router.add_post("/-/change", registry.change)
    app.router.add_get("/{name}", registry.get)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
