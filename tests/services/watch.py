"""A watch under fault: the real daemon between a registry and a webhook on loopback, and what must hold at any time.

Each package that ``take_over`` names is taken over in the registry. Whatever happens to the daemon, in the end every
one of them was recorded once and told once, a message that was on its way when the daemon died at most once more for
each death, and ``status`` never said anything else than what was so.
"""

from __future__ import annotations

import http.client
import json
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import psycopg

from alerts import outbox
from monitor.store import engine
from tests.services import forked
from tests.services.conftest import Registry, Sink, packument, taken_over

CONFIG = """
[database]
url = "{database}"

[schedule]
packages = "1s"

[registries.npm]
url = "{registry}"
requests_per_second = 1000.0
{npm}

[web]
listen = "127.0.0.1:0"

[[watch]]
name = "shop"
owner = "web-team"
packages = {packages}

[[channel]]
name = "hook"
url = "{sink}-{name}?cto=50&rto=50"  # a busy machine is no service that does not answer
per_minute = 6000

[[route]]
match = {{ severity = ">=high" }}
channels = ["hook"]
group_wait = "0s"
repeat = "24h"
"""


class Process(Protocol):
    def is_alive(self) -> bool: ...


class Watch:
    """One folder with a configuration and a database, a corner of the registry, and a path of the webhook."""

    def __init__(
        self,
        folder: Path,
        registry: Registry,
        sink: Sink,
        *,
        packages: int = 1,
        database: str = "sqlite:///weaklink.db",
        npm: str = "",
        more: str = "",
    ) -> None:
        """``npm``: further lines about the registry; ``more``: further lines at the end."""
        folder.mkdir(exist_ok=True)
        self.name = folder.name
        self.packages = [f"package-{number}" for number in range(packages)]
        self.config = folder / "weaklink.toml"
        self.log = folder / "daemon.log"
        self.taken: list[str] = []
        """Packages that were taken over, in this order."""
        self.prepare: forked.Prepare | None = None
        """What a process that says the status does before it begins."""
        self.sink = sink
        self._registry, self._database = registry, database
        self._may_repeat: Counter[str] = Counter()
        for package in self.packages:
            registry.documents[f"/{self.name}/{package}"] = packument(package)
        self.config.write_text(
            CONFIG.format(
                database=database,
                registry=f"{registry.url}{self.name}/",
                packages=json.dumps([f"npm:{package}" for package in self.packages]),
                sink=sink.url,
                name=self.name,
                npm=npm,
            )
            + more
        )

    # What happens

    def take_over(self, package: str) -> None:
        # By a stranger of its own: one stranger in many packages would be news of its own.
        document = json.dumps(taken_over(package)).replace("mallory", f"stranger-{package}")
        self._registry.documents[f"/{self.name}/{package}"] = json.loads(document)
        self.taken.append(package)

    def died(self) -> None:
        """Call it after each death of the daemon, before it is started again: what was on its way may come again."""
        self._may_repeat.update(key for key, state in self.deliveries().items() if state == "sending")

    # What is known

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of the database, read beside the daemon."""
        if self._database.startswith("postgresql"):
            with psycopg.connect(self._database) as server:
                return server.execute(query).fetchall()
        file = self.config.parent / self._database.removeprefix("sqlite:///")
        with closing(sqlite3.connect(file, timeout=30)) as database:
            return database.execute(query).fetchall()

    def deliveries(self) -> dict[str, str]:
        """The state of each message, by its key."""
        return dict(self.ask("SELECT key, state FROM delivery"))

    def arrivals(self) -> list[tuple[float, str, str]]:
        """The moment (``time.monotonic()``) of each message that arrived, the package that it tells of, and its key."""
        told = [
            (at, json.loads(post["message"]))
            for (path, post), at in zip(self.sink.received, self.sink.accepted_at, strict=False)
            if path == f"/hook-{self.name}"
        ]
        return [
            (at, item["subject"].removeprefix("npm:"), message["key"])
            for at, message in told
            for item in message["items"]
        ]

    def arrived(self) -> Counter[tuple[str, str]]:
        """How often each message arrived, by the package that it tells of and its key."""
        return Counter((package, key) for _, package, key in self.arrivals())

    def seen(self) -> bool:
        """Whether every package was looked at, so that what is taken over from now on is news."""
        ((count,),) = self.ask("SELECT count(*) FROM target WHERE snapshot_id IS NOT NULL AND sort = 'package'")
        return bool(count == len(self.packages))

    def told(self) -> bool:
        """Whether every take-over arrived, and the daemon knows that."""
        arrived = {package for package, _ in self.arrived()}
        return arrived == set(self.taken) and set(self.deliveries().values()) <= {"sent"}

    def __repr__(self) -> str:
        """For the words of an assertion that fails."""
        owed = {key: state for key, state in self.deliveries().items() if state != "sent"}
        return f"{self.name}: {self.taken} taken over; told: {dict(self.arrived())}; owed: {owed}"

    def log_lines(self, words: str) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if words in line]

    def status(self) -> dict[str, Any]:
        """``weaklink status --json``, from a process of its own."""
        said = forked.command(self.config, "--json", "status", prepare=self.prepare)
        assert said.code in {0, 3}, said
        found: dict[str, Any] = json.loads(said.out)
        return found

    def probe(self, path: str) -> tuple[int, str]:
        """What the daemon's own pages answer to a machine that asks ``/healthz`` or ``/readyz``."""
        port = re.findall(r"pages.*http://127\.0\.0\.1:(\d+)/", self.log.read_text())[-1]
        with closing(http.client.HTTPConnection("127.0.0.1", int(port), timeout=30)) as connection:
            connection.request("GET", path)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()

    # What must hold

    def assert_status_is_true(self, *, running: bool = True, already: int = 0) -> dict[str, Any]:
        """``status`` knows every package, whether the daemon runs, and of no message that did not arrive.

        ``already``: messages that arrived in an earlier life.
        """
        known = self.status()
        arrived = {key for _, key in self.arrived()}
        assert known["targets"] >= len(self.packages)
        assert known["fresh"] + known["stale"] == known["targets"]
        assert known["daemon_running"] is running
        assert known["deliveries"].get("sent", 0) <= len(arrived) + already, (
            "a message counts as sent that never arrived"
        )
        return known

    def assert_nothing_lost_nothing_twice(self) -> int:
        """Every take-over was recorded once and told once; how many messages came again that were on their way."""
        changes = Counter(self.ask("SELECT subject, kind, version FROM change WHERE kind = 'release-published'"))
        assert changes == Counter((f"pkg:npm/{package}", "release-published", "1.4.0") for package in self.taken), (
            "a change was lost, or recorded anew"
        )
        arrived = self.arrived()
        messages = Counter(package for package, _ in arrived)
        assert messages == Counter(self.taken), "a message was lost, or told anew"
        again = {key: count - 1 for (_, key), count in arrived.items() if count > 1}
        assert all(count <= self._may_repeat[key] for key, count in again.items()), "told twice without need"
        return sum(again.values())


def impatient() -> None:
    """For ``forked.daemon``: claims run out, and locks are given up, within a second."""
    outbox.LEASE = timedelta(seconds=1)
    engine.BUSY_TIMEOUT = 0.2


def live_through(here: Watch, running: Process, trouble: AbstractContextManager[object]) -> None:
    """A message is on its way when the database gets into trouble, and news come meanwhile; both are told once.

    All that time ``status`` and the probes say what is so, and the log says it once.
    """
    first, second, third = here.packages[:3]
    sink = here.sink
    sink.held = True
    here.take_over(first)
    assert wait_for(lambda: sink.waiting > 0, running), here
    with trouble:
        sink.held = False  # the message is taken, which cannot be written down
        here.take_over(second)
        assert wait_for(lambda: here.probe("/readyz")[0] == 503, running), here
        assert here.probe("/healthz") == (200, "waiting for the database\n")
        here.assert_status_is_true()
        time.sleep(1.5)  # until the claim has run out
        assert here.probe("/readyz")[0] == 503
    assert wait_for(here.told, running), here
    assert here.probe("/readyz")[0] == 200
    here.take_over(third)
    assert wait_for(here.told, running), here
    here.assert_status_is_true()
    here.assert_nothing_lost_nothing_twice()
    assert len(here.log_lines("the database can be written again")) >= 1


def wait_for(condition: Callable[[], bool], process: Process, seconds: float = 120) -> bool:
    """Whether the condition came true in time, and before the process died."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.is_alive():
        if condition():
            return True
        time.sleep(0.05)
    return condition()
