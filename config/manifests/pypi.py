"""PyPI packages as Python's files name them: requirements of PEP 508 and the packages of lock files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from msgspec import Struct
from packaging.requirements import InvalidRequirement, Requirement

from config.manifests.documents import line_of
from config.manifests.files import File
from config.names import BadName, normalise_pypi, package_purl

LONGEST: Final = 4096
"""Characters of one requirement without its marker and hashes."""

MOST_VERSIONS: Final = 16
"""Versions of one package to which one dependency may lead; only a made-up file has more."""

NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,212}[A-Za-z0-9])?")
"""A project's name (PEP 508)."""
_REST: Final = re.compile(
    r"\s{0,9}(?:\[[^\]]{0,999}\])?\s{0,9}\(?\s{0,9}(===|==|~=|!=|>=|<=|<|>)\s{0,9}([\w.+!*-]+)", re.ASCII
)
_ADDRESS: Final = re.compile(r"\s{0,9}(?:\[[^\]]{0,999}\])?\s{0,9}@")
_DEVELOPMENT: Final = re.compile(
    r"(?<![a-z])(build|ci|dev|devel|develop|development|docs?|lint|linting|linters|qa|tests?|testing|typing)(?![a-z])"
)


class Asked(Struct, frozen=True):
    """One requirement on a registry's package."""

    name: str
    """Normalised (PEP 503)."""
    extras: tuple[str, ...] = ()
    version: str = ""
    """The exact version that it pins; empty for a range."""
    range: str | None = None
    """Its specifiers, none of them for any version; None where they are none of PEP 440."""


def asked(text: str) -> Asked | None:
    """What a requirement asks of a registry; None where it points elsewhere (``name @ URL``) or is no requirement.

    Its marker is not weighed: a package that is used on one platform only is used. Specifiers from before PEP 440
    (``pytz>=2004d``) still name their package.
    """
    head = text.partition(";")[0].strip()
    if "@" in head or len(head) > LONGEST:
        return None
    try:
        found = Requirement(head)
    except (InvalidRequirement, RecursionError):
        return _from_before_pep_440(head)
    if not NAME.fullmatch(found.name):
        return None
    exact = (one.version for one in found.specifier if one.operator in {"==", "==="} and "*" not in one.version)
    return Asked(normalise_pypi(found.name), extras_of(sorted(found.extras)), next(exact, ""), str(found.specifier))


def _from_before_pep_440(head: str) -> Asked | None:
    name = NAME.match(head)
    rest = _REST.match(head, name.end()) if name else None
    if not name or not rest or "$" in head:
        return None
    exact = rest[1] in {"==", "==="} and rest.end() == len(head) and "*" not in rest[2]
    return Asked(normalise_pypi(name[0]), (), rest[2] if exact else "")


def is_elsewhere(text: str) -> str:
    """The normalised name of a requirement that points elsewhere than to a registry (``name @ URL``); else empty."""
    name = NAME.match(text)
    return normalise_pypi(name[0]) if name and _ADDRESS.match(text, name.end()) else ""


def extras_of(value: Any) -> tuple[str, ...]:
    """The normalised names of extras; none where ``value`` is no list of text."""
    listed = value if isinstance(value, list) else []
    return tuple(normalise_pypi(one) for one in listed if isinstance(one, str))


def purl_of(file: File, name: Any) -> str:
    """The purl of a project's name; ManifestError, with its line, where no registry would accept it."""
    try:
        return package_purl("pypi", name if isinstance(name, str) else "")
    except BadName:
        line = line_of(file, name if isinstance(name, str) else f"name = {name}")
        file.wrong(
            f"{repr(name)[:80]} is no name of a Python project", "look at who changed it, then make it anew", line
        )


def for_development(*labels: str) -> bool:
    """Whether a group's or a file's name says that it serves development: ``dev``, ``requirements-test``, ``docs``."""
    return any(_DEVELOPMENT.search(label.lower()) for label in labels)


def pinned(versions: Iterable[str]) -> tuple[str, ...]:
    """Each version once, in order."""
    return tuple(dict.fromkeys(one for one in versions if one))
