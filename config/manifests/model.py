"""What a manifest, lock file or SBOM says that a project uses."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from msgspec import Struct

MOST_RANGES: Final = 50
"""Of one package: what hundreds ask for, they ask for in few ways."""


class Entry(Struct, frozen=True, kw_only=True):
    """One package that a project uses, as one file names it."""

    purl: str
    """Canonical, without version, qualifiers and subpath: ``pkg:npm/%40babel/core``, ``pkg:pypi/requests``."""
    versions: tuple[str, ...] = ()
    """Exact versions in use, each once, in the order of the file; empty where the file states only a range."""
    direct: bool = False
    """The project itself asks for it."""
    dev: bool = False
    """Only development, test or build dependencies lead to it."""
    via: tuple[str, ...] = ()
    """One shortest chain of package names that brings it in, from a direct dependency down, without itself."""
    source: str = ""
    """The file it was read from, as the watchlist names it."""
    ranges: tuple[str, ...] = ()
    """The ranges by which the project and its dependencies ask for it, where the file tells them; each once."""
    registry: bool = True
    """It comes from a package registry. False: from a folder, a repository or an address of its own, so that what
    a registry has under the same name is another package; it is shown, but nothing is looked up for it."""


class ManifestError(Exception):
    """A file that cannot be read as what it claims to be: says which, where, what is wrong and how to mend it."""

    def __init__(self, path: Path | str, problem: str, mend: str, line: int | None = None) -> None:
        where = f"{path}:{line}" if line else str(path)
        super().__init__(f"{where}: {problem}; {mend}")
        self.path = Path(path)
        self.problem = problem
        self.mend = mend
        self.line = line
