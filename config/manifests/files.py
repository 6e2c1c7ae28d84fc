"""The files that a watchlist leads to: read once, to a limit, and remembered, so that changes of them are seen."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NoReturn

from msgspec import Struct

from config.manifests.bounds import ANYWHERE, Bounds
from config.manifests.model import ManifestError

MOST_BYTES: Final = 64 * 1024 * 1024
"""Of one file; the longest lock files in public projects have about 5 MB."""
MOST_ASKED: Final = 100_000
"""Other files that one file may name; the largest public monorepos have a twentieth of that."""
_MOST_OUTSIDE: Final = 100
_TRIES: Final = 3

Stamp = tuple[int, int, int, int, int]
"""Device, inode, size and times of change of a file."""


class File(Struct, frozen=True):
    """One file as it was read: ``name`` is what the watchlist calls it and what entries give as their source."""

    path: Path
    name: str
    data: bytes
    files: Files

    def beside(self, relative: str, line: int | None = None) -> File | None:
        """Another file that this one cannot be understood without, by its path from here; None where there is none.

        A lock file often leaves to its manifest what is direct, and a requirements file includes others. One that lies
        outside the bounds is none either: that and the ``line`` that names it stand in ``files.left_out`` then.
        """
        path = self.path.parent / relative
        if not self.files.hold(path):
            self.files.leave_out(path, self.name, line)
            return None
        return self.files.find(path, str(Path(self.name).parent / relative))

    def wrong(self, problem: str, mend: str, line: int | None = None) -> NoReturn:
        raise ManifestError(self.name, problem, mend, line)


class Files:
    """Reads each file within the bounds once."""

    def __init__(self, bounds: Bounds = ANYWHERE) -> None:
        self._bounds = bounds
        self._read: dict[Path, File] = {}
        self.asked: dict[Path, Stamp | None] = {}
        """Every path that was looked for, and how it was just before (None: away)."""
        self.outside: dict[Path, str] = {}
        """Every path that was not looked for, since it leads out of the bounds, and where it really leads."""
        self.left_out: list[ManifestError] = []
        """What to say of those."""

    def hold(self, path: Path) -> bool:
        """Whether a path leads to where files may be read."""
        return self._bounds.hold(path)

    def leave_out(self, path: Path, name: str, line: int | None) -> None:
        """Remember that ``name`` asks for a file outside; ManifestError when it does so without end."""
        if "\0" in str(path) or path in self.outside:
            return
        self.outside[path] = os.path.realpath(path)
        error = self._leads_out(name, "a file that it names lies", line)
        if len(self.outside) > _MOST_OUTSIDE:
            raise error
        self.left_out.append(error)

    def _leads_out(self, name: str, what: str, line: int | None = None) -> ManifestError:
        mend = "name the folder that holds both as root of the watch, if it is meant"
        return ManifestError(name, f"{what} outside {self._bounds} and is not read", mend, line)

    def open(self, path: Path, name: str) -> File:
        """The file; ManifestError where it cannot be read, is no plain file, lies outside, or is too large."""
        name = legible(name)
        self._ask(path)
        if not self.hold(path):
            raise self._leads_out(name, "it is a link, and what it leads to lies")
        if path not in self._read:
            self._read[path] = File(path, name, _content(path, name), self)
        return self._read[path]

    def find(self, path: Path, name: str) -> File | None:
        """The file, or None where there is none; ManifestError where it is there and cannot be read."""
        name = legible(name)
        self._ask(path)
        if len(self.asked) > MOST_ASKED:
            raise ManifestError(name, f"more than {MOST_ASKED} files are named", "leave it out of the watchlist")
        return self.open(path, name) if path.is_file() else None

    def _ask(self, path: Path) -> None:
        if path not in self.asked:
            self.asked[path] = stamp_of(path)


def legible(name: str) -> str:
    """The name of a file as text: what is none in it, such as a byte of another encoding, is shown by its number."""
    return name.encode(errors="backslashreplace").decode()


def stamp_of(path: Path) -> Stamp | None:
    """What shows that a file was changed or replaced; None where there is none."""
    try:
        return _stamp(path.stat())
    except (OSError, ValueError):
        return None


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _content(path: Path, name: str) -> bytes:
    try:
        if not path.is_file():
            problem = "it is no file" if path.exists() else "there is no such file"
            raise ManifestError(name, problem, "correct the path in the watchlist")
        return _whole(path, name)
    except OSError as error:
        raise ManifestError(
            name, f"it cannot be read: {error.strerror or error}", "let weaklink's user read it"
        ) from None


def _whole(path: Path, name: str) -> bytes:
    """The content, as it was at one moment: read again where it was written meanwhile."""
    data = b""
    for _ in range(_TRIES):
        with path.open("rb") as stream:
            before = os.fstat(stream.fileno())
            if before.st_size <= MOST_BYTES:
                data = stream.read(MOST_BYTES + 1)
            if max(before.st_size, len(data)) > MOST_BYTES:
                raise ManifestError(name, f"it has more than {MOST_BYTES} bytes", "leave it out of the watchlist")
            if _stamp(os.fstat(stream.fileno())) == _stamp(before):
                break
    return data
