"""SPDX 2.0 to 2.3 as JSON, YAML and tag-value text."""

from __future__ import annotations

from typing import Any, Final

from config.manifests.documents import yaml_of
from config.manifests.files import File
from config.manifests.model import Entry
from config.manifests.sbom import MEND, Bill, Component, entries, objects, text, wrong
from config.manifests.spdx_tags import document_of

_ONWARD: Final = frozenset({"DEPENDS_ON", "DYNAMIC_LINK", "STATIC_LINK", "HAS_PREREQUISITE"})
_BACKWARD: Final = frozenset(
    {
        "DEPENDENCY_OF",
        "OPTIONAL_DEPENDENCY_OF",
        "PROVIDED_DEPENDENCY_OF",
        "RUNTIME_DEPENDENCY_OF",
        "OPTIONAL_COMPONENT_OF",
        "PREREQUISITE_FOR",
    }
)
_OF_DEVELOPMENT: Final = frozenset(
    {
        "DEV_DEPENDENCY_OF",
        "TEST_DEPENDENCY_OF",
        "BUILD_DEPENDENCY_OF",
        "DEV_TOOL_OF",
        "TEST_TOOL_OF",
        "BUILD_TOOL_OF",
    }
)
_DOCUMENT: Final = "SPDXRef-DOCUMENT"


def read_spdx_tags(file: File) -> list[Entry]:
    """The packages of an SPDX document of tags and values; ManifestError where it is none."""
    return read_spdx(file, document_of(file))


def read_spdx_yaml(file: File) -> list[Entry]:
    """The packages of an SPDX document in YAML; ManifestError where it is none."""
    documents = yaml_of(file)
    if len(documents) != 1 or not isinstance(documents[0], dict):
        file.wrong("it is no SPDX document", MEND)
    return read_spdx(file, documents[0])


def read_spdx(file: File, document: dict[str, Any]) -> list[Entry]:
    """The packages of an SPDX 2 document, by the purls among their external references."""
    if not text(document, "spdxVersion").startswith("SPDX-2."):
        wrong(file, "its spdxVersion is none of SPDX-2.0 to SPDX-2.3", "spdxVersion")
    components: dict[str, Component] = {}
    for package in objects(file, document, "packages"):
        purls = [
            text(one, "referenceLocator").strip()
            for one in objects(file, package, "externalRefs")
            if text(one, "referenceType").rpartition("/")[2] == "purl"
        ]
        ref = text(package, "SPDXID")
        components[ref or str(len(components))] = Component(
            ref, text(package, "name"), purls, text(package, "versionInfo")
        )
    described = document.get("documentDescribes")
    about = {ref for ref in described if isinstance(ref, str)} if isinstance(described, list) else set()
    for relation in objects(file, document, "relationships"):
        about |= _related(relation, components)
    return entries(file, Bill(list(components.values()), about if len(components) > 1 else set()))


def _related(relation: dict[str, Any], components: dict[str, Component]) -> set[str]:
    """Enter a relationship into the components; the refs that it says the document is about."""
    kind = text(relation, "relationshipType").upper().replace("-", "_")
    one, other = text(relation, "spdxElementId"), text(relation, "relatedSpdxElement")
    if kind == "DESCRIBES":
        return {other} if one == _DOCUMENT else set()
    if kind == "DESCRIBED_BY":
        return {one} if other == _DOCUMENT else set()
    if kind in _ONWARD and one in components:
        components[one].needs.append(other)
    elif kind in _BACKWARD and other in components:
        components[other].needs.append(one)
    elif kind in _OF_DEVELOPMENT and other in components:
        components[other].tests.append(one)
    return set()
