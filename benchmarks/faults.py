"""One month, watched twice: by one process on SQLite, and by many on a PostgreSQL that is full of faults.

``python -m benchmarks.faults [PACKAGES] [DAYS] [SEED]``. Eight workers and two daemons watch npm, PyPI and domains on
loopback while every two seconds a worker or the leading daemon is ended by SIGKILL and another is started; PostgreSQL
itself is stopped without notice and started again; one worker's clock is an hour ahead; and one is cut off from the
database, not from the registries, for longer than its work is kept for it. On three days a source is away, for the
one process as well as for the many. Prints what was found, told, lost and told twice.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

import psycopg

import config.clock
from benchmarks import postgresql
from benchmarks.cable import Cable
from benchmarks.crew import How, Processes
from benchmarks.outcome import Found, Store, differences, known
from benchmarks.town import Town

CONFIG = """
[database]
url = "{database}"
[web]
listen = ""
[workers]
jobs = 2
[schedule]
packages = "1s"
domains = "1s"
[registries.npm]
url = "{npm}"
requests_per_second = 2000
connections = 64
[registries.pypi]
url = "{pypi}"
requests_per_second = 2000
connections = 64
[domains]
nameservers = ["{names}"]
rdap_bootstrap = "{rdap}dns.json"
whois_server = "127.0.0.1:{whois}"
requests_per_second = 1000
[[watch]]
name = "shop"
owner = "web-team"
packages = {packages}
[[channel]]
name = "chat"
url = "json://127.0.0.1:{hook}/hook/chat"
per_minute = 6000
[[channel]]
name = "mail"
url = "json://127.0.0.1:{hook}/hook/mail"
per_minute = 6000
[[route]]
match = {{ severity = ">=high" }}
channels = ["chat"]
group_wait = "0s"
group_interval = "0s"
continue = true
[[route]]
match = {{ severity = ">=low" }}
channels = ["mail"]
group_by = ["cause"]
group_wait = "0s"
group_interval = "0s"
"""
WORKERS, DAEMONS = 8, 2
KILL_EVERY: Final = 2.0
"""Seconds, more or less."""
KILLS_A_DAY: Final = 3
"""And no more until the day is over: something must get done between two deaths."""
CUT_FOR: Final = 8.0
"""Seconds; a worker drops what it is doing after three, and others take its work after five."""
PATIENCE: Final = 300.0
"""Seconds for what must come."""


def an_hour_ahead() -> None:
    """The machine's clock, as this process sees it."""
    right = config.clock.system_clock

    def wrong() -> datetime:
        return right() + timedelta(hours=1)

    for module in list(sys.modules.values()):
        if getattr(module, "system_clock", None) is right:
            module.system_clock = wrong  # type: ignore[attr-defined]


class Faults:
    """What happens to processes and database while the month goes on."""

    def __init__(self, processes: Processes, store: Store, url: str, rng: Random) -> None:
        self._processes, self._store, self._url, self._rng = processes, store, url, rng
        self.count: Counter[str] = Counter()
        self._next = time.monotonic()
        self._killed: Counter[int] = Counter()

    def tick(self, day: int) -> None:
        # A daemon or worker that is started while the database is away may end and leave it to its service manager.
        self.count["ended by themselves"] += self._processes.revive()
        if time.monotonic() < self._next or self._killed[day] >= KILLS_A_DAY:
            return
        self._killed[day] += 1
        self._next = time.monotonic() + KILL_EVERY * (0.5 + self._rng.random())
        if self._rng.random() < 0.3:
            self._kill_leader()
        else:
            self._processes.replace(self._rng.choice(self._processes.living("worker")))
            self.count["workers killed"] += 1

    def _kill_leader(self) -> None:
        with suppress(psycopg.Error, IndexError):
            name = json.loads(self._store.ask("SELECT value FROM meta WHERE name = 'leader'")[0][0])["name"]
            for process in self._processes.living("run"):
                if process.pid == int(name.rpartition(":")[2]):
                    self._processes.replace(process)
                    self.count["leaders killed"] += 1

    def restart(self) -> None:
        postgresql.restart(self._url)
        self.count["restarts of PostgreSQL"] += 1


def configure(folder: Path, town: Town, database: str, name: str = "weaklink.toml") -> Path:
    file = folder / name
    packages = json.dumps([f"{one.ecosystem}:{name}" for name, one in town.world.packages.items()])
    urls = {site: town.url(site) for site in ("npm", "pypi", "rdap")}
    ports = {site: town.ports[site] for site in ("whois", "hook")}
    names = town.names.address
    file.write_text(CONFIG.format(database=database, packages=packages, names=names, **urls, **ports))
    return file


def live(town: Town, days: int, store: Store, tick: Callable[[int], None]) -> Found:
    """Let the month go by, a day when the last one was seen and told; what is known of it at the end.

    ``tick`` is called over and over, with the number of the day.
    """
    began = time.monotonic()

    for day in range(days + 1):
        town.advance(day)
        tick(day)
        if town.away:
            # Until everything else was seen, and this was missed.
            _until(partial(store.saw, town), partial(tick, day))
            town.call_back()
        # What ends before its message was made is rightly told to nobody: a day waits for both.
        _until(partial(store.saw, town), partial(tick, day))
        _until(store.settled, partial(tick, day))
    found = known(town, store)
    found.seconds = time.monotonic() - began
    return found


def _until(true: Callable[[], bool], meanwhile: Callable[[], None] = lambda: None) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"what happened was not seen within {PATIENCE:.0f} s")
        meanwhile()
        time.sleep(0.1)


def alone(packages: int, days: int, now: datetime) -> Found:
    """The month as one process on SQLite sees it."""
    town = Town(packages, days, now)
    with tempfile.TemporaryDirectory(prefix="weaklink-faults-") as place:
        folder = Path(place)
        database = f"sqlite:///{folder}/weaklink.db"
        processes = Processes(folder)
        processes.start(How("run", configure(folder, town, database)))
        try:
            return live(town, days, Store(database), lambda _day: None)
        finally:
            processes.end()
            town.close()


def together(packages: int, days: int, now: datetime, seed: int, workers: int = WORKERS) -> tuple[Found, Counter[str]]:
    """The month as many processes see it, while everything fails in turn."""
    town = Town(packages, days, now)
    with tempfile.TemporaryDirectory(prefix="weaklink-faults-") as place, postgresql.server() as server:
        folder, url = Path(place), postgresql.create(server, "weaklink")
        store, there = Store(url), Path(server.partition("host=")[2])
        cable = town.call(lambda: Cable(there))
        asyncio.run_coroutine_threadsafe(cable.start(), town.loop).result(30)
        processes, config_file = Processes(folder), configure(folder, town, url)
        by_cable = configure(folder, town, url.replace(str(there), str(cable.folder)), "by-cable.toml")
        faults = Faults(processes, store, server, Random(seed))
        restarts = {days // 3, 2 * days // 3}
        cuts = {days // 4: False, days // 2: False}

        def tick(day: int) -> None:
            if day == 0:
                return
            faults.tick(day)
            if day in restarts:
                restarts.remove(day)
                faults.restart()
            for cut, done in cuts.items():
                if day == cut and not done:
                    cuts[cut] = True
                    faults.count["times cut off"] += 1
                    town.loop.call_soon_threadsafe(cable.cut)
                    town.loop.call_soon_threadsafe(town.loop.call_later, CUT_FOR, cable.mend)

        try:
            for _ in range(DAEMONS):
                processes.start(How("run", config_file))
            _until(lambda: store.has(lambda: bool(store.ask("SELECT 1 FROM meta WHERE name = 'queues'"))))
            processes.start(How("worker", config_file, an_hour_ahead))
            processes.start(How("worker", by_cable))
            for _ in range(workers - 2):
                processes.start(How("worker", config_file))
            return live(town, days, store, tick), faults.count
        except BaseException:
            print(processes.last_words())
            raise
        finally:
            processes.end()
            town.close()


def main(packages: int, days: int, seed: int) -> None:
    logging.disable(logging.CRITICAL)
    now = datetime.now(UTC)
    print(f"{packages} packages, {days} days, seed {seed}\n")
    one = alone(packages, days, now)
    many, faults = together(packages, days, now, seed)
    print(f"{'':28}{'one process':>14}{'8 + 2 processes':>18}")
    rows: dict[str, Callable[[Found], int]] = {
        "checks": lambda f: f.checks,
        "changes": lambda f: f.changes.total(),
        "findings in alerts": lambda f: f.alerts.total(),
        "things told to channels": lambda f: f.told.total(),
        "messages that came again": lambda f: f.again,
        "times that are to come": lambda f: f.ahead,
        "seconds": lambda f: round(f.seconds),
    }
    for name, of in rows.items():
        print(f"{name:28}{of(one):14,}{of(many):18,}")
    print("\n" + "\n".join(f"{count:4} {what}" for what, count in sorted(faults.items())))
    differ = differences(one, many)
    print("" if differ else "\nnothing lost, nothing too many, nothing told twice")
    for name, found in differ.items():
        print(f"\n{name}: {len(found)}" + "".join(f"\n  {line[:200]}" for line in found[:20]))


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    main(*(numbers + [200, 30, 1][len(numbers) :]))
