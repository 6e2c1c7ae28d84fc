"""Yarn's ``yarn.lock``, of Yarn 1 (classic) and of all later ones (Berry, which writes YAML).

Both list, for each package at one version, the ranges that led to it: ``qs@^6.5.0, qs@~6.5.2``. What the project itself
asks for stands in ``package.json``; Berry lists the project and its workspaces among the packages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import unquote

from msgspec import Struct

from config.manifests.documents import text_of, yaml_of
from config.manifests.files import File
from config.manifests.graph import Node, entries_of
from config.manifests.model import Entry
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
from config.manifests.npm_project import MANIFEST, Asked, asked_by, manifest_in, project_beside
from config.manifests.yarn_classic import blocks_of

_MEND: Final = "make it anew with yarn install"
_BERRY: Final = re.compile(r'^(?:"?__metadata"?:|  "?(?:version|resolution)"?: )', re.MULTILINE)
_MOST_OVERRIDES: Final = 20
_GIT: Final = re.compile(r"git(?:\+\w+)?:|ssh:|[^#]*\.git(?:#|$)|https://codeload\.")


class Package(Struct):
    """One block of a lock file, whichever Yarn wrote it."""

    name: str
    version: str
    registry: bool
    ranges: list[str]
    """The ``name@range`` that led to it."""
    needs: dict[str, str]
    workspace: str | None = None
    """The folder, for the project itself and its workspaces."""


def read_yarn_lock(file: File) -> list[Entry]:
    """The packages of a lock file of Yarn; ManifestError where it is none."""
    if _BERRY.search(text_of(file)):
        packages = [*_berry(file)]
        asked = _asked_in_berry(file, packages)
    else:
        packages = [*_classic(file)]
        asked = _asked_beside(file)
    return _Lock(file, packages).entries(asked)


class _Lock:
    def __init__(self, file: File, packages: list[Package]) -> None:
        self._file = file
        self._packages = packages
        self._by_range: dict[str, str] = {}
        self._patches: dict[str, str] = {}
        self._by_name: dict[str, list[str]] = {}
        for n, package in enumerate(packages):
            # Behind `::` Berry says whose folder a path starts from.
            self._by_range |= {one.partition("::")[0]: str(n) for one in package.ranges}
            self._patches |= {_patched(one): str(n) for one in package.ranges if "@patch:" in one}
            for name in dict.fromkeys(split(one)[0] for one in package.ranges):
                self._by_name.setdefault(name, []).append(str(n))

    def entries(self, asked: Iterable[Asked] | None) -> list[Entry]:
        nodes = {str(n): self._node(package) for n, package in enumerate(self._packages)}
        if asked is None:
            needed = {key for node in nodes.values() for key in node.needs}
            production, development = [key for key in nodes if key not in needed], []
        else:
            manifests = [*asked]
            production = [key for one in manifests for key in self._found(one.production)]
            development = [key for one in manifests for key in self._found(one.development)]
        return entries_of(nodes, production, development, self._file.name)

    def _node(self, package: Package) -> Node:
        node = Node(package.name, "", package.version, package.registry, needs=[*self._found(package.needs)])
        if package.workspace is not None:
            node.needs = ()
        elif package.registry:
            node.purl = npm_purl(self._file, package.name, package.ranges[0])
            asked = (split(one) for one in package.ranges)
            node.ranges = [aliased(name, spec)[1] for name, spec in asked if from_registry(spec)]
        else:
            node.purl = local_purl(self._file, package.name)
        return node

    def _found(self, asked: Mapping[str, str]) -> Iterator[str]:
        """What each range leads to. A range that stands nowhere was overridden: then the name alone leads there."""
        for name, spec in asked.items():
            for written in (f"{name}@{spec}", f"{name}@npm:{spec}"):
                if written in self._by_range:
                    yield self._by_range[written]
                    if written in self._patches:
                        yield self._patches[written]
                    break
            else:
                yield from self._by_name.get(name, ())[:_MOST_OVERRIDES]


def _asked_beside(file: File) -> list[Asked] | None:
    project = project_beside(file)
    return None if project is None else [asked_by(within, manifest) for within, manifest in project.values()]


def _classic(file: File) -> Iterator[Package]:
    for block in blocks_of(file):
        if "version" not in block.fields:
            file.wrong(f"{block.ranges[0][:80]!r} has no version", _MEND, block.line)
        needs = block.tables.get("dependencies", {}) | block.tables.get("optionalDependencies", {})
        name = aliased(*split(block.ranges[0]))[0]
        resolved = block.fields.get("resolved", "")
        registry = all(from_registry(split(one)[1]) for one in block.ranges) and not _GIT.match(resolved)
        if at := tarball(resolved):
            # What is installed is what lies at the address, whatever the block is called.
            name, registry = at[0], True
        yield Package(name, block.fields["version"], registry, block.ranges, needs)


def _berry(file: File) -> Iterator[Package]:
    documents = yaml_of(file, alike=True)
    lock = documents[0] if len(documents) == 1 else None
    if not isinstance(lock, dict):
        file.wrong("it is no lock file of Yarn: it is no mapping", _MEND)
    for key, value in lock.items():
        if key == "__metadata":
            continue
        block = mapping(file, value, key)
        ranges = [one.strip() for one in key.split(",")]
        resolution, version = block.get("resolution"), block.get("version")
        if not isinstance(resolution, str) or not isinstance(version, str):
            file.wrong(f"{key[:100]!r} has no resolution and version", _MEND, line_of(file, key))
        name, reference = split(resolution)
        reference = _unwrapped(reference)
        workspace = reference.removeprefix("workspace:") if reference.startswith("workspace:") else None
        local = reference.startswith(("link:", "portal:"))
        needs = specs(file, block.get("dependencies"), "dependencies")
        needs = needs | specs(file, block.get("optionalDependencies"), "optionalDependencies")
        registry = reference.startswith("npm:") or not reference
        if at := tarball(reference):
            name, registry = at[0], True
        yield Package(name, "" if local else version, registry, ranges, needs, workspace)


def _unwrapped(reference: str) -> str:
    """Where a package really comes from: without its virtual instance, and without a patch over it."""
    for _ in range(4):
        if reference.startswith("virtual:"):
            reference = reference.partition("#")[2]
        elif reference.startswith("patch:"):
            reference = split(unquote(reference.removeprefix("patch:").partition("#")[0]))[1]
            reference = reference if ":" in reference else f"npm:{reference}"
        else:
            break
    return reference


def _patched(one: str) -> str:
    """The name and range under a patch: Berry patches some packages unasked, wherever they are needed."""
    return unquote(split(one)[1].removeprefix("patch:").partition("#")[0])


def _asked_in_berry(file: File, packages: list[Package]) -> list[Asked] | None:
    """What the workspaces ask for: the lock file says what, and only their manifests which of it is development's."""
    workspaces = [package for package in packages if package.workspace is not None]
    if not workspaces:
        return _asked_beside(file)
    return [_asked_by_workspace(file, package) for package in workspaces]


def _asked_by_workspace(file: File, package: Package) -> Asked:
    folder = package.workspace or "."
    inside = not folder.startswith("/") and ".." not in folder.split("/")
    beside = file.beside(f"{folder}/{MANIFEST}") if inside else None
    stated = asked_by(beside, manifest_in(beside)) if beside else Asked({}, {})
    lasting = {n: spec for n, spec in package.needs.items() if n in stated.production or n not in stated.development}
    return Asked(lasting, {n: spec for n, spec in package.needs.items() if n not in lasting})
