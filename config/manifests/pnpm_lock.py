"""pnpm's ``pnpm-lock.yaml``, versions 5, 6, 7 and 9.

Each package has a key that says name and version, and the peers that it was resolved with: ``/foo/1.0.0_bar@2.0.0`` in
version 5, ``/foo@1.0.0(bar@2.0.0)`` in 6, ``foo@1.0.0(bar@2.0.0)`` in 9, which also moves what a package needs from
``packages`` to ``snapshots``. What the project asks for stands under ``importers``, one for each workspace, or on top.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from config.manifests.documents import yaml_of
from config.manifests.files import File
from config.manifests.graph import Node, entries_of
from config.manifests.model import Entry
from config.manifests.npm_names import aliased, from_registry, line_of, local_purl, mapping, npm_purl, split

_MAJORS: Final = (5, 6, 7, 9)
_MEND: Final = "make it anew with pnpm install --lockfile-only"
_VERSION: Final = re.compile(r"\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]*)?")
_PRODUCTION: Final = ("dependencies", "optionalDependencies")
_DEVELOPMENT: Final = ("devDependencies", "configDependencies", "packageManagerDependencies")
"""The last two fetch pnpm itself and its plugins."""


def read_pnpm_lock(file: File) -> list[Entry]:
    """The packages of a lock file of pnpm; ManifestError where it is none."""
    nodes: dict[str, Node] = {}
    production: list[str] = []
    development: list[str] = []
    for number, document in enumerate(yaml_of(file)):
        if document is None:
            continue
        lock = _Lock(file, document, f"{number} ")
        production += lock.asked_for(_PRODUCTION)
        development += lock.asked_for(_DEVELOPMENT)
        nodes |= lock.nodes()
    return entries_of(nodes, production, development, file.name)


class _Lock:
    """One document; a file may have a second one, for pnpm's own packages."""

    def __init__(self, file: File, document: Any, prefix: str) -> None:
        if not isinstance(document, dict) or "lockfileVersion" not in document:
            file.wrong("it is no lock file of pnpm: it has no lockfileVersion", _MEND)
        self._file = file
        self._prefix = prefix
        self._major = self._version(document["lockfileVersion"])
        self._packages = self._table(document, "packages")
        self._places = self._table(document, "snapshots")
        covered = {key.partition("(")[0] for key in self._places} | self._places.keys()
        uncovered = {key: one for key, one in self._packages.items() if key not in covered}
        self._places |= uncovered
        if not file.data.endswith(b"\n") and (uncovered if self._major >= 9 else self._ends_in_nothing()):
            file.wrong("it ends too early", _MEND, file.data.count(b"\n") + 1)
        importers = self._table(document, "importers")
        self._importers = importers if "importers" in document else {".": document}
        self._catalogs = self._table(document, "catalogs")
        self._ranges: dict[str, dict[str, None]] = {}

    def _ends_in_nothing(self) -> bool:
        return bool(self._packages) and not [*self._packages.values()][-1]

    def _version(self, stated: Any) -> int:
        major = stated.partition(".")[0] if isinstance(stated, str) else ""
        if major not in map(str, _MAJORS):
            known = ", ".join(map(str, _MAJORS))
            self._file.wrong(f"its lockfileVersion is none of {known}", _MEND, line_of(self._file, "lockfileVersion"))
        return int(major)

    def _table(self, document: Mapping[str, Any], key: str) -> dict[str, dict[str, Any]]:
        return {
            name: mapping(self._file, one, name) for name, one in mapping(self._file, document.get(key), key).items()
        }

    def asked_for(self, tables: Iterable[str]) -> Iterator[str]:
        """The keys of what the project and its workspaces ask for in some tables."""
        for importer in self._importers.values():
            specifiers = mapping(self._file, importer.get("specifiers"), "specifiers")
            for name, asked, found in self._needs(importer, tables):
                spec = asked.get("specifier") if isinstance(asked, dict) else specifiers.get(name)
                self._note_range(name, spec, found)
                yield found

    def nodes(self) -> dict[str, Node]:
        return {self._prefix + key: self._node(key, place) for key, place in self._places.items()}

    def _node(self, key: str, place: Mapping[str, Any]) -> Node:
        stated = self._packages.get(key) or self._packages.get(key.partition("(")[0]) or place
        name, version = self._named(key)
        registry = bool(version)
        for field in ("name", "version"):
            if not isinstance(stated.get(field, ""), str):
                self._file.wrong(f"the {field} of {key[:100]!r} is no text", _MEND, line_of(self._file, key))
        name, version = stated.get("name") or name, stated.get("version") or version
        resolution = mapping(self._file, stated.get("resolution"), "resolution")
        node = Node(name, version=version, registry=registry, dev=stated.get("dev") is True)
        node.needs = [found for _, _, found in self._needs(place, _PRODUCTION)]
        if registry:
            node.purl = npm_purl(self._file, name, key)
            node.ranges = self._ranges.get(self._prefix + key, ())
        elif name and resolution.get("directory") not in self._importers:
            node.purl = local_purl(self._file, name)
        return node

    def _note_range(self, name: str, spec: Any, found: str) -> None:
        if isinstance(spec, str) and spec.startswith("catalog:"):
            catalogued = self._catalogs.get(spec.removeprefix("catalog:") or "default", {}).get(name)
            spec = catalogued.get("specifier") if isinstance(catalogued, dict) else None
        if isinstance(spec, str) and from_registry(spec):
            self._ranges.setdefault(found, {})[aliased(name, spec)[1]] = None

    def _needs(self, holder: Mapping[str, Any], tables: Iterable[str]) -> Iterator[tuple[str, Any, str]]:
        """What it asks for: the name, what stands there, and the key that this leads to."""
        for table in tables:
            for name, asked in mapping(self._file, holder.get(table), table).items():
                reference = asked.get("version") if isinstance(asked, dict) else asked
                if not isinstance(reference, str):
                    problem = f"the version of {name[:100]!r} in {table!r} is no text"
                    self._file.wrong(problem, _MEND, line_of(self._file, name))
                found = self._found(name, reference)
                if found is not None:
                    yield name, asked, found

    def _found(self, name: str, reference: str) -> str | None:
        """The key that a reference leads to: a version, or a whole key where the name alone does not tell it."""
        joined = f"/{name}/{reference}" if self._major == 5 else f"/{name}@{reference}"
        for key in (joined, joined[1:], reference):
            if key in self._places:
                return self._prefix + key
        return None

    def _named(self, key: str) -> tuple[str, str]:
        """Name and version of a package of a registry, by its key; the version is empty for one from elsewhere."""
        if key.startswith(("file:", "link:")):
            return "", ""
        if self._major >= 9:
            name, rest = split(key.removeprefix("/"))
            if not rest:
                self._invalid(key)
            version = rest.partition("(")[0]
            return name, version if _VERSION.fullmatch(version) else ""
        _, slash, path = key.partition("/")
        if not slash:
            self._invalid(key)
        if self._major == 5:
            parts = path.split("/")
            scoped = path.startswith("@")
            name, rest = "/".join(parts[: 1 + scoped]), "".join(parts[1 + scoped : 2 + scoped]).partition("_")[0]
        else:
            name, rest = split(path.partition("(")[0])
        return (name, rest) if _VERSION.fullmatch(rest) else ("", "")

    def _invalid(self, key: str) -> None:
        problem = f"{key[:100]!r} does not say a package and its version"
        self._file.wrong(problem, _MEND, line_of(self._file, key))
