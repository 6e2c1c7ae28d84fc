"""``pylock.toml`` (PEP 751), as pip, uv, PDM and others write it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from config.manifests.files import File
from config.manifests.model import Entry
from config.manifests.pypi import for_development
from config.manifests.python_lock import Locked, Tables, entries_beside, needs_of, project_beside

_ELSEWHERE: Final = frozenset({"vcs", "directory", "archive"})
_IN_GROUP: Final = re.compile(r"""["']([^"']{0,200})["']\s{1,9}in\s{1,9}dependency_groups""")
_MEND: Final = "make it anew with the tool that wrote it"


def read_pylock(file: File) -> list[Entry]:
    """The locked packages; what is direct stands in the ``pyproject.toml`` beside the file, if anywhere."""
    tables = Tables(file, "pylock.toml", _MEND)
    tables.must_be("lock-version", "packages")
    version = tables.document.get("lock-version", "1.0")
    if not isinstance(version, str) or not version.startswith("1."):
        tables.wrong("its lock-version is not 1.0", "lock-version")
    defaults = {name for name in tables.listed(tables.document, "default-groups") if isinstance(name, str)}
    packages = [_locked(tables, package, defaults) for package in tables.packages("packages")]
    return entries_beside(file, packages, project_beside(file))


def _locked(tables: Tables, package: Mapping[str, Any], defaults: set[str]) -> Locked:
    locked = tables.named(package, registry=_ELSEWHERE.isdisjoint(package))
    locked.needs = needs_of(tables.listed(package, "dependencies"))
    if "dependency_groups" in (marker := str(package.get("marker", ""))):
        locked.production = not _for_development(marker, defaults)
    return locked


def _for_development(marker: str, defaults: set[str]) -> bool:
    """Whether each alternative of a marker asks for a dependency group that is not installed by default.

    Alternatives within parentheses are not told apart, so that a doubtful marker counts as production's.
    """
    alternatives = re.split(r"\sor\s", marker)
    return all(
        any(name not in defaults or for_development(name) for name in _IN_GROUP.findall(one)) for one in alternatives
    )
