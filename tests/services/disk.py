"""The disk under a daemon, in the hands of a test: it fills up, turns read-only, fails, or loses power.

``disk.c`` stands between the daemon and libc (``LD_PRELOAD``). It refuses what a broken disk refuses, and writes down
every change of the database's files with its moment. From that, every state can be made that a power cut at any
moment may have left: what was synced, and of the rest any part, down to single sectors.
"""

from __future__ import annotations

import ctypes
import errno
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache, partial
from mmap import mmap
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

PAGE: Final = 4096
SECTOR: Final = 512
"""Bytes that a disk writes wholly or not at all."""
_HEAD: Final = struct.Struct("=QQIIHc5x")


@cache
def library() -> Path:
    """The compiled shim."""
    made = Path(tempfile.mkdtemp(prefix="weaklink-disk-")) / "disk.so"
    source = Path(__file__).with_name("disk.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", made, source, "-ldl"], check=True)
    return made


def _watch(shim: str, folder: str, log: str, control: str) -> None:
    ctypes.CDLL(shim).disk_watch(folder.encode(), log.encode(), control.encode())


class Disk:
    """What lies in one folder."""

    def __init__(self, folder: Path, *, recorded: bool = False) -> None:
        self.folder = folder
        self._log = folder.with_name(f"{folder.name}.writes") if recorded else None
        control = folder.with_name(f"{folder.name}.trouble")
        control.write_bytes(bytes(PAGE))
        with control.open("r+b") as file:
            self._trouble = mmap(file.fileno(), PAGE)
        self.prepare: Callable[[], None] = partial(
            _watch, str(library()), str(folder), str(self._log or ""), str(control)
        )
        """For ``forked.daemon``: puts the new process on this disk."""

    @contextmanager
    def _refusing(self, error: int) -> Iterator[None]:
        self._trouble[:4] = struct.pack("=i", error)
        try:
            yield
        finally:
            self._trouble[:4] = bytes(4)

    def full(self) -> AbstractContextManager[None]:
        """Nothing that needs more room can be written."""
        return self._refusing(errno.ENOSPC)

    def read_only(self) -> AbstractContextManager[None]:
        """As a file system is that was mounted anew because of errors."""
        return self._refusing(errno.EROFS)

    def failing(self) -> AbstractContextManager[None]:
        return self._refusing(errno.EIO)

    def writes(self) -> list[Write]:
        """Every change of its files since the beginning."""
        assert self._log is not None
        return list(_parse(self._log.read_bytes()))


class Write(NamedTuple):
    """One change of a file, or the begin or end of a sync."""

    at: float
    """``time.monotonic()`` of the moment before it."""
    what: str
    name: str
    offset: int
    data: bytes
    thread: int


def _parse(log: bytes) -> Iterator[Write]:
    place = 0
    while place < len(log):
        at, offset, length, thread, named, what = _HEAD.unpack_from(log, place)
        place += _HEAD.size
        name = log[place : place + named].decode()
        data = log[place + named : place + named + length]
        place += named + length
        yield Write(at / 1e9, what.decode(), name, offset, data, thread)


def after_power_cut(writes: Sequence[Write], rng: Random | None = None) -> dict[str, bytes]:
    """The files as a power cut leaves them: without dice what was synced, with dice any part of the rest besides."""
    synced: dict[str, int] = {}
    """Of each file, where in the log its last sync began that ended."""
    syncs: dict[tuple[int, str], int] = {}
    for number, write in enumerate(writes):
        if write.what == "S":
            syncs[write.thread, write.name] = number
        elif write.what == "N":
            synced[write.name] = max(synced.get(write.name, 0), syncs[write.thread, write.name])
    files: dict[str, bytearray] = {}
    for number, write in enumerate(writes):
        if write.what in "SN":
            continue
        # Names are the folder's; what they name is the file's.
        sure = number < synced.get("." if write.what in "CU" else write.name, 0)
        if sure or (rng is not None and rng.random() < 0.5):
            _apply(files, write, None if sure else rng)
    return {name: bytes(content) for name, content in files.items()}


def _apply(files: dict[str, bytearray], write: Write, torn: Random | None) -> None:
    if write.what == "C":
        files[write.name] = bytearray()
    elif write.what == "U":
        files.pop(write.name, None)
    elif (content := files.get(write.name)) is None:
        return
    elif write.what == "T":
        del content[write.offset :]
        content.extend(bytes(write.offset - len(content)))
    else:
        for start in range(0, len(write.data), SECTOR):
            if torn is None or torn.random() < 0.8:
                piece = write.data[start : start + SECTOR]
                place = write.offset + start
                content.extend(bytes(max(0, place - len(content))))
                content[place : place + len(piece)] = piece
