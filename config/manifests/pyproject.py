"""``pyproject.toml``: what a Python project itself asks for (PEP 621, PEP 735, tables of Poetry, PDM and uv)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from config.manifests.documents import line_of, toml_of
from config.manifests.files import File
from config.manifests.model import MOST_RANGES, Entry
from config.manifests.pypi import asked, extras_of, for_development, is_elsewhere, pinned, purl_of
from config.manifests.requirements import read_requirements
from config.names import normalise_pypi

BUILD: Final = "build-system"
"""The group of what the project is built with, which no lock file holds."""

_EXACT: Final = re.compile(r"(?:==?\s*)?v?(\d[A-Za-z0-9.+!_-]*)")
_ELSEWHERE: Final = frozenset({"git", "path", "url", "file", "workspace"})
_MEND: Final = "correct it as the packaging specifications say"


class Ask(Struct, frozen=True):
    """One dependency of the project itself."""

    name: str
    """Normalised (PEP 503)."""
    extras: tuple[str, ...] = ()
    version: str = ""
    """The exact version that is pinned; empty for a range."""
    registry: bool = True
    dev: bool = False
    group: str = ""
    range: str | None = None
    """Its specifiers; None where they are none of PEP 440."""


class Project(Struct, frozen=True):
    """A project's name and all that it asks for; each dependency as often as a table has it."""

    name: str
    asks: tuple[Ask, ...]


def read_pyproject(file: File) -> list[Entry]:
    """What a project asks for, without what it takes from repositories, folders and addresses.

    Groups are development's (PEP 735: no part of what is published), and so are extras that are called so.
    """
    project = project_of(file)
    found: dict[str, list[Ask]] = {}
    for ask in project.asks:
        if ask.registry:
            found.setdefault(purl_of(file, ask.name), []).append(ask)
    listed = [
        Entry(
            purl=purl,
            versions=pinned(ask.version for ask in asks),
            direct=True,
            dev=all(ask.dev for ask in asks),
            source=file.name,
            ranges=ranges_of(asks),
        )
        for purl, asks in found.items()
    ]
    return [*listed, *(entry for entry in _listed_elsewhere(file) if entry.purl not in found)]


def ranges_of(asks: Iterable[Ask]) -> tuple[str, ...]:
    """The ranges by which a project asks for one package, each once."""
    return tuple(dict.fromkeys(ask.range for ask in asks if ask.range is not None))[:MOST_RANGES]


def project_of(file: File) -> Project:
    """The project that a ``pyproject.toml`` describes; ManifestError where its tables are not what they must be."""
    document = toml_of(file)
    tables = _Tables(file, document)
    names = (tables.at("project").get("name"), tables.at("tool", "poetry").get("name"))
    name = normalise_pypi(next((one for one in names if isinstance(one, str)), ""))
    asks = [*_standard(tables), *_groups(tables), *_of_tools(tables), *_poetry(tables)]
    away = {normalise_pypi(key) for key, value in _sources(tables) if _is_away(value)}
    away |= {ask.name for ask in asks if not ask.registry}
    return Project(
        name,
        tuple(replace(ask, registry=ask.name not in away) for ask in asks if ask.name != name),
    )


class _Tables:
    """Tables of a document by their path, checked as they are read."""

    def __init__(self, file: File, document: Mapping[str, Any]) -> None:
        self.file = file
        self._document = document

    def at(self, *path: str) -> dict[str, Any]:
        """The table, empty where there is none."""
        found: Any = self._document
        for step in path:
            found = found.get(step, {})
            if not isinstance(found, dict):
                self.file.wrong(f"{'.'.join(path)} is no table", _MEND, line_of(self.file, step))
        return dict(found)

    def requirements(self, value: Any, what: str, *, dev: bool = False, group: str = "") -> Iterator[Ask]:
        if not isinstance(value, list):
            self.file.wrong(f"{what} is no list of requirements", _MEND, line_of(self.file, what.rpartition(".")[2]))
        for one in value:
            if isinstance(one, dict) and "include-group" in one:
                continue
            yield self.requirement(one, what, dev, group)

    def requirement(self, text: Any, what: str, dev: bool, group: str) -> Ask:
        found = asked(text) if isinstance(text, str) else None
        if found is not None:
            return Ask(found.name, found.extras, found.version, True, dev, group, found.range)
        name = is_elsewhere(text) if isinstance(text, str) else None
        if not name:
            shown = repr(text)[:100]
            line = line_of(self.file, text) if isinstance(text, str) else None
            self.file.wrong(f"{shown} in {what} is no requirement", "write it as PEP 508 says", line)
        return Ask(name, (), "", False, dev, group)


def _standard(tables: _Tables) -> Iterator[Ask]:
    project = tables.at("project")
    yield from tables.requirements(project.get("dependencies", []), "project.dependencies")
    for extra, listed in tables.at("project", "optional-dependencies").items():
        what = f"project.optional-dependencies.{extra}"
        yield from tables.requirements(listed, what, dev=for_development(extra), group=extra)
    build = tables.at("build-system").get("requires", [])
    yield from tables.requirements(build, "build-system.requires", dev=True, group=BUILD)


def _groups(tables: _Tables) -> Iterator[Ask]:
    """PEP 735; ``include-group`` needs no following, since every group is read."""
    for group, listed in tables.at("dependency-groups").items():
        yield from tables.requirements(listed, f"dependency-groups.{group}", dev=True, group=group)


def _of_tools(tables: _Tables) -> Iterator[Ask]:
    for group, listed in tables.at("tool", "pdm", "dev-dependencies").items():
        plain = [re.sub(r"^-e\s+", "", one) if isinstance(one, str) else one for one in listed]
        kept = [one for one in plain if not (isinstance(one, str) and "://" in one.partition("@")[0])]
        yield from tables.requirements(kept, f"tool.pdm.dev-dependencies.{group}", dev=True, group=group)
    uv = tables.at("tool", "uv").get("dev-dependencies", [])
    yield from tables.requirements(uv, "tool.uv.dev-dependencies", dev=True, group="dev")


def _poetry(tables: _Tables) -> Iterator[Ask]:
    poetry = ("tool", "poetry")
    yield from _poetry_table(tables.at(*poetry, "dependencies"), "")
    yield from _poetry_table(tables.at(*poetry, "dev-dependencies"), "dev")
    for group in tables.at(*poetry, "group"):
        yield from _poetry_table(tables.at(*poetry, "group", group, "dependencies"), group)


def _poetry_table(table: Mapping[str, Any], group: str) -> Iterator[Ask]:
    for name, value in table.items():
        if name.lower() == "python":
            continue
        for one in value if isinstance(value, list) else [value]:
            said = one if isinstance(one, dict) else {"version": one}
            exact = _EXACT.fullmatch(said["version"].strip()) if isinstance(said.get("version"), str) else None
            yield Ask(
                normalise_pypi(name),
                extras_of(said.get("extras")),
                exact[1] if exact else "",
                _ELSEWHERE.isdisjoint(said),
                bool(group) and group != "main",
                group,
            )


def _sources(tables: _Tables) -> Iterable[tuple[str, Any]]:
    return tables.at("tool", "uv", "sources").items()


def _is_away(value: Any) -> bool:
    """Whether none of uv's sources of a package is an index."""
    listed = value if isinstance(value, list) else [value]
    return all(isinstance(one, dict) and not _ELSEWHERE.isdisjoint(one) for one in listed) and bool(listed)


def _listed_elsewhere(file: File) -> Iterator[Entry]:
    """Dependencies that setuptools takes from requirements files (``tool.setuptools.dynamic``)."""
    dynamic = _Tables(file, toml_of(file)).at("tool", "setuptools", "dynamic")
    optional = dynamic.get("optional-dependencies")
    tables = [dynamic.get("dependencies"), *(optional.values() if isinstance(optional, dict) else ())]
    for table in tables:
        named = table.get("file", []) if isinstance(table, dict) else []
        for name in [named] if isinstance(named, str) else named:
            if isinstance(name, str) and name.isprintable() and (other := file.beside(name, line_of(file, name))):
                yield from read_requirements(other)
