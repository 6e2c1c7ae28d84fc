"""Order and shape of version numbers, tolerant of those that are none."""

from __future__ import annotations

import re
from functools import lru_cache

from packaging.version import InvalidVersion, Version

_SEMVER = re.compile(r"v?(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:-([0-9A-Za-z.-]{1,200}))?(?:\+[0-9A-Za-z.-]{1,200})?")

Key = tuple[tuple[int, ...], int, tuple[tuple[int, int, str], ...]]


@lru_cache(maxsize=65536)
def semver_key(version: str) -> Key | None:
    """Sorts as semver 2.0.0 orders versions; None for what is no semver."""
    found = _SEMVER.fullmatch(version)
    if found is None:
        return None
    numbers = tuple(map(int, found.group(1, 2, 3)))
    pre = found.group(4)
    if pre is None:
        return numbers, 1, ()
    return numbers, 0, tuple((0, int(p), "") if p.isdigit() and len(p) < 10 else (1, 0, p) for p in pre.split("."))


@lru_cache(maxsize=65536)
def pep440(version: str) -> Version | None:
    try:
        return Version(version) if len(version) < 200 else None
    except (InvalidVersion, ValueError):
        return None
