"""A sweep beside loops that only download: ``python -m benchmarks.sweep [PACKAGES] [ROUNDS]``.

Each measurement runs in a process of its own against the same server process. What is compared is that process's
CPU time and wall time; medians of the rounds are printed, with the ratios that ``docs/performance.md`` speaks of.
"""

from __future__ import annotations

import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

AT_ONCE = 32


async def httpx_download(url: str, names: list[str]) -> None:
    """What anybody would write: a stock httpx client that downloads every body."""
    import httpx

    slots = asyncio.Semaphore(AT_ONCE)
    async with httpx.AsyncClient(timeout=60) as client:

        async def one(name: str) -> None:
            async with slots:
                (await client.get(url + name)).raise_for_status()

        await asyncio.gather(*map(one, names))


async def aiohttp_conditional(url: str, names: list[str], etags: dict[str, str]) -> None:
    """The least that anybody could do for an unchanged sweep: bare aiohttp, only the 304s."""
    import aiohttp

    slots = asyncio.Semaphore(AT_ONCE)
    async with aiohttp.ClientSession() as client:

        async def one(name: str) -> None:
            async with slots, client.get(url + name, headers={"If-None-Match": etags[name]}) as reply:
                assert reply.status == 304
                await reply.read()

        await asyncio.gather(*map(one, names))


async def aiohttp_etags(url: str, names: list[str]) -> dict[str, str]:
    import aiohttp

    async with aiohttp.ClientSession() as client:
        found = {}
        for name in names:
            async with client.get(url + name) as reply:
                found[name] = reply.headers["ETag"]
        return found


def sweep(config: Path, url: str, steady: bool) -> None:
    """The first sweep of an empty store; or, ``steady``, what the daemon does from its second hour on.

    A steady process has swept twice before it is measured, once with changes, as a daemon has.
    """
    from random import Random

    from config.clock import system_clock
    from config.load import load
    from monitor.assembly import Assembly
    from monitor.store.engine import Store
    from monitor.store.targets import all_watched
    from monitor.store.upgrade import upgrade

    configuration = load(config)
    store = Store(configuration.settings.database.url)
    upgrade(store, system_clock())

    async def run() -> None:
        parts = Assembly(configuration, store, system_clock, Random(1))
        await parts.reconcile()
        async with parts.watcher as watcher:

            async def once() -> None:
                dues = await store.read(all_watched)
                begin()
                await watcher.sweep(dues)
                end()

            if steady:
                for change in (False, True, False, True):
                    if change:
                        await asyncio.to_thread(publish, url)
                    await once()
            else:
                await once()
        await parts.close()

    asyncio.run(run())
    store.close()


def publish(url: str) -> None:
    """A new release in one package of a hundred."""
    urllib.request.urlopen(urllib.request.Request(url + "-/change?share=0.01", method="POST")).read()


_began = (0.0, 0.0)


def begin() -> None:
    global _began
    _began = (time.process_time(), time.perf_counter())


def end() -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "cpu": time.process_time() - _began[0],
                "wall": time.perf_counter() - _began[1],
                "peak_mb": usage.ru_maxrss / 1024,
            }
        )
    )


def child(what: str, url: str, config: str, packages: int) -> None:
    names = [f"package-{number:04}" for number in range(packages)]
    if what in {"sweep", "steady"}:
        sweep(Path(config), url, what == "steady")
    elif what == "download":
        begin()
        asyncio.run(httpx_download(url, names))
        end()
    elif what == "conditional":
        etags = asyncio.run(aiohttp_etags(url, names))
        begin()
        asyncio.run(aiohttp_conditional(url, names, etags))
        end()


def measure(what: str, url: str, config: Path, packages: int) -> list[dict[str, float]]:
    command = [sys.executable, "-m", "benchmarks.sweep", "--child", what, url, str(config), str(packages)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def main(packages: int, rounds: int) -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.registry", str(packages)], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    try:
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}/"
        facts = json.load(urllib.request.urlopen(url + "-/facts"))
        print(
            f"{facts['packages']} packuments, {facts['bytes'] / 1e6:.0f} MB; "
            f"median {facts['median'] / 1e3:.0f} kB, largest {facts['largest'] / 1e6:.1f} MB; {rounds} rounds"
        )
        results: dict[str, list[dict[str, float]]] = {}
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as folder:
                config = _config(Path(folder), url, packages)
                for names, what in (
                    (["download"], "download"),
                    (["first sweep"], "sweep"),
                    (["bare 304s"], "conditional"),
                    (["", "", "unchanged sweep", "changed sweep"], "steady"),
                ):
                    for name, measured in zip(names, measure(what, url, config, packages), strict=True):
                        results.setdefault(name, []).append(measured)
                del results[""]
                size = (Path(folder) / "weaklink.db").stat().st_size
        report(results, packages, size)
    finally:
        server.terminate()
        server.wait(10)


def _config(folder: Path, url: str, packages: int) -> Path:
    names = ", ".join(f'"npm:package-{number:04}"' for number in range(packages))
    config = folder / "weaklink.toml"
    config.write_text(
        f'[registries.npm]\nurl = "{url}"\nrequests_per_second = 10000.0\nconnections = {AT_ONCE}\n'
        f'[schedule]\nconcurrency = {AT_ONCE}\n[[watch]]\nname = "all"\npackages = [{names}]\n'
    )
    return config


def report(results: dict[str, list[dict[str, float]]], packages: int, size: int) -> None:
    middle = {
        name: {key: statistics.median(run[key] for run in runs) for key in ("cpu", "wall", "peak_mb")}
        for name, runs in results.items()
    }
    print(f"{'':18}{'CPU s':>8}{'wall s':>8}{'CPU ms each':>13}{'peak MB':>9}")
    for name, found in middle.items():
        each = found["cpu"] * 1000 / packages
        print(f"{name:18}{found['cpu']:8.2f}{found['wall']:8.2f}{each:13.3f}{found['peak_mb']:9.0f}")
    rows: list[tuple[str, Any, str]] = [
        ("first sweep / stock httpx download, CPU", ("first sweep", "download", "cpu"), "< 1"),
        ("first sweep / stock httpx download, wall", ("first sweep", "download", "wall"), "< 1"),
        ("unchanged sweep / bare aiohttp 304s, CPU", ("unchanged sweep", "bare 304s", "cpu"), "<= 3"),
        ("changed (1 %) / unchanged sweep, CPU", ("changed sweep", "unchanged sweep", "cpu"), "<= 1.2"),
    ]
    for words, (one, other, key), aim in rows:
        print(f"{words:45}{middle[one][key] / middle[other][key]:6.2f}   aim {aim}")
    print(f"database: {size / 1e6:.1f} MB, {size / packages / 1000:.1f} kB a package")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]))
    else:
        numbers = [int(argument) for argument in sys.argv[1:]]
        main(*(numbers + [1000, 3][len(numbers) :]))
