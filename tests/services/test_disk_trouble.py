"""The disk under the daemon's database: full, read-only, failing, held by another program, and well again."""

from __future__ import annotations

import ctypes
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.services.disk import Disk
from tests.services.forked import command, daemon, stop
from tests.services.watch import Watch, impatient, live_through, wait_for


def on_disk(prepare: Callable[[], None]) -> None:
    impatient()
    prepare()


@pytest.mark.parametrize("trouble", [Disk.full, Disk.read_only, Disk.failing])
def test_a_disk_that_takes_nothing_for_a_while_loses_nothing_and_repeats_nothing(
    tmp_path: Path, registry: Any, sink: Any, trouble: Callable[[Disk], AbstractContextManager[None]]
) -> None:
    here = Watch(tmp_path / "data", registry, sink, packages=4)
    disk = Disk(tmp_path / "data")
    with daemon(here.config, partial(on_disk, disk.prepare)) as running:
        assert wait_for(here.seen, running), here
        live_through(here, running, trouble(disk))
        assert stop(running) == 0


@contextmanager
def small_file_system(folder: Path, disk: Disk) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """A file system of its own, and how to fill it; where none may be mounted, the shim's way of being full."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        yield disk.full
        return

    @contextmanager
    def filled() -> Iterator[None]:
        ballast = folder / "ballast"
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(1024))
        assert shutil.disk_usage(folder).free == 0
        yield
        ballast.unlink()

    try:
        yield filled
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_small_file_system_may_fill_up_and_be_cleared(tmp_path: Path, registry: Any, sink: Any) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    disk = Disk(folder)
    with small_file_system(folder, disk) as filled:
        here = Watch(tmp_path / "data", registry, sink, packages=4, database=f"sqlite:///{folder}/weaklink.db")
        with daemon(here.config, partial(on_disk, disk.prepare)) as running:
            assert wait_for(here.seen, running), here
            live_through(here, running, filled())
            assert stop(running) == 0


def test_an_edit_while_the_disk_is_full_is_taken_up_when_there_is_room(
    tmp_path: Path, registry: Any, sink: Any
) -> None:
    here = Watch(tmp_path / "data", registry, sink)
    disk = Disk(tmp_path / "data")
    with daemon(here.config, disk.prepare) as running:
        assert wait_for(here.seen, running), here
        with disk.full():
            here.config.write_text(
                here.config.read_text().replace('["npm:package-0"]', '["npm:package-0", "npm:more"]')
            )
            assert wait_for(lambda: bool(here.log_lines("not taken up yet")), running), here
        added = "SELECT 1 FROM target WHERE subject = 'pkg:npm/more'"
        assert wait_for(lambda: bool(here.ask(added)), running), here
        assert stop(running) == 0


def test_another_program_may_hold_the_database_as_long_as_it_likes(tmp_path: Path, registry: Any, sink: Any) -> None:
    here = Watch(tmp_path / "data", registry, sink, packages=4)

    @contextmanager
    def held() -> Iterator[None]:
        with closing(sqlite3.connect(here.config.parent / "weaklink.db", isolation_level=None, timeout=30)) as other:
            other.execute("BEGIN EXCLUSIVE")
            yield

    with daemon(here.config, impatient) as running:
        assert wait_for(here.seen, running), here
        live_through(here, running, held())
        assert stop(running) == 0


def without_privileges() -> None:
    """Root without capabilities, for whom the modes of files count as for anybody."""

    class Header(ctypes.Structure):
        _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))

    none = (ctypes.c_uint32 * 6)()
    if os.getuid() == 0 and ctypes.CDLL(None).capset(ctypes.byref(Header(0x20080522, 0)), none):
        raise OSError("capabilities cannot be dropped")


@pytest.mark.parametrize(
    ("folder", "file", "problem"),
    [
        (0o555, None, "cannot be opened; the folder must exist and be writable by the daemon's user"),
        (0o555, 0o644, "the file or its folder cannot be written; give the daemon's user write access"),
        (0o755, 0o444, "the file or its folder cannot be written; give the daemon's user write access"),
    ],
)
def test_a_daemon_that_may_not_write_says_so_in_one_line_and_ends(
    tmp_path: Path, registry: Any, sink: Any, folder: int, file: int | None, problem: str
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    here = Watch(tmp_path / "team", registry, sink, database=f"sqlite:///{data}/weaklink.db")
    if file is not None:
        assert command(here.config, "check").code == 0
        (data / "weaklink.db").chmod(file)
    data.chmod(folder)
    said = command(here.config, "run", prepare=without_privileges)
    assert said.code == 2
    assert [line for line in said.err.splitlines() if not line.startswith("INFO")] == [
        f"weaklink: {data}/weaklink.db: {problem}"
    ]
    data.chmod(0o755)
