"""``uv.lock``: the project, its workspace and all that they resolve to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from config.manifests.files import File
from config.manifests.model import Entry
from config.manifests.pypi import for_development
from config.manifests.python_lock import Locked, Need, Tables, entries, entries_beside, needs_of
from config.names import normalise_pypi

NEWEST: Final = 1
_MEND: Final = "make it anew with uv lock"
_FOLDERS: Final = ("editable", "virtual", "directory")


def read_uv_lock(file: File) -> list[Entry]:
    """The locked packages; those of the project and of its workspace are no entries, what they ask for is direct.

    An extra of the project counts as development's when it is called so (``test``, ``docs``).
    """
    tables = Tables(file, "uv.lock", _MEND)
    tables.must_be("version", "package")
    version = tables.document.get("version", NEWEST)
    if version != NEWEST:
        tables.wrong(f"its version is not {NEWEST}", "version")
    manifest = tables.table(tables.document, "manifest")
    members = {normalise_pypi(name) for name in tables.listed(manifest, "members") if isinstance(name, str)}
    packages, own = list[Locked](), list[dict[str, Any]]()
    for package in tables.packages():
        locked = _locked(tables, package, members)
        packages.append(locked)
        if not locked.purl:
            own.append(package)
    production = [*needs_of(tables.listed(manifest, "requirements"))]
    development = [need for _, needs in _grouped(tables, manifest, "dependency-groups") for need in needs]
    for package in own:
        production += needs_of(tables.listed(package, "dependencies"))
        for extra, needs in _grouped(tables, package, "optional-dependencies"):
            (development if for_development(extra) else production).extend(needs)
        development += [need for _, needs in _grouped(tables, package, "dev-dependencies") for need in needs]
    if not production and not development:
        return entries_beside(file, packages, None)
    return entries(file, packages, production, development)


def _locked(tables: Tables, package: dict[str, Any], members: Iterable[str]) -> Locked:
    source = tables.table(package, "source")
    locked = tables.named(package, registry="registry" in source or not source)
    here = next((source[kind] for kind in _FOLDERS if kind in source), None)
    if here == "." or (here is not None and locked.name in members):
        locked.purl = ""
    locked.needs = needs_of(tables.listed(package, "dependencies"))
    for extra, needs in _grouped(tables, package, "optional-dependencies"):
        locked.extras[normalise_pypi(extra)] = needs
    return locked


def _grouped(tables: Tables, holder: Mapping[str, Any], key: str) -> Iterator[tuple[str, list[Need]]]:
    for name, listed in tables.table(holder, key).items():
        yield name, needs_of(listed if isinstance(listed, list) else ())
