"""The daemon, killed by SIGKILL at its N-th step: ``python crashing_daemon.py N CONFIG``.

A step is any moment before or after it reads or writes the database, checks a target or sends a message, from the
first check on. With N = 0 it is not killed.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from alerts import deliver
from monitor.check import Checker
from monitor.cli import main
from monitor.store.engine import Store

LAST = int(sys.argv[1])
step = 0


def stepping(original: Any) -> Any:
    async def wrapped(*args: Any, **options: Any) -> Any:
        count()
        result = await original(*args, **options)
        count()
        return result

    return wrapped


def count() -> None:
    global step
    step += 1
    if step == LAST:
        os.kill(os.getpid(), signal.SIGKILL)


Store.write = stepping(Store.write)  # type: ignore[method-assign]
Checker.check = stepping(Checker.check)  # type: ignore[method-assign]
deliver.send = stepping(deliver.send)
sys.argv = ["weaklink", "--config", sys.argv[2], "run"]
main()
