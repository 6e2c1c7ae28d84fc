"""npm's ways to write a dependency: names, ranges, aliases, folders, repositories and addresses."""

from __future__ import annotations

import json
import re
from typing import Any, Final
from urllib.parse import unquote

from config.manifests.documents import text_of
from config.manifests.files import File
from config.names import BadName, package_purl

_RANGE: Final = re.compile(r"$|v?\d|[\^~<>=*|]|[xX](\.|$)")
_TARBALL: Final = re.compile(
    r"https?://[^?#]*?/((?:@[^/@]+(?:/|%2[fF]))?([^/@]+))/-/(?:@[^/]+/)?([^/]+?)-(\d+\.\d+\.\d+[^/]*)\.t(?:ar\.)?gz(?:[?#]|$)"
)
_LONGEST_ADDRESS: Final = 2048
_EXACT: Final = re.compile(r"=?v?(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?)")


def npm_purl(file: File, name: str, written: str | None = None) -> str:
    """The purl of a package that a registry must have; ManifestError, with the line of ``written``, where none can."""
    try:
        return package_purl("npm", name)
    except BadName:
        mend = "make the file anew with its tool, and look at who changed it"
        file.wrong(f"{name[:100]!r} is no npm package name", mend, line_of(file, written or name))


def local_purl(file: File, name: str) -> str:
    """The purl of a package from a folder, a repository or an address; empty where its name fits no registry."""
    if not name.isprintable():
        npm_purl(file, name)
    try:
        return package_purl("npm", name)
    except BadName:
        return ""


def line_of(file: File, word: str) -> int | None:
    """The first line that has a text, as it stands or as JSON writes it."""
    text = text_of(file)
    for written in (word, json.dumps(word)[1:-1], json.dumps(word, ensure_ascii=False)[1:-1]):
        if written and (place := text.find(written)) >= 0:
            return text.count("\n", 0, place) + 1
    return None


def split(written: str) -> tuple[str, str]:
    """Name and the rest of ``@babel/core@^7``; the rest is empty where there is none."""
    name, _, rest = written[1:].partition("@")
    return written[:1] + name, rest


def aliased(name: str, spec: str) -> tuple[str, str]:
    """The package and the range that ``spec`` asks for under ``name``: ``npm:other@^1`` is ``other``."""
    if spec.startswith("npm:"):
        rest = spec.removeprefix("npm:")
        if "@" in rest[1:]:
            return split(rest)
        # `npm:` before a mere range is the package itself (Yarn); before a name it is that package at any version.
        return (name, rest) if is_range(rest) else (rest, "*")
    if spec.startswith("jsr:"):
        rest = spec.removeprefix("jsr:")
        other, version = split(rest) if rest.startswith("@") else (name, rest)
        scope, _, bare = other.partition("/")
        return f"@jsr/{scope.removeprefix('@')}__{bare}", version
    return name, spec


def is_range(spec: str) -> bool:
    """Whether this is a range or a version, and no name."""
    return bool(_RANGE.match(spec))


def from_registry(spec: str) -> bool:
    """Whether a registry answers for a dependency: a range, tag, alias or catalogue, not a folder or an address."""
    if spec.startswith(("npm:", "jsr:", "catalog:")):
        return True
    return ":" not in spec and "/" not in spec and not spec.startswith(".") and not spec.endswith((".tgz", ".tar.gz"))


def tarball(address: str) -> tuple[str, str] | None:
    """Name and version of a package by its address on a registry (``…/qs/-/qs-6.5.2.tgz``); None for any other."""
    found = _TARBALL.match(address) if len(address) <= _LONGEST_ADDRESS else None
    return (unquote(found[1]), found[4]) if found and found[2] == found[3] else None


def exact(spec: str) -> str:
    """The one version that a range allows; empty where it allows more."""
    found = _EXACT.fullmatch(spec.strip())
    return found[1] if found else ""


def mapping(file: File, value: Any, key: str) -> dict[str, Any]:
    """What stands under ``key``: a mapping, or nothing; ManifestError for anything else."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        problem = f"what stands under {key[:100]!r} is no mapping"
        file.wrong(problem, "make the file anew with its tool", line_of(file, key))
    return value


def specs(file: File, value: Any, key: str) -> dict[str, str]:
    """A table of dependencies, names and ranges, under ``key``; ManifestError where a range is no text."""
    made = mapping(file, value, key)
    for name, spec in made.items():
        if not isinstance(spec, str):
            problem = f"the range of {name[:100]!r} in {key!r} is no text"
            file.wrong(problem, "make the file anew with its tool", line_of(file, name))
    return made
