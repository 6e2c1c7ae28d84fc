"""CycloneDX's XML as the objects of its JSON: what the readers need of it, in one pass, without a tree.

A document type is refused outright, and with it every entity, inner or outer.
"""

from __future__ import annotations

import re
from typing import Any, Final
from xml.parsers import expat

from config.manifests.documents import DEEPEST, text_of
from config.manifests.files import File
from config.manifests.sbom import MEND

_NAMESPACE: Final = re.compile(r"http://cyclonedx\.org/schema/bom/(1\.\d+)")
_TEXTS: Final = frozenset({"purl", "version", "name", "scope", "property"})
_WITHIN: Final = {
    "bom": {""},
    "metadata": {"bom"},
    "components": {"bom", "component"},
    "component": {"components", "metadata"},
    "dependencies": {"bom"},
    "dependency": {"dependencies", "dependency"},
    "properties": {"component"},
    "property": {"properties"},
    **{key: {"component"} for key in ("purl", "version", "name", "scope")},
}
"""Where each element stands: a component of a pedigree or a tool is none of the product's."""


def document_of(file: File) -> dict[str, Any]:
    """The document; ManifestError with the line where it is no XML, no CycloneDX, or has a document type."""
    reading = _Reading(file)
    try:
        reading.parser.Parse(file.data, True)
    except expat.ExpatError as error:
        if not file.data.startswith((b"\xff\xfe", b"\xfe\xff")):
            text_of(file)
        file.wrong(f"it is no XML: {expat.ErrorString(error.code)}", MEND, error.lineno)
    except (LookupError, ValueError) as error:
        file.wrong(f"it is no XML: {str(error)[:80]}", MEND, 1)
    return reading.document


class _Reading:
    def __init__(self, file: File) -> None:
        self.document: dict[str, Any] = {}
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self._file = file
        self._elements: list[str] = []
        self._objects: list[dict[str, Any]] = []
        self._passed_over = 0
        self._text: list[str] | None = None
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters

    def _doctype(self, *_: object) -> None:
        line = self.parser.CurrentLineNumber
        self._file.wrong("it has a document type, and with it entities", "remove it: CycloneDX has none", line)

    def _start(self, qualified: str, attributes: dict[str, str]) -> None:
        namespace, _, name = qualified.rpartition(" ")
        outer = self._elements[-1] if self._elements else ""
        if not self._elements and not self._passed_over:
            self._begin(namespace, name)
        if self._passed_over or outer not in _WITHIN.get(name, ()):
            self._passed_over += 1
            if self._passed_over > DEEPEST:
                self._too_deep()
            return
        self._elements.append(name)
        if len(self._elements) > DEEPEST:
            self._too_deep()
        if name in _TEXTS:
            self._text = []
        if name in {"component", "dependency", "property"}:
            self._object(outer, name, attributes)

    def _begin(self, namespace: str, name: str) -> None:
        version = _NAMESPACE.fullmatch(namespace)
        if name != "bom" or not version:
            self._file.wrong("it is no CycloneDX document", MEND, self.parser.CurrentLineNumber)
        self.document["specVersion"] = version[1]
        self._objects.append(self.document)

    def _object(self, outer: str, name: str, attributes: dict[str, str]) -> None:
        holder = self._objects[-1]
        made: dict[str, Any] = dict(attributes)
        if name == "dependency" and outer == "dependency":
            holder.setdefault("dependsOn", []).append(attributes.get("ref", ""))
        elif outer == "metadata":
            holder.setdefault("metadata", {})["component"] = made
        else:
            holder.setdefault(outer, []).append(made)
        self._objects.append(made)

    def _end(self, _: str) -> None:
        if self._passed_over:
            self._passed_over -= 1
            return
        name = self._elements.pop()
        if self._text is not None and name in _TEXTS:
            key = "value" if name == "property" else name
            self._objects[-1][key] = "".join(self._text).strip()
            self._text = None
        if name in {"component", "dependency", "property"}:
            self._objects.pop()

    def _characters(self, text: str) -> None:
        if self._text is not None and not self._passed_over:
            self._text.append(text)

    def _too_deep(self) -> None:
        line = self.parser.CurrentLineNumber
        self._file.wrong(f"it nests more than {DEEPEST} levels", "no bill of materials does; make it anew", line)
