"""Beside other tools, in one run: ``python -m benchmarks.peers [PACKAGES] [ROUNDS]``.

changedetection.io, GuardDog and npm are installed from their registries, each into an environment of its own in the
user's cache, and then run, like weaklink, in a network namespace that has nothing but a loopback device: all of them
ask the same made-up registry (``benchmarks.registry``). Settings, and what is not measured: docs/peers.md. Root, or a
kernel that lets users make namespaces, is needed.
"""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any
from urllib.error import HTTPError

from benchmarks.processes import Program, sink

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "weaklink-peers"
AT_ONCE = 32
SWEEPS = 5
"""Sweeps of weaklink in one measurement: one alone is too short for the kernel's clock."""
VIEWS = 10
"""Packages that npm views, one process after the other."""
SCANS = 50
"""Packages that GuardDog scans."""
WORKERS = 10
"""Fetch workers of changedetection.io: twice its default."""


def install() -> None:
    """The newest of each, once; delete the folder to have them anew."""
    for name in ("changedetection.io", "guarddog"):
        folder = CACHE / name
        if not (folder / "done").exists():
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            subprocess.run([str(folder / "bin/pip"), "install", "--quiet", name], check=True, stderr=subprocess.DEVNULL)
            (folder / "done").touch()
    if not (CACHE / "npm/node_modules/.bin/npm").exists():
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(CACHE / "npm"), "npm"]
        subprocess.run(command, check=True)


class Registry:
    """The made-up registry, in a process of its own that is nobody's cost."""

    def __init__(self, packages: int) -> None:
        command = [sys.executable, "-m", "benchmarks.registry", str(packages)]
        self._server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._server.stdout is not None
        self.url = f"http://127.0.0.1:{self._server.stdout.readline().strip()}/"
        self.names = [f"package-{number:04}" for number in range(packages)]
        facts = json.loads(fetch(self.url + "-/facts"))
        print(f"{packages} packuments, {facts['bytes'] / 1e6:.0f} MB, median {facts['median'] / 1e3:.0f} kB")

    def change(self) -> None:
        """A release of the first package."""
        fetch(f"{self.url}-/change?share={1 / len(self.names)}", method="POST")

    def end(self) -> None:
        self._server.terminate()
        self._server.wait(10)


def weaklink_config(folder: Path, registry: Registry, more: str = "") -> Path:
    """A configuration that watches every package; the rate limit, which spares real registries, is out of the way."""
    config = folder / "weaklink.toml"
    listed = ", ".join(f'"npm:{name}"' for name in registry.names)
    config.write_text(
        f'[registries.npm]\nurl = "{registry.url}"\nrequests_per_second = 10000.0\nconnections = {AT_ONCE}\n'
        f'searches_per_minute = 0\n[schedule]\nconcurrency = {AT_ONCE}\n[severity]\n"release-published" = "high"\n'
        f'[web]\nlisten = ""\n[[watch]]\nname = "all"\npackages = [{listed}]\n{more}'
    )
    return config


class Weaklink:
    """``weaklink run``, with all that it does besides: pages, signals, accounts, domains that nobody answers for."""

    name = "weaklink"

    def __init__(self, folder: Path, registry: Registry, hook: str) -> None:
        self._registry = registry
        self._file = folder / "weaklink.db"
        config = weaklink_config(
            folder,
            registry,
            f'[[channel]]\nname = "hook"\nurl = "json://{hook}/weaklink"\n'
            '[[route]]\nmatch = { severity = ">=high" }\nchannels = ["hook"]\n'
            'group_wait = "0s"\ngroup_interval = "0s"\n',
        )
        command: list[str | Path] = [sys.executable, "-c", "from monitor.cli import main; main()", "--config", config]
        environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
        self.program = Program([*command, "run"], environment, folder / "log")
        self.program.wait_for("there", self._file.exists)
        self._wait_until_checked("")
        time.sleep(2)

    def recheck(self) -> int:
        """Every package once more, as often as is needed to be measured."""
        for _ in range(SWEEPS):
            asked = self._due("sort = 'package'")
            self._wait_until_checked(asked)
        return SWEEPS * len(self._registry.names)

    def _wait_until_checked(self, since: str) -> None:
        self.program.wait_for("checked", lambda: self._checked_since(since) == len(self._registry.names))

    def recheck_first(self) -> None:
        self._due(f"subject = 'pkg:npm/{self._registry.names[0]}'")

    def _due(self, which: str) -> str:
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        with closing(sqlite3.connect(self._file, timeout=30, isolation_level=None)) as database:
            database.execute(f"UPDATE target SET due_at = ? WHERE {which}", [now])
        return now

    def _checked_since(self, moment: str) -> int:
        with closing(sqlite3.connect(f"file:{self._file}?mode=ro", uri=True, timeout=30)) as database:
            try:
                query = "SELECT count(*) FROM target WHERE sort = 'package' AND checked_at > ?"
                return int(database.execute(query, [moment]).fetchone()[0])
            except sqlite3.OperationalError:
                return 0  # the tables are not there yet


class ChangeDetection:
    """changedetection.io without a browser; watches come in by its API, which also asks for the checks."""

    name = "changedetection.io"

    def __init__(self, folder: Path, registry: Registry, hook: str) -> None:
        self._registry = registry
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "ALLOW_IANA_RESTRICTED_ADDRESSES": "true",
            "MINIMUM_SECONDS_RECHECK_TIME": "1",
            "FETCH_WORKERS": str(WORKERS),
            "LOGGER_LEVEL": "ERROR",
            "DISABLE_VERSION_CHECK": "true",
            "LLM_FEATURES_DISABLED": "true",
        }
        urls = [registry.url + name for name in registry.names]
        program = CACHE / self.name / "bin/changedetection.io"
        command: list[str | Path] = [program, "-C", "-d", folder / "data", "-h", "127.0.0.1"]
        # With a first watch of our own it makes none of its examples.
        self.program = Program([*command, "-p", "5017", "-u", urls[0]], environment, folder / "log")
        self.program.wait_for("listening", lambda: self._answers())
        settings = json.loads((folder / "data/changedetection.json").read_text())
        self._key = settings["settings"]["application"]["api_access_token"]
        (self._first,) = self._watches()
        wanted = {"notification_urls": [f"json://{hook}/{self.name}"]}
        self._call(f"/watch/{self._first}", "PUT", json.dumps(wanted).encode(), "application/json")
        for start in range(1, len(urls), 20):
            self._import(urls[start : start + 20])
        self.program.wait_for("checked", lambda: self._checked_since(0) == len(urls), 300)

    def recheck(self) -> int:
        time.sleep(1.1)  # its times are whole seconds
        asked = int(time.time())
        self._call("/watch?recheck_all=1")
        self.program.wait_for("checked", lambda: self._checked_since(asked) == len(self._registry.names), 300)
        return len(self._registry.names)

    def recheck_first(self) -> None:
        self._call(f"/watch/{self._first}?recheck=1")

    def _import(self, urls: Sequence[str]) -> None:
        """It fails now and then while it checks what came before; what it has already, it leaves out."""
        for attempt in range(10):
            try:
                self._call("/import", "POST", "\n".join(urls).encode(), "text/plain")
                return
            except HTTPError:
                time.sleep(attempt)
        raise RuntimeError("changedetection.io does not take the watches")

    def _answers(self) -> bool:
        try:
            fetch("http://127.0.0.1:5017/")
        except OSError:
            return False
        return True

    def _watches(self) -> dict[str, Any]:
        watches: dict[str, Any] = json.loads(self._call("/watch"))
        return watches

    def _checked_since(self, moment: int) -> int:
        time.sleep(0.2)  # asking costs it time, which is counted
        found = self._watches().values()
        failed = [one["last_error"] for one in found if one["last_error"]]
        assert not failed, failed
        return sum(one["last_checked"] >= max(1, moment) for one in found)

    def _call(self, path: str, method: str = "GET", body: bytes | None = None, kind: str = "") -> bytes:
        headers = {"x-api-key": self._key} | ({"Content-Type": kind} if kind else {})
        return fetch(f"http://127.0.0.1:5017/api/v1{path}", method=method, body=body, headers=headers)


def fetch(
    url: str, *, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> bytes:
    request = urllib.request.Request(url, method=method, data=body, headers=dict(headers or {}))
    with urllib.request.urlopen(request, timeout=60) as reply:
        answer: bytes = reply.read()
    return answer


Measured = dict[str, float]


def watching(one: Weaklink | ChangeDetection, registry: Registry, counts: Mapping[str, int]) -> Measured:
    """A recheck of everything that is watched, and the way from a change to its message."""
    cpu, wall = one.program.cpu(), time.perf_counter()
    checks = one.recheck()
    found = {
        "checks": checks,
        "cpu": one.program.cpu() - cpu,
        "wall": time.perf_counter() - wall,
        "memory": one.program.memory(),
    }
    came = counts.get(f"/{one.name}", 0)
    registry.change()
    one.recheck_first()
    told = one.program.wait_for("told", lambda: counts.get(f"/{one.name}", 0) > came)
    return found | {"told": told}


def guarddog(registry: Registry) -> Measured:
    driver = Path(__file__).with_name("guarddog_driver.py")
    names = registry.names[:: max(1, len(registry.names) // SCANS)][:SCANS]
    command = [str(CACHE / "guarddog/bin/python"), str(driver), registry.url, *names]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    said = json.loads(done.stdout.splitlines()[-1])
    return {"checks": len(names), "cpu": said["cpu"], "wall": said["wall"]}


def npm_view(registry: Registry, folder: Path) -> Measured:
    npm = str(CACHE / "npm/node_modules/.bin/npm")
    command = [npm, "view", "--json", "--registry", registry.url, "--cache", str(folder)]
    before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    for name in registry.names[:VIEWS]:
        subprocess.run([*command, name], check=True, capture_output=True, cwd=folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"checks": VIEWS, "cpu": cpu, "wall": time.perf_counter() - wall}


def first_sight(registry: Registry, folder: Path) -> Measured:
    """``weaklink check`` of everything with an empty database, from the start of the process to its end."""
    config = weaklink_config(folder, registry)
    command = [sys.executable, "-c", "from monitor.cli import main; main()", "--config", str(config), "check"]
    before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    items = [f"npm:{name}" for name in registry.names]
    done = subprocess.run([*command, *items], capture_output=True, cwd=Path.cwd(), check=False)
    assert done.returncode in {0, 3}, done.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"checks": len(registry.names), "cpu": cpu, "wall": time.perf_counter() - wall}


def versions() -> Iterator[str]:
    for name in ("changedetection.io", "guarddog"):
        said = f'from importlib.metadata import version; print(version("{name}"))'
        yield f"{name} {subprocess.check_output([CACHE / name / 'bin/python', '-c', said], text=True).strip()}"
    yield f"npm {json.loads((CACHE / 'npm/node_modules/npm/package.json').read_text())['version']}"
    yield f"Python {sys.version.split()[0]}"
    yield f"node {subprocess.check_output(['node', '--version'], text=True).strip()}"


def main(packages: int, rounds: int) -> None:
    print(", ".join(versions()))
    found: dict[str, list[Measured]] = {}
    with ExitStack() as stack:
        hook, counts = stack.enter_context(sink())
        registry = Registry(packages)
        stack.callback(registry.end)

        def folder() -> Path:
            return Path(stack.enter_context(tempfile.TemporaryDirectory()))

        watchers = []
        for kind in (Weaklink, ChangeDetection):
            watcher = kind(folder(), registry, hook)
            stack.callback(watcher.program.end)
            watchers.append(watcher)
        for number in range(rounds):
            for watcher in watchers:
                found.setdefault(watcher.name, []).append(watching(watcher, registry, counts))
            found.setdefault("weaklink, first sight", []).append(first_sight(registry, folder()))
            found.setdefault("GuardDog, metadata", []).append(guarddog(registry))
            found.setdefault("npm view", []).append(npm_view(registry, folder()))
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
    report(found)


def report(found: Mapping[str, list[Measured]]) -> None:
    print(f"{'':24}{'checks/s':>10}{'CPU ms each':>13}{'per CPU s':>11}{'memory MB':>11}{'change to message s':>21}")
    each = {}
    for name, runs in found.items():
        each[name] = median(run["cpu"] / run["checks"] for run in runs)
        rate = median(run["checks"] / run["wall"] for run in runs)
        memory = f"{median(run['memory'] for run in runs):11.0f}" if "memory" in runs[0] else " " * 11
        told = f"{median(run['told'] for run in runs):21.2f}" if "told" in runs[0] else ""
        print(f"{name:24}{rate:10.1f}{each[name] * 1000:13.2f}{1 / each[name]:11.1f}{memory}{told}")
    for name, mine, aim in (
        ("changedetection.io", "weaklink", "  aim >= 20"),
        ("GuardDog, metadata", "weaklink", "  aim >= 10"),
        ("GuardDog, metadata", "weaklink, first sight", ""),
        ("npm view", "weaklink", ""),
    ):
        ratios = [
            b["cpu"] / b["checks"] / (a["cpu"] / a["checks"]) for a, b in zip(found[mine], found[name], strict=True)
        ]
        print(f"{mine}: {median(ratios):.1f} times as many checks a CPU second as {name}{aim}")


if __name__ == "__main__":
    if os.environ.get("WEAKLINK_PEERS_ALONE") != "1":
        install()
        alone = 'ip link set lo up && exec "$@"'
        command = ["unshare", "--net", *([] if os.getuid() == 0 else ["--map-root-user"]), "sh", "-c", alone, "sh"]
        here = [sys.executable, "-m", "benchmarks.peers", *sys.argv[1:]]
        sys.exit(
            subprocess.run([*command, *here], env=os.environ | {"WEAKLINK_PEERS_ALONE": "1"}, check=False).returncode
        )
    numbers = [int(argument) for argument in sys.argv[1:]]
    main(*(numbers + [200, 5][len(numbers) :]))
