"""SPDX 3 as JSON-LD: a flat graph of elements."""

from __future__ import annotations

from typing import Any, Final

from config.manifests.files import File
from config.manifests.model import Entry
from config.manifests.sbom import Bill, Component, entries, objects, text

_ONWARD: Final = frozenset(
    {
        "dependsOn",
        "hasOptionalDependency",
        "hasProvidedDependency",
        "hasPrerequisite",
        "hasDynamicLink",
        "hasStaticLink",
        "hasOptionalComponent",
    }
)
_OF_DEVELOPMENT: Final = frozenset({"design", "development", "build", "test"})
"""Scopes of a relationship in which the product does not run."""
_COLLECTIONS: Final = frozenset({"SpdxDocument", "Bom", "software_Sbom", "Bundle"})


def read_spdx3(file: File, document: dict[str, Any]) -> list[Entry]:
    """The packages of an SPDX 3 document, by their package URL and by external identifiers of that type."""
    elements = objects(file, document, "@graph") if "@graph" in document else [document]
    components = {
        _id(one): Component(_id(one), text(one, "name"), _purls(file, one), text(one, "software_packageVersion"))
        for one in elements
        if text(one, "type") == "software_Package"
    }
    about: set[str] = set()
    for one in elements:
        kind = text(one, "relationshipType")
        if kind in _ONWARD and text(one, "from") in components:
            needing = components[text(one, "from")]
            (needing.tests if text(one, "scope") in _OF_DEVELOPMENT else needing.needs).extend(_refs(one.get("to")))
        elif kind == "describes":
            about.update(_refs(one.get("to")))
        elif text(one, "type") in _COLLECTIONS:
            about.update(_refs(one.get("rootElement")))
    about &= components.keys()
    return entries(file, Bill(list(components.values()), about if len(components) > 1 else set()))


def _id(element: dict[str, Any]) -> str:
    return text(element, "spdxId") or text(element, "@id")


def _purls(file: File, element: dict[str, Any]) -> list[str]:
    known_by = objects(file, element, "externalIdentifier")
    listed = [text(one, "identifier") for one in known_by if one.get("externalIdentifierType") == "packageUrl"]
    return [purl for purl in (text(element, "software_packageUrl"), *listed) if purl]


def _refs(value: Any) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    return [ref for ref in listed if isinstance(ref, str)]
