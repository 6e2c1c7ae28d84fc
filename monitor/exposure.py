"""Who runs a release: a project that has it, one whose next update takes it, or nobody yet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import nodesemver
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from monitor.versions import pep440

USED: Final = "used"
TAKEN: Final = "taken"
UNUSED: Final = "unused"

_LONGEST: Final = 256
"""Of a version and of a range; npm's own bound."""


def use_of(ecosystem: str, version: str, versions: Iterable[str], ranges: Iterable[str]) -> str:
    """How near a release is to a project that has ``versions`` in use and asks for the package by ``ranges``.

    ``used``: it is one of the versions. ``taken``: a range lets it in, so an update without the lock file takes it.
    ``unused``: neither. Empty where that cannot be told: only the name is watched, or no range can be read.
    """
    present = [*versions]
    if any(_same(ecosystem, version, one) for one in present):
        return USED
    verdicts = {takes(ecosystem, one, version) for one in ranges}
    if True in verdicts:
        return TAKEN
    return UNUSED if present or False in verdicts else ""


def takes(ecosystem: str, asked: str, version: str) -> bool | None:
    """Whether a requirement's range lets a version in; None for what is no range: a tag, an address, a path."""
    if max(len(asked), len(version)) > _LONGEST:
        return None
    return _npm_takes(asked, version) if ecosystem == "npm" else _python_takes(asked, version)


def _npm_takes(asked: str, version: str) -> bool | None:
    try:
        return bool(nodesemver.make_range(asked, loose=True).test(nodesemver.make_semver(version, loose=True)))
    except (ValueError, TypeError, AttributeError):
        return None


def _python_takes(asked: str, version: str) -> bool | None:
    known = pep440(version)
    try:
        specifiers = SpecifierSet(asked)
        # As pip does: a pre-release is taken only where one is asked for.
        return specifiers.contains(known, prereleases=bool(specifiers.prereleases)) if known is not None else None
    except InvalidSpecifier:
        return None


def _same(ecosystem: str, one: str, other: str) -> bool:
    if one == other:
        return True
    if ecosystem != "pypi":
        return False
    known = pep440(one)
    return known is not None and known == pep440(other)
