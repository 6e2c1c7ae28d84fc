"""Pipenv's ``Pipfile.lock``: packages by category, flat; what is direct stands in the ``Pipfile`` beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from config.manifests.documents import json_of, line_of, toml_of
from config.manifests.files import File
from config.manifests.model import Entry
from config.manifests.pypi import for_development, pinned, purl_of
from config.names import normalise_pypi

_MEND: Final = "make it anew with pipenv lock"
_ELSEWHERE: Final = frozenset({"git", "hg", "svn", "bzr", "path", "file"})
_OF_A_PIPFILE: Final = frozenset({"source", "requires", "scripts", "pipenv", "pipfile"})
_SECTIONS: Final = {"packages": "default", "dev-packages": "develop"}


def read_pipfile_lock(file: File) -> list[Entry]:
    """The locked packages. Without a ``Pipfile`` all are taken as direct, since nothing says which are not.

    Categories of the project's own are production, but for those named as development's (``docs``, ``tests``).
    """
    direct = _asked_for(file)
    versions: dict[str, list[str]] = {}
    production: set[str] = set()
    for category, name, version in _locked(file):
        versions.setdefault(name, []).append(version)
        if category != "develop" and not for_development(category):
            production.add(name)
    return [
        Entry(
            purl=purl_of(file, name),
            versions=pinned(stated),
            direct=direct is None or name in direct,
            dev=name not in production,
            source=file.name,
        )
        for name, stated in versions.items()
    ]


def _locked(file: File) -> Iterator[tuple[str, str, str]]:
    lock = json_of(file)
    if not isinstance(lock, dict) or ("_meta" not in lock and lock.keys().isdisjoint(_SECTIONS.values())):
        file.wrong("it is no Pipfile.lock: it has neither _meta nor default", _MEND)
    for category, packages in lock.items():
        if category == "_meta":
            continue
        if not isinstance(packages, dict):
            file.wrong(f"the category {category[:80]!r} is no mapping of packages", _MEND, line_of(file, category))
        for name, package in packages.items():
            if not isinstance(package, dict):
                file.wrong(f"the package {name[:80]!r} is no mapping", _MEND, line_of(file, name))
            if _ELSEWHERE.isdisjoint(package):
                purl_of(file, name)
                yield category, normalise_pypi(name), _version(file, name, package)


def _version(file: File, name: str, package: Mapping[str, Any]) -> str:
    stated = package.get("version", "")
    if not isinstance(stated, str) or not stated.isprintable():
        file.wrong(f"the version of {name[:80]!r} is no text", _MEND, line_of(file, name))
    return stated.lstrip("=").strip() if stated.startswith("==") else ""


def _asked_for(file: File) -> set[str] | None:
    """The names in the ``Pipfile``; None where there is none."""
    beside = file.beside("Pipfile")
    if beside is None:
        return None
    tables = [table for name, table in toml_of(beside).items() if name not in _OF_A_PIPFILE]
    names = (name.partition("[")[0].strip() for table in tables if isinstance(table, dict) for name in table)
    return {normalise_pypi(name) for name in names}
