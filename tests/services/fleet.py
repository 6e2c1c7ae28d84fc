"""Daemons and workers of one PostgreSQL database, each a process of its own, forked from one that has everything
imported; what they say on standard error is kept beside the configuration."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path

from tests.services.forked import Prepare, forked, forks

PATIENCE = 120.0
"""Seconds for what must come, on a busy machine."""


def until(true: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"in vain: {what}"
        time.sleep(0.05)


class Member:
    """One process of the fleet."""

    def __init__(self, arguments: tuple[str, ...], config: Path, number: int, prepare: Prepare | None) -> None:
        self.said = config.parent / f"{arguments[0]}-{number}.log"
        self.ready: Event = forks.Event()
        self.process: BaseProcess = forked(
            config=config,
            arguments=arguments,
            out=self.said,
            err=self.said,
            prepare=prepare,
            ready=self.ready,
        )
        self.process.start()

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def until_ready(self) -> None:
        until(lambda: self.ready.is_set() or not self.process.is_alive(), "a process that is ready")
        assert self.process.is_alive(), self.log()

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.join(10)

    def stop(self) -> int | None:
        """SIGTERM; the exit code within the ten seconds and some that a busy machine needs."""
        os.kill(self.pid, signal.SIGTERM)
        self.process.join(30)
        return self.process.exitcode

    def log(self) -> str:
        return self.said.read_text() if self.said.exists() else ""


class Fleet:
    """All processes of one configuration."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.members: list[Member] = []

    def start(self, *arguments: str, ready: bool = True, prepare: Prepare | None = None) -> Member:
        """``run`` or ``worker``, with its options."""
        member = Member(arguments, self.config, len(self.members), prepare)
        self.members.append(member)
        if ready:
            member.until_ready()
        return member

    def end(self) -> None:
        for member in self.members:
            member.process.kill()
        for member in self.members:
            member.process.join(10)

    def logs(self) -> str:
        return "\n".join(f"--- {member.said.name}\n{member.log()}" for member in self.members)


@contextmanager
def fleet(config: Path) -> Iterator[Fleet]:
    found = Fleet(config)
    try:
        yield found
    except BaseException:
        print(found.logs())  # noqa: T201 - pytest shows it where a test failed
        raise
    finally:
        found.end()
