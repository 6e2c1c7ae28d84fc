"""What the lock files of Poetry, PDM, uv and pip have in common: packages, extras, groups, and who needs whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NoReturn

from msgspec import Struct, field
from msgspec.structs import replace

from config.manifests.documents import line_of, toml_of
from config.manifests.files import File
from config.manifests.graph import Node, entries_of
from config.manifests.model import Entry
from config.manifests.pypi import MOST_VERSIONS, extras_of, purl_of
from config.manifests.pyproject import BUILD, Ask, Project, project_of, ranges_of
from config.names import normalise_pypi

LONGEST_VERSION: Final = 200


class Need(Struct, frozen=True):
    """What one package asks for."""

    name: str
    """Normalised (PEP 503)."""
    extras: tuple[str, ...] = ()
    version: str = ""
    """The exact version where the file says it, which it must where it has several."""


class Locked(Struct):
    """One locked package at one version."""

    name: str
    purl: str
    """Empty for what is part of the project itself."""
    version: str = ""
    registry: bool = True
    needs: list[Need] = field(default_factory=list)
    extras: dict[str, list[Need]] = field(default_factory=dict)
    """What each extra asks for besides."""
    production: bool | None = None
    """Whether the file says that production needs it; None where it says nothing."""


class Tables:
    """A lock file's packages as tables, checked as they are read; each error says how to make the file anew."""

    def __init__(self, file: File, tool: str, mend: str) -> None:
        self.file = file
        self._tool = tool
        self._mend = mend
        self.document = toml_of(file)

    def packages(self, key: str = "package") -> Iterator[dict[str, Any]]:
        listed = self.document.get(key, [])
        if not isinstance(listed, list):
            self.wrong(f"{key} is no list of tables", key)
        for one in listed:
            if not isinstance(one, dict):
                self.wrong(f"{key} is no list of tables", key)
            yield one

    def named(self, package: Mapping[str, Any], *, registry: bool = True) -> Locked:
        """A package with its name and version, and nothing yet of what it needs.

        One from a folder or a repository whose version nobody states is taken for a part of the project.
        """
        purl = purl_of(self.file, package.get("name"))
        version = package.get("version", "")
        if not isinstance(version, str) or not version.isprintable() or len(version) > LONGEST_VERSION:
            self.wrong(f"the version of {package['name'][:80]!r} is no version", package["name"])
        return Locked(normalise_pypi(package["name"]), purl if registry or version else "", version, registry)

    def table(self, package: Mapping[str, Any], key: str) -> dict[str, Any]:
        found = package.get(key, {})
        if not isinstance(found, dict):
            self.wrong(f"{key} of {str(package.get('name'))[:80]!r} is no table", key)
        return found

    def listed(self, package: Mapping[str, Any], key: str) -> list[Any]:
        found = package.get(key, [])
        if not isinstance(found, list):
            self.wrong(f"{key} of {str(package.get('name'))[:80]!r} is no list", key)
        return found

    def wrong(self, problem: str, word: str = "") -> NoReturn:
        line = line_of(self.file, word) if word else None
        self.file.wrong(f"it is no {self._tool}: {problem}", self._mend, line)

    def must_be(self, *keys: str) -> None:
        """Refuse a document that has something, and none of the tables that the format is known by."""
        if self.document and self.document.keys().isdisjoint(keys):
            self.wrong(f"it has none of the tables {', '.join(keys)}")


def needs_of(tables: Iterable[Any]) -> list[Need]:
    """Needs that are tables of ``name``, ``version`` and extras (uv, ``pylock.toml``); others are passed over."""
    made = []
    for one in tables:
        if isinstance(one, dict) and isinstance(one.get("name"), str):
            version = one.get("version")
            extras = extras_of(one.get("extra", one.get("extras")))
            made.append(Need(normalise_pypi(one["name"]), extras, version if isinstance(version, str) else ""))
    return made


def project_beside(file: File) -> Project | None:
    """The project whose lock file this is, from the ``pyproject.toml`` beside it; None where that asks for nothing."""
    beside = file.beside("pyproject.toml")
    project = project_of(beside) if beside else None
    return project if project and project.asks else None


def entries_beside(file: File, packages: Sequence[Locked], project: Project | None) -> list[Entry]:
    """Entries, with what the project's own manifest says is direct.

    Without a manifest that fits, what no other package asks for must be direct, and nothing else is called so.
    """
    have = {package.name for package in packages}
    asks = [ask for ask in project.asks if ask.name in have and ask.group != BUILD] if project else []
    if asks:
        asked_for = [(Need(ask.name, ask.extras), not ask.dev) for ask in asks]
    else:
        asked_for = [(need, package.production is not False) for need, package in _unasked(packages)]
    production = [need for need, in_production in asked_for if in_production]
    listed = entries(file, packages, production, [need for need, in_production in asked_for if not in_production])
    by_purl: dict[str, list[Ask]] = {}
    for ask in asks:
        by_purl.setdefault(purl_of(file, ask.name), []).append(ask)
    ranges = {purl: ranges_of(several) for purl, several in by_purl.items()}
    return [replace(entry, ranges=ranges[entry.purl]) if entry.purl in ranges else entry for entry in listed]


def entries(
    file: File, packages: Sequence[Locked], production: Iterable[Need], development: Iterable[Need]
) -> list[Entry]:
    """Entries from what the project itself asks for.

    Where the file says which packages production needs, there are two graphs: the ways of production go through those
    packages only, since an extra that a test asks for is none of production's.
    """
    graph = _Graph(packages)
    main = [key for need in production for key in graph.keys(need, of_production=True)]
    tests = [key for need in development for key in graph.keys(need, of_production=False)]
    return entries_of(graph.nodes(), main, tests, file.name)


def _unasked(packages: Sequence[Locked]) -> list[tuple[Need, Locked]]:
    """Packages that no other asks for; of those that only ask for each other, the first one."""
    by_name: dict[str, list[Locked]] = {}
    for package in packages:
        by_name.setdefault(package.name, []).append(package)
    asked_for = {
        need.name
        for package in packages
        for needs in (package.needs, *package.extras.values())
        for need in needs
        if need.name != package.name
    }
    reached: set[str] = set()
    found = []
    for package in [*(p for p in packages if p.name not in asked_for), *packages]:
        if package.name in reached and package.name in asked_for:
            continue
        found.append((Need(package.name, tuple(package.extras), package.version), package))
        waiting = [package.name]
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                for one in by_name.get(name, ()):
                    waiting += [need.name for needs in (one.needs, *one.extras.values()) for need in needs]
    return list({id(package): (need, package) for need, package in found}.values())


class _Graph:
    """Nodes for each package, for each extra of it, and for production and development apart where the file does so."""

    def __init__(self, packages: Sequence[Locked]) -> None:
        self._packages = packages
        self._split = any(package.production is not None for package in packages)
        self._by_name: dict[tuple[str, str], list[int]] = {}
        for number, package in enumerate(packages):
            for version in {package.version, ""}:
                self._by_name.setdefault((package.name, version), []).append(number)

    def keys(self, need: Need, *, of_production: bool) -> Iterator[str]:
        """The nodes that a need leads to; all versions of a package, where it does not say which."""
        numbers = self._by_name.get((need.name, need.version)) or self._by_name.get((need.name, ""), [])
        for number in numbers[:MOST_VERSIONS]:
            package = self._packages[number]
            if self._split and of_production and package.production is False:
                continue
            key = self._key(number, of_production)
            yield key
            for extra in need.extras:
                if extra in package.extras:
                    yield f"{key}[{extra}]"

    def nodes(self) -> dict[str, Node]:
        made: dict[str, Node] = {}
        for of_production in (True, False) if self._split else (True,):
            for number, package in enumerate(self._packages):
                if self._split and of_production and package.production is False:
                    continue
                key = self._key(number, of_production)
                made[key] = self._node(package, package.needs, of_production)
                for extra, needs in package.extras.items():
                    made[f"{key}[{extra}]"] = self._node(package, needs, of_production)
        return made

    def _node(self, package: Locked, needs: Iterable[Need], of_production: bool) -> Node:
        led_to = [key for need in needs for key in self.keys(need, of_production=of_production)]
        dev = self._split and not of_production
        return Node(package.name, package.purl, package.version, package.registry, dev, led_to)

    def _key(self, number: int, of_production: bool) -> str:
        return f"{number}" if of_production or not self._split else f"{number} dev"
