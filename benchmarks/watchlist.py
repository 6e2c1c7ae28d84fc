"""A large watchlist, read and reconciled: ``python -m benchmarks.watchlist [FILES] [ENTRIES] [ROUNDS]``.

Lock files of npm, pnpm and uv, which between them name a package several times, as a company's projects do. Every round
is a process of its own with an empty store: the first reading, then edits of one file at a time. Beside it the parse
libraries alone, over the same files. Medians of the rounds are printed; ``docs/performance.md`` speaks of the ratios.
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
import tomllib
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

DISTINCT = 6000
"""Packages in all; a fifth of them Python's."""
EDITS = 5


def npm_lock(rng: Random, names: list[str], count: int) -> str:
    """A ``package-lock.json`` of version 3: thirty direct dependencies, the others below them, some of them twice."""
    chosen = rng.sample(names, count * 9 // 10)
    packages: dict[str, Any] = {"": {"name": "app", "dependencies": dict.fromkeys(chosen[:30], "^1.0.0")}}
    for number, name in enumerate(chosen):
        below = chosen[30 + number * 2 : 32 + number * 2] if number * 2 + 32 < len(chosen) else []
        packages[f"node_modules/{name}"] = _npm_place(rng, below)
    for name in rng.sample(chosen[30:], count - len(chosen)):
        packages[f"node_modules/{rng.choice(chosen[:30])}/node_modules/{name}"] = _npm_place(rng, [])
    return json.dumps({"name": "app", "lockfileVersion": 3, "packages": packages}, indent=2)


def _npm_place(rng: Random, below: list[str]) -> dict[str, Any]:
    version = f"1.{rng.randrange(9)}.{rng.randrange(20)}"
    return {
        "version": version,
        "resolved": f"https://npm.example/p/-/p-{version}.tgz",
        "integrity": f"sha512-{rng.randbytes(64).hex()}==",
        "license": "MIT",
        "dependencies": {name: f"^1.{rng.randrange(9)}.0" for name in below},
        "engines": {"node": ">=18"},
    }


def pnpm_lock(rng: Random, names: list[str], count: int) -> str:
    """A ``pnpm-lock.yaml`` of version 9."""
    chosen = {name: f"1.{rng.randrange(9)}.{rng.randrange(20)}" for name in rng.sample(names, count)}
    listed = [*chosen]
    lines = ["lockfileVersion: '9.0'", "importers:", "  .:", "    dependencies:"]
    for name in listed[:30]:
        lines += [f"      '{name}':", "        specifier: ^1.0.0", f"        version: {chosen[name]}"]
    lines.append("packages:")
    for name, version in chosen.items():
        lines += [f"  '{name}@{version}':", f"    resolution: {{integrity: sha512-{rng.randbytes(64).hex()}==}}"]
        lines.append("    engines: {node: '>=18'}")
    lines.append("snapshots:")
    for number, (name, version) in enumerate(chosen.items()):
        below = listed[30 + number * 2 : 32 + number * 2]
        lines.append(f"  '{name}@{version}':" + ("" if below else " {}"))
        lines += ["    dependencies:"] * bool(below) + [f"      '{one}': {chosen[one]}" for one in below]
    return "\n".join(lines) + "\n"


def uv_lock(rng: Random, names: list[str], count: int) -> str:
    """A ``uv.lock`` with a source and two wheels for each package."""
    chosen = rng.sample(names, count)
    lines = ["version = 1", 'requires-python = ">=3.11"', "", "[[package]]", 'name = "app"', 'version = "0"']
    lines += ['source = { virtual = "." }', "dependencies = ["]
    lines += [f'    {{ name = "{name}" }},' for name in chosen[:30]] + ["]", ""]
    for number, name in enumerate(chosen):
        below = chosen[30 + number * 2 : 32 + number * 2]
        files = [
            f'{{ url = "https://pypi.example/{name}-{n}", hash = "sha256:{rng.randbytes(32).hex()}", size = 1 }}'
            for n in range(3)
        ]
        lines += ["[[package]]", f'name = "{name}"', f'version = "1.{rng.randrange(9)}.0"']
        lines += ['source = { registry = "https://pypi.example/simple" }', "dependencies = ["]
        lines += [f'    {{ name = "{one}" }},' for one in below] + ["]", f"sdist = {files[0]}"]
        lines += ["wheels = [", f"    {files[1]},", f"    {files[2]},", "]", ""]
    return "\n".join(lines)


def make(folder: Path, files: int, entries: int) -> None:
    """The lock files, and a configuration with a watch for each five of them."""
    rng = Random(1)
    npm = [f"{'@scope/' * (number % 4 == 0)}package-{number}" for number in range(DISTINCT * 4 // 5)]
    python = [f"project-{number}" for number in range(DISTINCT // 5)]
    for number in range(files):
        inner = folder / f"app{number}"
        inner.mkdir()
        count = entries // files
        if number % 5 == 4:
            (inner / "uv.lock").write_text(uv_lock(rng, python, min(count, len(python))))
        elif number % 5 == 3:
            (inner / "pnpm-lock.yaml").write_text(pnpm_lock(rng, npm, count))
        else:
            (inner / "package-lock.json").write_text(npm_lock(rng, npm, count))
    listed = [", ".join(f'"app{n}"' for n in range(first, min(first + 5, files))) for first in range(0, files, 5)]
    text = "".join(f'[[watch]]\nname = "team{n}"\nmanifests = [{names}]\n' for n, names in enumerate(listed))
    (folder / "weaklink.toml").write_text(text)


async def measure(folder: Path) -> dict[str, float]:
    """One process: the first reading and reconciling, then edits of one file, and the parse libraries alone."""
    from config.clock import system_clock
    from config.load import load
    from monitor.assembly import Assembly
    from monitor.store.engine import Store
    from monitor.store.upgrade import upgrade

    configuration = load(folder / "weaklink.toml")
    store = Store(configuration.settings.database.url)
    upgrade(store, system_clock())
    parts = Assembly(configuration, store, system_clock, Random(1))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began, cpu = time.perf_counter(), time.process_time()
    await parts.reconcile()
    found = {"first": time.perf_counter() - began, "first CPU": time.process_time() - cpu}
    found["entries"] = sum(map(len, parts.reading.entries.values()))
    edits, looks = [], []
    lock = folder / "app0" / "package-lock.json"
    for number in range(EDITS):
        document = json.loads(lock.read_text())
        document["packages"][f"node_modules/new-{number}"] = {"version": "1.0.0"}
        document["packages"].popitem()
        document["packages"][f"node_modules/newer-{number}"] = {"version": "1.0.0"}
        lock.write_text(json.dumps(document, indent=2))
        began = time.perf_counter()
        reconciled = await parts.look()
        edits.append(time.perf_counter() - began)
        assert reconciled is not None
        assert reconciled.added
        began = time.perf_counter()
        assert await parts.look() is None
        looks.append(time.perf_counter() - began)
    found |= {"edit": statistics.median(edits), "look": statistics.median(looks)}
    found |= {"peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MB before": before}
    await parts.close()
    store.close()
    return found


def parse_alone(folder: Path) -> float:
    """Seconds that the parse libraries take for the same files."""
    import yaml

    parse: dict[str, Callable[[str], Any]] = {
        ".json": json.loads,
        ".lock": tomllib.loads,
        ".yaml": lambda text: yaml.load(text, yaml.CSafeLoader),
    }
    texts = [(parse[file.suffix], file.read_text()) for file in sorted(folder.glob("app*/*.*"))]
    began = time.perf_counter()
    for load, text in texts:
        load(text)
    return time.perf_counter() - began


def main() -> None:
    files, entries, rounds = (int(sys.argv[n]) if len(sys.argv) > n else d for n, d in ((1, 20), (2, 30_000), (3, 5)))
    results = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as name:
            make(Path(name), files, entries)
            size = sum(file.stat().st_size for file in Path(name).glob("app*/*")) / 1e6
            alone = parse_alone(Path(name))
            command = [sys.executable, "-m", "benchmarks.watchlist", "--one", name]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            results.append(json.loads(done.stdout) | {"parse": alone})
    median = {key: statistics.median(one[key] for one in results) for key in results[0]}
    print(
        f"{files} lock files, {size:.0f} MB, {entries} entries; {median['entries']:.0f} in the watches; {rounds} rounds"
    )
    print(f"read and reconciled      {median['first']:6.2f} s   CPU {median['first CPU']:.2f} s   aim < 3")
    print(f"  parse libraries alone  {median['parse']:6.2f} s   {median['parse'] / median['first']:.0%} of it")
    print(f"edit of one file         {median['edit'] * 1000:6.0f} ms  aim < 300")
    print(f"a look at nothing new    {median['look'] * 1000:6.0f} ms")
    print(
        f"peak memory              {median['peak MB']:6.0f} MB  aim < 300, {median['MB before']:.0f} before it begins"
    )
    print(f"edit / first             {median['edit'] / median['first']:6.2f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(asyncio.run(measure(Path(sys.argv[2])))))
    else:
        main()
