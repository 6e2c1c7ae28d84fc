"""Small dependency graphs, written as each format and read back: the same packages, and true ways to them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.manifests.files import Files
from config.manifests.formats import format_of

NAMES = ("ant", "bee", "cat", "dog", "eel", "fox")


class Graph(NamedTuple):
    """Packages, each at one version, and what the project asks for."""

    needs: dict[str, list[str]]
    production: list[str]
    development: list[str]

    def steps(self, roots: list[str]) -> dict[str, int]:
        """The packages that roots lead to, and how far from there each is."""
        found = dict.fromkeys(roots, 0)
        waiting = list(found)
        for name in waiting:
            for other in self.needs[name]:
                if other not in found:
                    found[other] = found[name] + 1
                    waiting.append(other)
        return found

    def version(self, name: str) -> str:
        return f"{NAMES.index(name) + 1}.0.0"


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    some = st.lists(st.sampled_from(NAMES), max_size=3, unique=True)
    whole = Graph({name: draw(some) for name in NAMES}, draw(some), draw(some))
    held = whole.steps([*whole.production, *whole.development])
    return whole._replace(needs={name: whole.needs[name] for name in NAMES if name in held})


def pyproject(graph: Graph) -> str:
    return (
        f"[project]\nname = 'shop'\ndependencies = {json.dumps(graph.production)}\n"
        f"[dependency-groups]\ntest = {json.dumps(graph.development)}\n"
    )


def tables(graph: Graph, key: str, more: Callable[[str], str]) -> str:
    return "".join(
        f"[[{key}]]\nname = '{name}'\nversion = '{graph.version(name)}'\n{more(name)}" for name in graph.needs
    )


def named(names: list[str]) -> str:
    return "[" + ", ".join(f"{{ name = '{name}' }}" for name in names) + "]\n"


def as_poetry(graph: Graph) -> dict[str, str]:
    main, test = graph.steps(graph.production), graph.steps(graph.development)

    def more(name: str) -> str:
        groups = [group for group, held in (("main", main), ("test", test)) if name in held]
        needs = "".join(f"{other} = '*'\n" for other in graph.needs[name])
        return f"groups = {json.dumps(groups)}\n[package.dependencies]\n{needs}"

    return {"poetry.lock": tables(graph, "package", more) + "[metadata]\n", "pyproject.toml": pyproject(graph)}


def as_uv(graph: Graph) -> dict[str, str]:
    itself = (
        "version = 1\n[[package]]\nname = 'shop'\nversion = '0.1'\nsource = { virtual = '.' }\n"
        f"dependencies = {named(graph.production)}[package.dev-dependencies]\ntest = {named(graph.development)}"
    )
    source = "source = { registry = 'https://index.example/simple' }\n"
    packages = tables(graph, "package", lambda name: f"{source}dependencies = {named(graph.needs[name])}")
    return {"uv.lock": itself + packages}


def as_pdm(graph: Graph) -> dict[str, str]:
    main, test = graph.steps(graph.production), graph.steps(graph.development)

    def more(name: str) -> str:
        groups = [group for group, held in (("default", main), ("test", test)) if name in held]
        return f"groups = {json.dumps(groups)}\ndependencies = {json.dumps(graph.needs[name])}\n"

    return {"pdm.lock": "[metadata]\n" + tables(graph, "package", more), "pyproject.toml": pyproject(graph)}


def as_pylock(graph: Graph) -> dict[str, str]:
    packages = tables(graph, "packages", lambda name: f"dependencies = {named(graph.needs[name])}")
    return {"pylock.toml": "lock-version = '1.0'\n" + packages, "pyproject.toml": pyproject(graph)}


def as_cyclonedx(graph: Graph) -> dict[str, str]:
    main = graph.steps(graph.production)
    components = [
        {
            "name": name,
            "bom-ref": name,
            "purl": f"pkg:pypi/{name}@{graph.version(name)}",
            "scope": "required" if name in main else "excluded",
        }
        for name in graph.needs
    ]
    asks = {"shop": [*graph.production, *graph.development], **graph.needs}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {"component": {"name": "shop", "bom-ref": "shop"}},
        "components": components,
        "dependencies": [{"ref": ref, "dependsOn": needs} for ref, needs in asks.items()],
    }
    return {"bom.json": json.dumps(document)}


def as_spdx(graph: Graph) -> dict[str, str]:
    packages: list[dict[str, Any]] = [{"SPDXID": "shop", "name": "shop"}]
    for name in graph.needs:
        purl = {"referenceType": "purl", "referenceLocator": f"pkg:pypi/{name}@{graph.version(name)}"}
        packages.append({"SPDXID": name, "name": name, "externalRefs": [purl]})
    related = [("SPDXRef-DOCUMENT", "DESCRIBES", "shop")]
    related += [("shop", "DEPENDS_ON", name) for name in graph.production]
    related += [(name, "DEV_DEPENDENCY_OF", "shop") for name in graph.development if name not in graph.production]
    related += [(other, "DEPENDENCY_OF", name) for name, needs in graph.needs.items() for other in needs]
    relationships = [
        dict(zip(("spdxElementId", "relationshipType", "relatedSpdxElement"), r, strict=True)) for r in related
    ]
    return {
        "x.spdx.json": json.dumps({"spdxVersion": "SPDX-2.3", "packages": packages, "relationships": relationships})
    }


def as_requirements(graph: Graph) -> dict[str, str]:
    """As uv compiles production's; development's packages have no place in it."""
    lines = ""
    for name in (held := graph.steps(graph.production)):
        lines += f"{name}=={graph.version(name)}\n    # via\n"
        lines += "    #   shop (pyproject.toml)\n" if name in graph.production else ""
        lines += "".join(f"    #   {other}\n" for other in held if name in graph.needs[other])
    return {"requirements.txt": lines}


WRITERS: Mapping[str, Callable[[Graph], dict[str, str]]] = {
    "poetry.lock": as_poetry,
    "uv.lock": as_uv,
    "pdm.lock": as_pdm,
    "pylock.toml": as_pylock,
    "bom.json": as_cyclonedx,
    "x.spdx.json": as_spdx,
    "requirements.txt": as_requirements,
}


@pytest.mark.parametrize("form", WRITERS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graphs())
def test_a_graph_is_read_back(tmp_path: Path, form: str, graph: Graph) -> None:
    if form == "requirements.txt":
        graph = graph._replace(development=[])
    for name, text in WRITERS[form](graph).items():
        (tmp_path / name).write_text(text)
    reader = format_of(form)
    assert reader is not None
    entries = {one.purl.removeprefix("pkg:pypi/"): one for one in reader.read(Files().open(tmp_path / form, form))}
    if not graph.production and not graph.development:
        return
    main = graph.steps(graph.production)
    if form == "bom.json":  # has no relation of its own for what development asks for
        main = graph.steps([*graph.production, *(name for name in graph.development if name in main)])
    every = main | {name: far for name, far in graph.steps(graph.development).items() if name not in main}
    direct = {*graph.production, *graph.development}
    assert {name: one.versions for name, one in entries.items()} == {name: (graph.version(name),) for name in every}
    assert {name for name, one in entries.items() if one.direct} == direct
    assert {name for name, one in entries.items() if one.dev} == every.keys() - main.keys()
    for name, one in entries.items():
        if name not in direct:
            way = [*one.via, name]
            assert way[0] in direct
            assert all(after in graph.needs[before] for before, after in itertools.pairwise(way))
            assert len(one.via) == every[name]
