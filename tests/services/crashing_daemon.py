"""The daemon, killed by SIGKILL at its N-th step.

A step is any moment before or after it writes the database, checks a target or sends a message, from the first write
on. With N = 0 it is not killed.
"""

from __future__ import annotations

import os
import signal
from contextlib import AbstractContextManager
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from alerts import deliver
from monitor.check import Checker
from monitor.store.engine import Store
from tests.services import forked
from tests.services.forked import stop

__all__ = ["daemon", "stop"]


def daemon(config: Path, step: int = 0) -> AbstractContextManager[BaseProcess]:
    """``weaklink run`` beside this configuration, ready or dead; ``exitcode`` is that of the command, or -signal."""
    return forked.daemon(config, partial(_killed_at, step))


def _killed_at(last: int) -> None:
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

    Store.write = stepping(Store.write)  # type: ignore[method-assign]
    Checker.check = stepping(Checker.check)  # type: ignore[method-assign]
    deliver.send = stepping(deliver.send)
