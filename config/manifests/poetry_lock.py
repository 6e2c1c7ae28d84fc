"""``poetry.lock``, versions 1 and 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from config.manifests.files import File
from config.manifests.model import Entry
from config.manifests.pypi import asked, extras_of
from config.manifests.python_lock import Locked, Need, Tables, entries_beside, project_beside
from config.names import normalise_pypi

_ELSEWHERE: Final = frozenset({"git", "file", "directory", "url"})
_MEND: Final = "make it anew with poetry lock"


def read_poetry_lock(file: File) -> list[Entry]:
    """The locked packages; what is direct stands in the ``pyproject.toml`` beside the file.

    Which of them production needs, the file says itself: by ``category`` until Poetry 1.4, by ``groups`` since 2.0.
    """
    tables = Tables(file, "poetry.lock", _MEND)
    tables.must_be("package", "metadata")
    return entries_beside(file, [_locked(tables, package) for package in tables.packages()], project_beside(file))


def _locked(tables: Tables, package: Mapping[str, Any]) -> Locked:
    source = tables.table(package, "source")
    locked = tables.named(package, registry=str(source.get("type")) not in _ELSEWHERE)
    optional: dict[str, Need] = {}
    for name, said in tables.table(package, "dependencies").items():
        for one in said if isinstance(said, list) else [said]:
            stated = one if isinstance(one, dict) else {}
            need = Need(normalise_pypi(name), extras_of(stated.get("extras")))
            if stated.get("optional") is True:
                optional[need.name] = need
            else:
                locked.needs.append(need)
    for extra, listed in tables.table(package, "extras").items():
        names = [found.name for one in listed if (found := _named(one))] if isinstance(listed, list) else []
        if needs := [optional[name] for name in names if name in optional]:
            locked.extras[normalise_pypi(extra)] = needs
    groups = package.get("groups", [package["category"]] if "category" in package else None)
    if isinstance(groups, list):
        locked.production = "main" in groups
    return locked


def _named(text: Any) -> Need | None:
    found = asked(text) if isinstance(text, str) else None
    return Need(found.name) if found else None
