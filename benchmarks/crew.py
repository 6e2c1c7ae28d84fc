"""Daemons and workers as processes of their own, forked from one that has imported the program already."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from importlib import reload
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

from msgspec import Struct

from monitor import beside, daemon, record
from monitor.cli import main as weaklink
from monitor.engine import condition, queued, worker
from monitor.sources import politeness
from monitor.store import budget_sql

_forks = get_context("forkserver")
_forks.set_forkserver_preload(["benchmarks.imported"])


class How(Struct, frozen=True):
    """How a process is started."""

    command: str
    config_file: Path
    prepare: Callable[[], None] | None = None


class Processes:
    """Daemons and workers over one configuration."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._all: dict[BaseProcess, How] = {}
        self._started = 0

    def start(self, how: How) -> None:
        self._started += 1
        log = self._folder / f"{self._started}-{how.command}.log"
        process = _forks.Process(
            target=_run, args=(str(how.config_file), how.command, str(log), how.prepare), daemon=True
        )
        process.start()
        self._all[process] = how

    def living(self, command: str) -> list[BaseProcess]:
        return [process for process, how in self._all.items() if how.command == command and process.is_alive()]

    def replace(self, process: BaseProcess) -> None:
        """End one by SIGKILL, and start another like it."""
        process.kill()
        process.join(10)
        self.start(self._all[process])

    def revive(self) -> int:
        """Start those again that ended by themselves, as a service manager does; how many."""
        ended = [process for process in self._all if process.exitcode not in {None, -signal.SIGKILL}]
        for process in ended:
            self.start(self._all.pop(process))
        return len(ended)

    def last_words(self) -> str:
        logs = sorted(self._folder.glob("*.log"), key=lambda log: int(log.name.partition("-")[0]))
        return "\n".join(f"--- {log.name}\n{log.read_text()[-1500:]}" for log in logs)

    def end(self) -> None:
        for process in self._all:
            process.kill()
        for process in self._all:
            process.join(10)


def _run(config_file: str, command: str, log: str, prepare: Callable[[], None] | None) -> None:
    os.chdir(Path(config_file).parent)
    os.environ["HOME"] = str(Path(config_file).parent)
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    worker.BEAT, worker.UNHEARD = 0.5, 3.0  # type: ignore[misc]
    condition.DEAD = worker.DEAD = queued.DEAD = 5.0  # type: ignore[misc, attr-defined]
    # A second look comes after a second, not three minutes, and a host that was away is asked again as soon.
    second = timedelta(seconds=1)
    record.CONFIRM_AFTER = beside.CONFIRM_AFTER = second  # type: ignore[attr-defined]
    politeness.FIRST_PAUSE = politeness.LONGEST_PAUSE = second
    reload(budget_sql)  # it has the pauses in its statements
    daemon.TICK = 0.2
    if prepare is not None:
        prepare()
    sys.argv = ["weaklink", "--config", config_file, command]
    weaklink()
