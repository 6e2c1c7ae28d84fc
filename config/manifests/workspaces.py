"""Which folders are workspaces of a project: ``packages/*``, ``apps/**``, ``tools/{a,b}``, ``!packages/old``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Final

_BRACES: Final = re.compile(r"\{([^{}]*,[^{}]*)\}")
_MOST_ALTERNATIVES: Final = 100


def globs_of(manifest: Mapping[str, Any]) -> list[str]:
    """The globs of a ``package.json``: a list, or a list under ``packages``."""
    stated = manifest.get("workspaces")
    if isinstance(stated, dict):
        stated = stated.get("packages")
    return [glob for glob in stated if isinstance(glob, str)] if isinstance(stated, list) else []


def is_member(folder: str, globs: Iterable[str]) -> bool:
    """Whether the last glob that fits a folder, by its path from the project, lets it in and does not keep it out."""
    inside = False
    for glob in globs:
        if any(_fits(folder.split("/"), way) for way in alternatives(glob.removeprefix("!"))):
            inside = not glob.startswith("!")
    return inside


@lru_cache(maxsize=256)
def alternatives(glob: str) -> tuple[tuple[str, ...], ...]:
    """The parts of a glob's paths, once for each way through its braces."""
    ways = [glob]
    while len(ways) <= _MOST_ALTERNATIVES:
        place, braces = next(((n, m) for n, way in enumerate(ways) if (m := _BRACES.search(way))), (0, None))
        if braces is None:
            break
        head, tail = ways[place][: braces.start()], ways[place][braces.end() :]
        ways[place : place + 1] = [head + choice + tail for choice in braces[1].split(",")]
    return tuple(tuple(part for part in way.split("/") if part not in {"", "."}) for way in ways)


def _fits(parts: Sequence[str], glob: Sequence[str]) -> bool:
    places = _passing({0}, glob)
    for part in parts:
        after = {place for place in places if glob[place : place + 1] == ("**",)}
        after |= {p + 1 for p in places if p < len(glob) and glob[p] != "**" and fnmatchcase(part, glob[p])}
        places = _passing(after, glob)
    return len(glob) in places


def _passing(places: set[int], glob: Sequence[str]) -> set[int]:
    """With the places behind each ``**``, which may also stand for nothing."""
    for place in range(len(glob)):
        if place in places and glob[place] == "**":
            places.add(place + 1)
    return places
