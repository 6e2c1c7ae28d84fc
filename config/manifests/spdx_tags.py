"""SPDX's tag-value text as the objects of its JSON: packages, their references, and relationships."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from config.manifests.documents import text_of
from config.manifests.files import File
from config.manifests.sbom import MEND

_TAG: Final = re.compile(r"([A-Za-z][A-Za-z0-9]{0,63})[ \t]*:")
_OPEN, _CLOSE = "<text>", "</text>"
_OF_A_PACKAGE: Final = {"SPDXID": "SPDXID", "PackageVersion": "versionInfo"}
_ELSEWHERE: Final = frozenset({"FileName", "SnippetSPDXID", "LicenseID", "Reviewer", "Annotator"})
"""Tags that begin something that is no package."""


def document_of(file: File) -> dict[str, Any]:
    """The document; ManifestError, with its line, for what is neither a tag with its value nor a comment."""
    packages: list[dict[str, Any]] = []
    relationships: list[dict[str, str]] = []
    document: dict[str, Any] = {"packages": packages, "relationships": relationships}
    here: dict[str, Any] = document
    for number, tag, value in _tags(file):
        if tag == "SPDXVersion":
            document["spdxVersion"] = value
        elif tag == "PackageName":
            here = {"name": value, "externalRefs": []}
            packages.append(here)
        elif tag in _ELSEWHERE:
            here = {}
        elif tag == "Relationship":
            relationships.append(_relationship(file, number, value))
        elif tag == "ExternalRef" and "externalRefs" in here:
            here["externalRefs"].append(_reference(file, number, value))
        elif tag in _OF_A_PACKAGE and "externalRefs" in here:
            here.setdefault(_OF_A_PACKAGE[tag], value)
    if "spdxVersion" not in document:
        file.wrong("it is no SPDX document: it has no SPDXVersion", MEND, 1)
    return document


def _tags(file: File) -> Iterator[tuple[int, str, str]]:
    lines = iter(enumerate(text_of(file).split("\n"), 1))
    for number, line in lines:
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        found = _TAG.match(bare)
        if found is None:
            file.wrong("it is no tag with a value", MEND, number)
        value = bare[found.end() :].strip()
        if value.startswith(_OPEN):
            parts = [value.removeprefix(_OPEN)]
            while _CLOSE not in parts[-1]:
                after = next(lines, None)
                if after is None:
                    file.wrong("a <text> has no end", MEND, number)
                parts.append(after[1])
            value = "\n".join(parts).partition(_CLOSE)[0]
        yield number, found[1], value


def _relationship(file: File, number: int, value: str) -> dict[str, str]:
    words = value.split()
    if len(words) < 3:
        file.wrong("a relationship is two elements and what is between them", MEND, number)
    return dict(zip(("spdxElementId", "relationshipType", "relatedSpdxElement"), words, strict=False))


def _reference(file: File, number: int, value: str) -> dict[str, str]:
    words = value.split(None, 2)
    if len(words) < 3:
        file.wrong("an external reference is a category, a type and a locator", MEND, number)
    return {"referenceType": words[1], "referenceLocator": words[2]}
