"""Every format that a watchlist can name: one line each in one table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Final

from msgspec import Struct

from config.manifests.files import File
from config.manifests.model import Entry


class Format(Struct, frozen=True):
    """A family of files and its reader."""

    name: str
    files: tuple[str, ...]
    """Globs of the file names that its tools use."""
    read: Callable[[File], Sequence[Entry]]
    """What the file says that a project uses; ManifestError where it is not what its name says."""


FORMATS: Final[tuple[Format, ...]] = ()


def format_of(name: str) -> Format | None:
    """The format of a file by its name, the first that fits; None where the name says nothing."""
    return next((one for one in FORMATS if any(fnmatchcase(name, glob) for glob in one.files)), None)
