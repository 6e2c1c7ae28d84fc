"""CycloneDX 1.2 to 1.7 as JSON, and 1.0 to 1.7 as XML."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from config.manifests.cyclonedx_xml import document_of
from config.manifests.files import File
from config.manifests.model import Entry
from config.manifests.sbom import Bill, Component, entries, objects, text, wrong

_DEVELOPMENT: Final = "cdx:npm:package:development"
_GROUPS: Final = {"cdx:poetry:group": "main", "cdx:pipenv:category": "default"}
"""Properties (CycloneDX's property taxonomy) with a component's groups, and what the one of production is called."""


def read_cyclonedx_xml(file: File) -> list[Entry]:
    """The packages of a CycloneDX document in XML; ManifestError where it is none."""
    return read_cyclonedx(file, document_of(file))


def read_cyclonedx(file: File, document: dict[str, Any]) -> list[Entry]:
    """The packages of a CycloneDX document: its components at all levels, not their pedigree, and no tools."""
    version = document.get("specVersion")
    if not isinstance(version, str) or not version.startswith("1."):
        wrong(file, "its specVersion is none of 1.0 to 1.7", "specVersion")
    metadata = document.get("metadata")
    described = metadata.get("component") if isinstance(metadata, dict) else None
    bill = Bill()
    needs = {text(one, "ref"): _refs(one) for one in objects(file, document, "dependencies")}
    needed = {ref for refs in needs.values() for ref in refs}
    if isinstance(described, dict):
        for component, inner in _within(file, described):
            bill.components.append(
                _component(component, needs, [ref for one in inner if (ref := _ref(one)) not in needed])
            )
        bill.about.add(bill.components[0].ref)
    for top in objects(file, document, "components"):
        for component, inner in _within(file, top):
            made = _component(component, needs, [ref for one in inner if (ref := _ref(one)) not in needed])
            if made.ref not in bill.about:
                bill.components.append(made)
    return entries(file, bill)


def _within(file: File, top: dict[str, Any]) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """A component and all within it, outermost first, each with those right within."""
    waiting = [top]
    while waiting:
        component = waiting.pop()
        inner = objects(file, component, "components")
        yield component, inner
        waiting.extend(reversed(inner))


def _component(component: dict[str, Any], needs: dict[str, list[str]], inner: list[str]) -> Component:
    """A component; it brings in what it depends on, and what lies within it and nothing is said to depend on."""
    ref = _ref(component)
    return Component(
        ref,
        text(component, "name"),
        [text(component, "purl")] if text(component, "purl") else [],
        text(component, "version"),
        component.get("scope") == "excluded" or _says_development(component),
        [*needs.pop(ref, ()), *inner],
    )


def _ref(component: dict[str, Any]) -> str:
    return (
        text(component, "bom-ref") or text(component, "purl") or f"{component.get('name')}@{component.get('version')}"
    )


def _refs(dependency: dict[str, Any]) -> list[str]:
    listed = dependency.get("dependsOn")
    return [*dict.fromkeys(ref for ref in listed if isinstance(ref, str))] if isinstance(listed, list) else []


def _says_development(component: dict[str, Any]) -> bool:
    """Whether the tool's own properties say that only development needs a component."""
    properties = component.get("properties")
    listed = [one for one in properties if isinstance(one, dict)] if isinstance(properties, list) else []
    said = [(text(one, "name"), text(one, "value")) for one in listed]
    groups = [(name, value) for name, value in said if name in _GROUPS]
    return (_DEVELOPMENT, "true") in said or (bool(groups) and all(value != _GROUPS[name] for name, value in groups))
