"""npm's ``package-lock.json`` and ``npm-shrinkwrap.json``, versions 1 to 3.

A lock file describes folders: ``node_modules/a/node_modules/b`` is the ``b`` that ``a`` finds first. Versions 2 and 3
list them by path under ``packages``; version 1 nests them under ``dependencies``, and leaves to ``package.json`` what
the project itself asks for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from config.manifests.documents import json_of
from config.manifests.files import File
from config.manifests.graph import Node, entries_of
from config.manifests.model import Entry
from config.manifests.node_folders import Folders
from config.manifests.npm_names import aliased, from_registry, line_of, local_purl, mapping, npm_purl, specs, tarball
from config.manifests.npm_project import Asked, asked_by, project_beside
from config.manifests.workspaces import globs_of, is_member

NEWEST: Final = 3
_FOLDER: Final = "node_modules/"
_MEND: Final = "make it anew with npm install --package-lock-only"


def read_npm_lock(file: File) -> list[Entry]:
    """The packages of a lock file of npm; ManifestError where it is none."""
    lock = json_of(file)
    if not isinstance(lock, dict):
        file.wrong("it is no lock file of npm: it is no JSON object", _MEND)
    version = lock.get("lockfileVersion", 1)
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= NEWEST:
        file.wrong(f"its lockfileVersion is none of 1 to {NEWEST}", _MEND, line_of(file, "lockfileVersion"))
    if lock and lock.keys().isdisjoint({"lockfileVersion", "dependencies"}):
        file.wrong("it is no lock file of npm: it has neither lockfileVersion nor dependencies", _MEND)
    if version > 1 and "packages" in lock:
        return _Tree(file, _places(file, lock)).entries()
    return _Tree(file, _unnested(file, lock)).entries()


def _places(file: File, lock: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    packages = mapping(file, lock["packages"], "packages")
    return {path: mapping(file, place, path) for path, place in packages.items()}


def _unnested(file: File, holder: Mapping[str, Any], path: str = "") -> dict[str, dict[str, Any]]:
    """Version 1 as the places that later versions list."""
    places: dict[str, dict[str, Any]] = {}
    inner = mapping(file, holder.get("dependencies"), "dependencies")
    for name, found in inner.items():
        one = mapping(file, found, name)
        places[path + _FOLDER + name] = _place(file, name, one)
        places |= _unnested(file, one, f"{path}{_FOLDER}{name}/")
    return places


def _place(file: File, name: str, one: Mapping[str, Any]) -> dict[str, Any]:
    stated = one.get("version", "")
    if not isinstance(stated, str):
        file.wrong(f"the version of {name[:100]} is no text", _MEND, line_of(file, name))
    real, version = aliased(name, stated)
    place: dict[str, Any] = {"dev": one.get("dev"), "name": real}
    if from_registry(stated):
        place["version"] = "" if version == "*" else version
    else:
        place["resolved"] = stated
    # Before npm 5 there was no `requires`: what lies within a package is what it asks for.
    requires = one.get("requires")
    if not isinstance(requires, dict):
        requires = mapping(file, one.get("dependencies"), name)
    place["dependencies"] = {needed: spec if isinstance(spec, str) else "*" for needed, spec in requires.items()}
    return place


class _Tree:
    """The folders of a lock file, and which of them each finds under a name."""

    def __init__(self, file: File, places: dict[str, dict[str, Any]]) -> None:
        self._file = file
        self._places = places
        self._named = {_target(path, place): path for path, place in places.items() if place.get("link")}
        self._folders = Folders(file, places, _outwards)
        self._elsewhere: set[str] = set()
        self._ranges: dict[str, dict[str, None]] = {}

    def entries(self) -> list[Entry]:
        project = self._project()
        needs = {path: [*self._found(path, self._asked(place))] for path, place in self._places.items()}
        if project is None:
            required = {needed for found in needs.values() for needed in found}
            roots = [p for p in self._places if _outermost(p) and p not in required]
            production = [path for path in roots if not self._places[path].get("dev")]
            development = [path for path in roots if self._places[path].get("dev")]
        else:
            production = [found for path, asked in project.items() for found in self._found(path, asked.production)]
            development = [found for path, asked in project.items() for found in self._found(path, asked.development)]
        own = project or {}
        tools = {
            path: [*self._found(path, asked_by(self._file, place).development)]
            for path, place in self._places.items()
            if path not in own and _FOLDER not in path
        }
        nodes = {path: self._node(path, needs[path], tools.get(path, [])) for path in self._places if path not in own}
        return entries_of(nodes, production, development, self._file.name)

    def _project(self) -> dict[str, Asked] | None:
        """What the project and each of its workspaces ask for, by the place of each; None where nothing says it."""
        if "" in self._places:
            globs = globs_of(self._places[""])
            folders = (path for path in self._places if path and _FOLDER not in path)
            stated = {"": self._places[""]} | {path: self._places[path] for path in folders if is_member(path, globs)}
            return {path: _as_npm_does(asked_by(self._file, one)) for path, one in stated.items()}
        beside = project_beside(self._file)
        if beside is None:
            return None
        root, *others = beside.values()
        named = {_FOLDER + one["name"]: (file, one) for file, one in others if isinstance(one.get("name"), str)}
        return {path: _as_npm_does(asked_by(file, one)) for path, (file, one) in ({"": root} | named).items()}

    def _asked(self, place: Mapping[str, Any]) -> dict[str, str]:
        if place.get("link"):
            return {}
        asked: dict[str, str] = {}
        for table in ("peerDependencies", "optionalDependencies", "dependencies"):
            if table in place:
                asked |= specs(self._file, place[table], table)
        return asked

    def _found(self, path: str, asked: Mapping[str, str]) -> Iterator[str]:
        """The place that each name leads to from the folder of ``path``."""
        for name, found in self._folders.found(path, asked):
            if from_registry(asked[name]):
                self._ranges.setdefault(found, {})[aliased(name, asked[name])[1]] = None
            else:
                self._elsewhere.add(found)
            yield self._real(found, self._places[found])

    def _real(self, path: str, place: Mapping[str, Any]) -> str:
        """The folder that a link stands for, where the lock file knows it."""
        target = _target(path, place) if place.get("link") else path
        return target if target in self._places else path

    def _node(self, path: str, needs: list[str], tools: list[str]) -> Node:
        place, file = self._places[path], self._file
        inside = _FOLDER in path
        name = place.get("name") or _name(path if inside else self._named.get(path, path))
        version = place.get("version", "")
        if not isinstance(name, str) or not isinstance(version, str):
            file.wrong(f"the name or version of {path[:100]} is no text", _MEND, line_of(file, path))
        node = Node(name, version=version, dev=place.get("dev") is True, needs=needs, needs_in_development=tools)
        node.ranges = self._ranges.get(path, ())
        if place.get("link"):
            if self._real(path, place) == path:
                node.purl, node.registry = local_purl(file, name), False
        elif not inside or self._is_elsewhere(path, place.get("resolved"), version):
            node.purl, node.registry = local_purl(file, name), False
        else:
            node.purl = npm_purl(file, name, path)
        return node

    def _is_elsewhere(self, path: str, resolved: object, version: str) -> bool:
        asked_so = path in self._elsewhere or not version
        if not isinstance(resolved, str) or ":" not in resolved:
            return path in self._elsewhere
        # Many registries keep tarballs at addresses of their own kind: only what asks for one tells.
        return tarball(resolved) is None and (asked_so or not resolved.startswith(("https:", "http:")))


def _as_npm_does(asked: Asked) -> Asked:
    """npm takes for development's what stands in both tables."""
    lasting = {name: spec for name, spec in asked.production.items() if name not in asked.development}
    return Asked(lasting, asked.development)


def _target(path: str, place: Mapping[str, Any]) -> str:
    resolved = place.get("resolved")
    return resolved if isinstance(resolved, str) and resolved else path


def _outermost(path: str) -> bool:
    return path.startswith(_FOLDER) and _FOLDER not in path[len(_FOLDER) :]


def _name(path: str) -> str:
    """The name of a package by its folder: the last part, with its scope."""
    inner = path.rpartition(_FOLDER)[2]
    scope, slash, bare = inner.rpartition("/")
    scope = scope.rpartition("/")[2]
    return f"{scope}/{bare}" if slash and scope.startswith("@") else bare


def _outwards(path: str) -> Iterator[str]:
    """The ``node_modules`` that a package looks into: its own, then that of each folder around it."""
    while path:
        yield f"{path}/{_FOLDER}"
        folder, inside, _ = path.rpartition(_FOLDER)
        path = folder.rstrip("/") if inside else path.rpartition("/")[0]
    yield _FOLDER
