"""``pdm.lock``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from config.manifests.files import File
from config.manifests.model import Entry
from config.manifests.pypi import asked, extras_of, for_development, is_elsewhere
from config.manifests.pyproject import Project
from config.manifests.python_lock import Locked, Need, Tables, entries_beside, project_beside

_ELSEWHERE: Final = frozenset({"git", "hg", "svn", "bzr", "url", "path"})
_MEND: Final = "make it anew with pdm lock"


def read_pdm_lock(file: File) -> list[Entry]:
    """The locked packages; what is direct, and which groups are development's, stands in ``pyproject.toml``.

    Without one, groups are development's that are called so (``dev``, ``test``, ``docs``).
    """
    tables = Tables(file, "pdm.lock", _MEND)
    tables.must_be("package", "metadata")
    project = project_beside(file)
    groups = _groups(project)
    packages: dict[tuple[str, str, bool], Locked] = {}
    for package in tables.packages():
        locked = _locked(tables, package, groups)
        key = (locked.name, locked.version, locked.registry)
        packages[key] = _together(packages[key], locked) if key in packages else locked
    return entries_beside(file, list(packages.values()), project)


def _locked(tables: Tables, package: Mapping[str, Any], known: Mapping[str, bool]) -> Locked:
    locked = tables.named(package, registry=_ELSEWHERE.isdisjoint(package))
    needs = [need for one in tables.listed(package, "dependencies") if (need := _need(one))]
    extras = extras_of(package.get("extras"))
    if extras:
        locked.extras = dict.fromkeys(extras, needs)
    else:
        locked.needs = needs
    groups = package.get("groups")
    if isinstance(groups, list):
        named = [group for group in groups if isinstance(group, str)]
        locked.production = not all(known[group] if group in known else for_development(group) for group in named)
    return locked


def _together(one: Locked, other: Locked) -> Locked:
    """A package and the same one with extras, which PDM lists apart."""
    one.needs += other.needs
    one.extras = {**one.extras, **other.extras}
    if other.production:
        one.production = True
    return one


def _need(text: Any) -> Need | None:
    if not isinstance(text, str):
        return None
    found = asked(text)
    if found:
        return Need(found.name, found.extras, found.version)
    elsewhere = is_elsewhere(text)
    return Need(elsewhere) if elsewhere else None


def _groups(project: Project | None) -> dict[str, bool]:
    """Which groups are development's, as far as the project says it."""
    known = {"default": False}
    for ask in project.asks if project else ():
        known[ask.group] = known.get(ask.group, True) and ask.dev
    return known
