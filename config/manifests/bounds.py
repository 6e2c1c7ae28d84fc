"""How far the files of a project may lead: to what lies in its repository, or in the folder that the watch names.

Whoever can push to a project could otherwise have any file read that the daemon's user may read.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from msgspec import Struct

_REPOSITORIES: Final = (".git", ".hg", ".svn")


class Bounds(Struct, frozen=True):
    """Folders by their real paths, all of which must hold a file for it to be read."""

    folders: tuple[Path, ...]

    def hold(self, path: Path) -> bool:
        """Whether that is where a path really leads, whether or not anything is there."""
        try:
            real = Path(os.path.realpath(path))
        except ValueError:  # a NUL byte
            return False
        return all(real.is_relative_to(folder) for folder in self.folders)

    def __str__(self) -> str:
        return str(self.folders[0]) if self.folders else "/"


ANYWHERE: Final = Bounds(())


class Bounding:
    """Finds bounds; looks at each folder once."""

    def __init__(self) -> None:
        self._repositories: dict[Path, tuple[Path, ...]] = {}

    def of(self, path: Path, watched: Path, root: Path | None) -> Bounds:
        """The bounds of a file that was found in the folder ``watched``.

        They are ``root`` where the watch has one, else the repository of the file, else ``watched``. A repository that
        lies in another must be inside that one really: a link in the outer one is no way out of it.
        """
        folders = (root,) if root is not None else self._above(path.parent) or (watched,)
        return Bounds(tuple(Path(os.path.realpath(folder)) for folder in folders))

    def _above(self, folder: Path) -> tuple[Path, ...]:
        """The repositories that a folder lies in, the nearest first."""
        known = self._repositories.get(folder)
        if known is None:
            outer = self._above(folder.parent) if folder != folder.parent else ()
            own = any((folder / mark).exists() for mark in _REPOSITORIES)
            known = self._repositories[folder] = (folder, *outer) if own else outer
        return known
