"""The daemon, killed by SIGKILL at its N-th step.

A step is any moment before or after it writes the database, checks a target or sends a message, from the first write
on. With N = 0 it is not killed. Each daemon is a process of its own, forked from one that has imported the program
already: a start costs a tenth of what it costs from nothing.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from alerts import deliver
from monitor.check import Checker
from monitor.cli import main
from monitor.store.engine import Store
from monitor.systemd import ServiceManager

_ready = get_context("forkserver")
_ready.set_forkserver_preload(["monitor.cli.sweeping", "alembic.command", "whois"])


@contextmanager
def daemon(config: Path, step: int = 0) -> Iterator[BaseProcess]:
    """``weaklink run`` beside this configuration, ready or dead; ``exitcode`` is that of the command, or -signal."""
    ready = _ready.Event()
    process = _ready.Process(target=_run, args=(str(config), step, ready), daemon=True)
    process.start()
    try:
        # Before it is ready, SIGTERM ends it as it would end any program.
        end = time.monotonic() + 30
        while process.is_alive() and not ready.wait(0.05):
            assert time.monotonic() < end, "the daemon was not ready in time"
        yield process
    finally:
        process.kill()
        process.join(10)


def stop(process: BaseProcess) -> int | None:
    assert process.pid is not None
    os.kill(process.pid, signal.SIGTERM)
    process.join(10)
    return process.exitcode


def _run(config: str, last: int, ready: Event) -> None:
    os.chdir(Path(config).parent)
    os.environ["HOME"] = str(Path(config).parent)
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1
        if steps == last:
            os.kill(os.getpid(), signal.SIGKILL)

    def stepping(original: Any) -> Any:
        async def wrapped(*args: Any, **options: Any) -> Any:
            count()
            result = await original(*args, **options)
            count()
            return result

        return wrapped

    def telling(original: Any) -> Any:
        def wrapped(*args: Any, **options: Any) -> Any:
            ready.set()
            return original(*args, **options)

        return wrapped

    ServiceManager.ready = telling(ServiceManager.ready)  # type: ignore[method-assign]
    Store.write = stepping(Store.write)  # type: ignore[method-assign]
    Checker.check = stepping(Checker.check)  # type: ignore[method-assign]
    deliver.send = stepping(deliver.send)
    sys.argv = ["weaklink", "--config", config, "run"]
    main()
