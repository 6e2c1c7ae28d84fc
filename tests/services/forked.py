"""``weaklink`` as processes of their own, forked from one that has imported it already: a start costs a tenth."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.forkserver import ensure_running
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import pytest

from monitor.cli import main
from monitor.systemd import ServiceManager
from tests.services.disk import library

PR_SET_PDEATHSIG: Final = 1
"""Of prctl(2)."""
Prepare = Callable[[], None]
"""Called in the new process before it begins; a function of a module, or a ``partial`` of one."""

forks = get_context("forkserver")
forks.set_forkserver_preload(["tests.services.imported"])


class Said(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


@contextmanager
def daemon(config: Path, prepare: Prepare | None = None, *, await_ready: bool = True) -> Iterator[BaseProcess]:
    """``weaklink run`` beside this configuration, ready or dead; ``exitcode`` is that of the command, or -signal.

    What it says stands in ``daemon.log`` beside the configuration.
    """
    ready = forks.Event()
    log = config.parent / "daemon.log"
    process = forked(config=config, arguments=("run",), out=log, err=log, prepare=prepare, ready=ready)
    process.start()
    try:
        # Before it is ready, SIGTERM ends it as it would end any program.
        end = time.monotonic() + 120
        while await_ready and process.is_alive() and not ready.wait(0.05):
            assert time.monotonic() < end, "the daemon was not ready in time"
        yield process
    finally:
        process.kill()
        process.join(10)


def stop(process: BaseProcess) -> int | None:
    assert process.pid is not None
    os.kill(process.pid, signal.SIGTERM)
    process.join(60)
    return process.exitcode


def command(config: Path, *arguments: str, prepare: Prepare | None = None) -> Said:
    """Any other command beside this configuration."""
    with TemporaryDirectory(prefix="weaklink-said-") as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = forked(config=config, arguments=arguments, out=out, err=err, prepare=prepare)
        process.start()
        process.join(120)
        assert process.exitcode is not None, f"{arguments} did not end"
        return Said(process.exitcode, out.read_text(), err.read_text())


def forked(**how: Any) -> BaseProcess:
    """A process, not yet started, that does what ``_run`` says."""
    # The server from which processes are forked knows by its environment alone where to find modules.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
        patch.setenv("LD_PRELOAD", str(library()))
        ensure_running()
    return forks.Process(target=_run, daemon=True, kwargs=how)


def _run(
    config: Path,
    arguments: tuple[str, ...],
    out: Path,
    err: Path,
    prepare: Prepare | None = None,
    ready: Event | None = None,
) -> None:
    # Nobody is left to end it where the tests themselves are killed.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.chdir(config.parent)
    os.environ["HOME"] = str(config.parent)
    for number, file in ((1, out), (2, err)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    if ready is not None:
        ServiceManager.ready = _telling(ServiceManager.ready, ready)  # type: ignore[method-assign]
    if prepare is not None:
        prepare()
    sys.argv = ["weaklink", "--config", str(config), *arguments]
    main()


def _telling(original: Any, ready: Event) -> Any:
    def wrapped(*args: Any, **options: Any) -> Any:
        ready.set()
        return original(*args, **options)

    return wrapped
