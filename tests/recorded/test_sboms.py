"""Bills of materials of real projects and of the specifications: every npm and PyPI purl, and nothing else."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from config.manifests.files import File, Files
from config.manifests.formats import format_of, format_within
from config.manifests.model import Entry
from config.names import package_purl


def stated(recorded: Path) -> dict[str, dict[str, Any]]:
    every = json.loads((recorded / "locks" / "expected.json").read_bytes())
    return {name: one for name, one in every.items() if one["format"].endswith("SBOM")}


def content(recorded: Path, name: str) -> bytes:
    data = (recorded / "locks" / name).read_bytes()
    return gzip.decompress(data) if name.endswith(".gz") else data


def read(name: str, data: bytes) -> list[Entry]:
    form = format_of(name) or format_within(data)
    assert form is not None, name
    return list(form.read(File(Path(name), name, data, Files())))


def test_as_many_purls_as_were_counted(recorded: Path) -> None:
    counted = {name: one for name, one in stated(recorded).items() if one["packages"] is None}
    assert counted
    for name, one in counted.items():
        entries = read(name.removesuffix(".gz"), content(recorded, name))
        for ecosystem in ("npm", "pypi"):
            found = [e for e in entries if e.purl.startswith(f"pkg:{ecosystem}/")]
            assert sum(len(e.versions) for e in found) == one[f"distinct_purls_{ecosystem}"], name


def test_what_other_tools_find_is_found_where_it_is_ours(recorded: Path) -> None:
    """Packages without a purl of npm or PyPI are none of ours: nginx, openssl, an image of Python."""
    for name, one in stated(recorded).items():
        if one["packages"] is None:
            continue
        ours = {(package_purl("npm", package), version) for package, version in one["packages"] if "cdx" in name}
        assert {(e.purl, v) for e in read(name, content(recorded, name)) for v in e.versions} == ours, name


def test_the_graph_of_a_real_application(recorded: Path) -> None:
    name = "sbom-bom-examples-flat-bom.1.4.json.gz"
    data = content(recorded, name)
    document = json.loads(data)
    root = document["metadata"]["component"]["bom-ref"]
    asks = next(one["dependsOn"] for one in document["dependencies"] if one["ref"] == root)
    entries = read(name.removesuffix(".gz"), data)
    assert sum(one.direct for one in entries) == len(asks)
    assert all(one.direct or one.via for one in entries if one.registry)
    assert [one.purl for one in entries if not one.registry] == ["pkg:npm/juice-shop"]


def as_xml(document: dict[str, Any]) -> bytes:
    """A CycloneDX document of JSON, written as XML; only what readers need of it."""

    def component(one: dict[str, Any]) -> str:
        inner = "".join(map(component, one.get("components", [])))
        return (
            f"<component bom-ref={quoteattr(one.get('bom-ref', ''))} type='library'>"
            + "".join(
                f"<{key}>{escape(one[key])}</{key}>" for key in ("name", "version", "scope", "purl") if key in one
            )
            + (f"<components>{inner}</components>" if inner else "")
            + "</component>"
        )

    needs = "".join(
        f"<dependency ref={quoteattr(one['ref'])}>"
        + "".join(f"<dependency ref={quoteattr(ref)}/>" for ref in one.get("dependsOn", []))
        + "</dependency>"
        for one in document.get("dependencies", [])
    )
    about = document["metadata"].get("component")
    return (
        f"<?xml version='1.0'?><bom xmlns='http://cyclonedx.org/schema/bom/{document['specVersion']}'>"
        f"<metadata>{component(about) if about else ''}</metadata>"
        f"<components>{''.join(map(component, document['components']))}</components>"
        f"<dependencies>{needs}</dependencies></bom>"
    ).encode()


def test_xml_says_the_same_as_json(recorded: Path) -> None:
    for name, one in stated(recorded).items():
        if one["format"] != "CycloneDX SBOM" or one["packages"] is not None:
            continue
        data = content(recorded, name)
        wanted = [(e.purl, e.versions, e.direct, e.dev, e.via, e.registry) for e in read("bom.json", data)]
        found = [
            (e.purl, e.versions, e.direct, e.dev, e.via, e.registry) for e in read("bom.xml", as_xml(json.loads(data)))
        ]
        assert found == wanted, name
