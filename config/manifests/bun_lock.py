"""Bun's text lock file ``bun.lock``, versions 0 to 2: JSON with comments.

``packages`` names each package by its folder, without ``node_modules``: ``a/b`` is the ``b`` that ``a`` finds
first. Its value is an array that begins with name and version, or where else the package comes from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from config.manifests.documents import jsonc_of
from config.manifests.files import File
from config.manifests.graph import Node, entries_of
from config.manifests.model import Entry
from config.manifests.node_folders import Folders
from config.manifests.npm_names import (
    aliased,
    from_registry,
    line_of,
    local_purl,
    mapping,
    npm_purl,
    specs,
    split,
    tarball,
)
from config.manifests.npm_project import asked_by

NEWEST: Final = 2
_MEND: Final = "make it anew with bun install --lockfile-only"
_TABLES: Final = ("peerDependencies", "optionalDependencies", "dependencies")


def read_bun_lock(file: File) -> list[Entry]:
    """The packages of a lock file of Bun; ManifestError where it is none."""
    lock = jsonc_of(file)
    if not isinstance(lock, dict) or (lock and "lockfileVersion" not in lock):
        file.wrong("it is no lock file of Bun: it has no lockfileVersion", _MEND)
    version = lock.get("lockfileVersion", NEWEST)
    if not isinstance(version, int) or isinstance(version, bool) or not 0 <= version <= NEWEST:
        file.wrong(f"its lockfileVersion is none of 0 to {NEWEST}", _MEND, line_of(file, "lockfileVersion"))
    return _Tree(file, lock).entries()


class _Tree:
    """The folders of a lock file, and which of them each finds under a name."""

    def __init__(self, file: File, lock: Mapping[str, Any]) -> None:
        self._file = file
        self._workspaces = mapping(file, lock.get("workspaces"), "workspaces")
        self._places = mapping(file, lock.get("packages"), "packages")
        self._folders = Folders(file, self._places, _outwards)
        self._ranges: dict[str, dict[str, None]] = {}

    def entries(self) -> list[Entry]:
        production: list[str] = []
        development: list[str] = []
        for folder, stated in self._workspaces.items():
            manifest = mapping(self._file, stated, folder)
            name = manifest.get("name")
            asked = asked_by(self._file, manifest)
            within = name if folder and isinstance(name, str) else ""
            production += self._found(within, asked.production)
            development += self._found(within, asked.development)
        nodes = {path: self._node(path, place) for path, place in self._places.items()}
        for path, node in nodes.items():
            node.ranges = self._ranges.get(path, ()) if node.registry else ()
        return entries_of(nodes, production, development, self._file.name)

    def _node(self, path: str, place: Any) -> Node:
        if not isinstance(place, list) or not place or not isinstance(place[0], str) or not split(place[0])[1]:
            problem = f"what stands under {path[:100]!r} does not begin with a package and its version"
            self._file.wrong(problem, _MEND, line_of(self._file, f'"{path}"'))
        name, reference = split(place[0])
        if reference.startswith(("workspace:", "root:")):
            return Node(name)
        stated = next((part for part in place[1:] if isinstance(part, dict)), {})
        asked: dict[str, str] = {}
        for table in _TABLES:
            asked |= specs(self._file, stated.get(table), table)
        node = Node(name, needs=[*self._found(path, asked)], registry=from_registry(reference))
        node.needs_in_development = [*self._found(path, asked_by(self._file, stated).development)]
        if at := tarball(reference):
            node.registry, (node.name, reference) = True, at
        if node.registry:
            node.purl, node.version = npm_purl(self._file, node.name, path), reference
        else:
            node.purl = local_purl(self._file, name)
        return node

    def _found(self, path: str, asked: Mapping[str, str]) -> Iterator[str]:
        for name, found in self._folders.found(path, asked):
            if from_registry(asked[name]):
                self._ranges.setdefault(found, {})[aliased(name, asked[name])[1]] = None
            yield found


def _outwards(path: str) -> Iterator[str]:
    """The folders in which a package is looked for: its own, then each one around it; a scope is no folder."""
    while path:
        yield path + "/"
        path = path.rpartition("/")[0]
        if path.rpartition("/")[2].startswith("@"):
            path = path.rpartition("/")[0]
    yield ""
