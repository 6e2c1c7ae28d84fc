"""What CycloneDX and SPDX have in common: components with purls, who depends on whom, and what the document is about.

Only npm's and PyPI's purls become entries. A document is about something (``metadata.component``, ``DESCRIBES``): what
that asks for is direct, and it itself is listed as coming from no registry, since it is what is being watched over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NoReturn
from urllib.parse import unquote

from msgspec import Struct, field

from config.manifests.documents import line_of
from config.manifests.files import File
from config.manifests.graph import Node, entries_of
from config.manifests.model import Entry
from config.names import ECOSYSTEMS, BadName, package_purl, split_purl

MEND: Final = "make it anew with the tool that wrote it"
MOST_OF_ONE_REF: Final = 16
"""Packages to which one ref may lead: it should be one, but not all tools keep refs apart."""
LONGEST: Final = 1000
"""Characters of one purl or version."""


class Component(Struct):
    """One component as a document lists it."""

    ref: str
    """What the document's relations call it."""
    name: str = ""
    purls: Sequence[str] = ()
    version: str = ""
    """Of a purl that states none."""
    dev: bool = False
    """The document says that it is not there when the product runs."""
    needs: list[str] = field(default_factory=list)
    """Refs of what it depends on."""
    tests: list[str] = field(default_factory=list)
    """Refs of what only its development, its tests or its build depend on."""


class Bill(Struct):
    """A bill of materials, whatever its format."""

    components: list[Component] = field(default_factory=list)
    about: set[str] = field(default_factory=set)
    """Refs of what the document describes."""


def entries(file: File, bill: Bill) -> list[Entry]:
    """The packages of a bill of materials.

    Where nothing is said about what the described thing itself asks for, that is direct on which nothing depends.
    """
    return _Graph(file, bill).entries()


class _Graph:
    def __init__(self, file: File, bill: Bill) -> None:
        self._file = file
        self._bill = bill
        self._nodes: dict[str, Node] = {}
        self._keys: dict[str, list[str]] = {}
        for number, one in enumerate(bill.components):
            for key, node in _nodes(file, number, one):
                self._nodes[key] = node
                if len(keys := self._keys.setdefault(one.ref, [])) < MOST_OF_ONE_REF:
                    keys.append(key)

        self._tested = frozenset(self._led_to(ref for one in bill.components for ref in one.tests))
        """What something's development asks for; others may ask for it too."""

    def entries(self) -> list[Entry]:
        nodes = self._nodes
        for ref, needs in self._needs().items():
            led_to = self._led_to(needs)
            for key in self._keys[ref]:
                nodes[key].needs = led_to
        roots, tests = self._roots()
        for node in nodes.values():
            if not node.dev:
                node.needs = [key for key in node.needs if not nodes[key].dev]
        production = [key for key in roots if not nodes[key].dev]
        development = [*tests, *(key for key in roots if nodes[key].dev)]
        for key in self._tested:
            nodes[key].dev = True
        return entries_of(nodes, production, development, self._file.name)

    def _needs(self) -> dict[str, dict[str, None]]:
        needs: dict[str, dict[str, None]] = {}
        for one in self._bill.components:
            needs.setdefault(one.ref, {}).update(dict.fromkeys(one.needs))
        return needs

    def _roots(self) -> tuple[list[str], list[str]]:
        """What the described thing asks for, in production and else."""
        described = [one for one in self._bill.components if one.ref in self._bill.about]
        asking = [one for one in described if one.needs or one.tests]
        # A document about many things of which none asks for anything is a list of them.
        for one in asking or described[: len(described) == 1]:
            for key in self._keys[one.ref]:
                self._nodes[key].registry = False
        if not asking:
            roots = self._through(self._unasked())
            return [key for key in roots if key not in self._tested], [key for key in roots if key in self._tested]
        needs = self._led_to(ref for one in asking for ref in one.needs)
        tests = self._led_to(ref for one in asking for ref in one.tests)
        return self._through(needs), self._through(tests)

    def _led_to(self, refs: Iterable[str]) -> list[str]:
        return [key for ref in refs for key in self._keys.get(ref, ())]

    def _through(self, keys: Iterable[str]) -> list[str]:
        """The packages that these are or lead to: between them may stand the files that list them."""
        found: dict[str, None] = {}
        waiting, seen = [*keys][::-1], set[str]()
        while waiting:
            key = waiting.pop()
            if self._nodes[key].purl:
                found[key] = None
            elif key not in seen:
                seen.add(key)
                waiting.extend([*self._nodes[key].needs][::-1])
        return [*found]

    def _unasked(self) -> list[str]:
        """On which nothing depends; of those that only depend on each other, the first one."""
        nodes = {key: node for key, node in self._nodes.items() if node.registry}
        asked_for = {needed for key, node in nodes.items() for needed in node.needs if needed != key}
        reached: set[str] = set()
        roots = []
        for key in [*(key for key in nodes if key not in asked_for), *nodes]:
            if key in reached:
                continue
            roots.append(key)
            waiting = [key]
            while waiting:
                here = waiting.pop()
                if here not in reached:
                    reached.add(here)
                    waiting.extend(self._nodes[here].needs)
        return roots


def _nodes(file: File, number: int, one: Component) -> Iterable[tuple[str, Node]]:
    """A node for each purl of a component; one that only leads on, where it has none of ours."""
    found = dict.fromkeys(package for text in one.purls if (package := package_of(file, text)))
    if not found:
        yield f"{number}", Node(one.name[:200], dev=one.dev)
    for place, (purl, version) in enumerate(found):
        yield f"{number} {place}", Node(split_purl(purl)[1], purl, version or _version(file, one.version), dev=one.dev)


def package_of(file: File, text: str) -> tuple[str, str] | None:
    """The canonical purl and the version of an npm or PyPI purl; None for others and for names no registry has.

    npm's namespaces are scopes: some tools leave out their ``@``, which is taken as meant.
    """
    if len(text) > LONGEST or text[:4].lower() != "pkg:":
        return None
    path = text[4:].partition("#")[0].partition("?")[0].strip("/")
    ecosystem, _, rest = path.partition("/")
    ecosystem = ecosystem.lower()
    if ecosystem not in ECOSYSTEMS:
        return None
    bare, at, version = rest.rpartition("@")
    if not at or not bare or bare.endswith("/"):
        bare, version = rest, ""
    name = unquote(bare)
    if not name.isprintable():
        wrong(file, f"the purl {text[:100]!r} has control characters", text)
    if ecosystem == "npm" and "/" in name and not name.startswith("@"):
        name = f"@{name}"
    try:
        return package_purl(ecosystem, name), _version(file, unquote(version))
    except BadName:
        return None


def _version(file: File, version: str) -> str:
    if len(version) > LONGEST or not version.isprintable():
        wrong(file, f"{version[:80]!r} is no version", version)
    return version


def text(holder: dict[str, Any], key: str) -> str:
    """A text of an object; empty where there is none or where it is something else."""
    found = holder.get(key)
    return found if isinstance(found, str) else ""


def objects(file: File, holder: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """A list of objects, empty where there is none; ManifestError for anything else."""
    found = holder.get(key)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        wrong(file, f"{key} is no list of objects", key)
    return found


def wrong(file: File, problem: str, word: str = "") -> NoReturn:
    """ManifestError with the line of ``word``."""
    file.wrong(problem, MEND, line_of(file, word) if word else None)
