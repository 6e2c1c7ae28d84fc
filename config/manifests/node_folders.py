"""Which package a folder finds under a name, as Node.js looks for it: in its own folder, then further outwards."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final

from config.manifests.files import File

_LONGEST_PATH: Final = 4096
_MOST_CHARACTERS: Final = 400_000_000
"""Of the paths that are looked at; the largest public lock files take a tenth of that."""


class Folders:
    """The folders of one lock file, each by its path."""

    def __init__(self, file: File, paths: Collection[str], outwards: Callable[[str], Iterable[str]]) -> None:
        """``outwards`` gives for a path what to put before a name, in the order in which Node.js looks."""
        self._file = file
        self._paths = paths
        self._outwards = outwards
        self._characters = 0

    def found(self, path: str, names: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Each name that is there for the package at ``path``, with the path that it leads to."""
        outwards: list[str] = []
        characters = 0
        for name in names:
            if not outwards:
                self._bound(len(path), _LONGEST_PATH)
                outwards = [*self._outwards(path)]
                characters = sum(len(before) + len(name) for before in outwards)
            self._characters += characters
            self._bound(self._characters, _MOST_CHARACTERS)
            found = next((before + name for before in outwards if before + name in self._paths), None)
            if found is not None:
                yield name, found

    def _bound(self, size: int, most: int) -> None:
        if size > most:
            self._file.wrong("its folders nest deeper than any project's", "make it anew with its tool")
