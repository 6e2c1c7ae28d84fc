"""CycloneDX and SPDX in all their writings: purls, graphs, what is described, and bad documents."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from config.manifests.files import File, Files
from config.manifests.formats import format_of, format_within
from config.manifests.model import Entry, ManifestError


def read(name: str, content: Any) -> dict[str, Entry]:
    if isinstance(content, bytes):
        data = content
    else:
        data = (dedent(content) if isinstance(content, str) else json.dumps(content, indent=1)).encode()
    form = format_of(name) or format_within(data)
    assert form is not None, name
    return {one.purl.removeprefix("pkg:"): one for one in form.read(File(Path(name), name, data, Files()))}


def shown(found: dict[str, Entry]) -> dict[str, str]:
    return {
        name: ("direct" if one.direct else ">".join(one.via) or "?") + (" dev" if one.dev else "")
        for name, one in found.items()
    }


def refused(name: str, content: Any) -> ManifestError:
    with pytest.raises(ManifestError) as caught:
        read(name, content)
    assert str(caught.value).isprintable()
    assert caught.value.mend
    return caught.value


def cyclonedx(**document: Any) -> dict[str, Any]:
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", **document}


SHOP = {"type": "application", "name": "shop", "bom-ref": "shop", "purl": "pkg:npm/shop@1.0.0"}
BILL = cyclonedx(
    metadata={"component": SHOP, "tools": {"components": [{"name": "tool", "purl": "pkg:npm/tool@1"}]}},
    components=[
        {"name": "express", "bom-ref": "e", "version": "4.0.0", "purl": "pkg:npm/express@4.0.0?checksum=sha256:aa"},
        {"name": "qs", "bom-ref": "q6", "purl": "pkg:npm/qs@6.0.0", "pedigree": {"ancestors": [
            {"name": "old", "purl": "pkg:npm/old@1"}]}},
        {"name": "qs", "bom-ref": "q5", "purl": "pkg:npm/qs@5.0.0#lib"},
        {"name": "core", "group": "@babel", "bom-ref": "c", "purl": "pkg:npm/%40babel/core@7.0.0",
         "scope": "excluded"},
        {"name": "JSONStream", "bom-ref": "j", "purl": "pkg:npm/JSONStream@1.0.0",
         "properties": [{"name": "cdx:npm:package:development", "value": "true"}]},
        {"name": "Django_Thing", "bom-ref": "d", "version": "5.0", "purl": "pkg:pypi/Django_Thing"},
        {"name": "guava", "bom-ref": "g", "purl": "pkg:maven/com.google.guava/guava@1"},
        {"name": "nopurl", "version": "1"},
        {"name": "outer", "bom-ref": "o", "components": [
            {"name": "inner", "bom-ref": "i", "purl": "pkg:npm/inner@2.0.0"}]},
    ],
    dependencies=[
        {"ref": "shop", "dependsOn": ["e", "d", "c", "j", "g", "o"]},
        {"ref": "e", "dependsOn": ["q6", "missing"]},
        {"ref": "c", "dependsOn": ["q5"]},
        {"ref": "o", "dependsOn": ["i"]},
    ],
)  # fmt: skip


def test_cyclonedx_with_graph_scopes_and_nested_components() -> None:
    found = read("bom.json", BILL)
    assert shown(found) == {
        "npm/shop": "?",
        "npm/express": "direct",
        "npm/qs": "express",
        "npm/%40babel/core": "direct dev",
        "npm/JSONStream": "direct dev",
        "pypi/django-thing": "direct",
        "npm/inner": "direct",
    }
    assert found["npm/qs"].versions == ("6.0.0", "5.0.0")
    assert found["pypi/django-thing"].versions == ("5.0",)
    assert [name for name, one in found.items() if not one.registry] == ["npm/shop"]


def test_groups_that_tools_for_python_state() -> None:
    def component(name: str, *groups: str) -> dict[str, Any]:
        stated = [{"name": "cdx:poetry:group", "value": group} for group in groups]
        return {"name": name, "purl": f"pkg:pypi/{name}@1", "properties": stated}

    listed = [component("a", "main"), component("b", "dev"), component("c", "dev", "main"), component("d")]
    found = read("bom.json", cyclonedx(components=listed))
    assert [name for name, one in found.items() if one.dev] == ["pypi/b"]


def test_a_bill_without_a_graph_has_all_as_direct_but_what_lies_within() -> None:
    components = [
        {"name": "a", "purl": "pkg:npm/a@1", "components": [{"name": "b", "purl": "pkg:npm/b@2"}]},
        {"name": "c", "purl": "pkg:npm/c@3"},
    ]
    assert shown(read("x.cdx.json", cyclonedx(components=components))) == {
        "npm/a": "direct",
        "npm/b": "a",
        "npm/c": "direct",
    }


def test_between_the_product_and_its_packages_may_stand_the_files_that_list_them() -> None:
    bill = cyclonedx(
        metadata={"component": {"name": "repo", "bom-ref": "repo"}},
        components=[
            {"type": "application", "name": "package-lock.json", "bom-ref": "lock"},
            {"name": "a", "bom-ref": "a", "purl": "pkg:npm/a@1"},
            {"name": "b", "bom-ref": "b", "purl": "pkg:npm/b@1"},
        ],
        dependencies=[
            {"ref": "repo", "dependsOn": ["lock"]},
            {"ref": "lock", "dependsOn": ["a"]},
            {"ref": "a", "dependsOn": ["b"]},
        ],
    )
    assert shown(read("bom.json", bill)) == {"npm/a": "direct", "npm/b": "a"}


def test_what_only_states_vulnerabilities_has_no_packages() -> None:
    vex = cyclonedx(vulnerabilities=[{"id": "X-1", "affects": [{"ref": "pkg:npm/a@1"}]}])
    assert read("product.vex.cdx.json", vex) == {}


def test_a_scope_without_its_sign_and_names_that_no_registry_has() -> None:
    purls = [
        "pkg:npm/babel/core@7.0.0",
        "pkg:npm/@types/node@1.0.0",
        "pkg:npm/%40a%2Fb@1",
        "pkg:npm/a/b/c@1",
        "pkg:npm/",
        "pkg:npm/white%20space@1",
        "pkg:NPM/plain@1.0.0%2Bbuild",
        "not-a-purl",
    ]
    found = read("bom.json", cyclonedx(components=[{"name": "x", "purl": purl} for purl in purls]))
    assert {name: one.versions for name, one in found.items()} == {
        "npm/%40babel/core": ("7.0.0",),
        "npm/%40types/node": ("1.0.0",),
        "npm/%40a/b": ("1",),
        "npm/plain": ("1.0.0+build",),
    }


XML = """\
    <?xml version="1.0" encoding="UTF-8"?>
    <c:bom xmlns:c="http://cyclonedx.org/schema/bom/1.5" xmlns:v="http://cyclonedx.org/schema/ext/vulnerability/1.0">
      <c:metadata>
        <c:tools><c:components><c:component type="library"><c:name>tool</c:name><c:purl>pkg:npm/tool@1</c:purl>
        </c:component></c:components></c:tools>
        <c:component type="application" bom-ref="shop"><c:name>shop</c:name>
          <c:purl>pkg:npm/shop@1.0.0</c:purl></c:component>
      </c:metadata>
      <c:components>
        <c:component type="library" bom-ref="e"><c:name>express</c:name>
          <c:purl>pkg:npm/express@4.0.0?a=b&amp;c=d</c:purl></c:component>
        <c:component type="library" bom-ref="q"><c:name>qs</c:name><c:version>6.0.0</c:version>
          <c:purl><![CDATA[pkg:npm/qs@6.0.0]]></c:purl>
          <c:pedigree><c:ancestors><c:component type="library"><c:name>old</c:name><c:purl>pkg:npm/old@1</c:purl>
          </c:component></c:ancestors></c:pedigree>
          <c:components><c:component type="library" bom-ref="i"><c:name>i</c:name><c:purl>pkg:npm/inner@1.0.0</c:purl>
          </c:component></c:components>
        </c:component>
        <c:component type="library" bom-ref="t"><c:name>t</c:name><c:scope>excluded</c:scope>
          <c:purl>pkg:pypi/T_t@1.0</c:purl></c:component>
        <c:component type="library" bom-ref="j"><c:name>j</c:name><c:purl>pkg:npm/jest@1.0.0</c:purl><c:properties>
          <c:property name="cdx:npm:package:development">true</c:property></c:properties></c:component>
      </c:components>
      <c:dependencies>
        <c:dependency ref="shop"><c:dependency ref="e"/><c:dependency ref="t"/><c:dependency ref="j"/></c:dependency>
        <c:dependency ref="e"><c:dependency ref="q"/></c:dependency>
      </c:dependencies>
    </c:bom>
    """


def test_cyclonedx_in_xml() -> None:
    found = read("bom.xml", XML)
    assert shown(found) == {
        "npm/shop": "?",
        "npm/express": "direct",
        "npm/qs": "express",
        "npm/inner": "express>qs",
        "pypi/t-t": "direct dev",
        "npm/jest": "direct dev",
    }
    assert shown(read("of-no-known-name.xml", XML)) == shown(found)
    assert shown(read("bom.xml", dedent(XML).replace("UTF-8", "UTF-16").encode("utf-16"))) == shown(found)


ENTITIES = '<!DOCTYPE bom [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>\n'
OUTSIDE = '<!DOCTYPE bom [<!ENTITY a SYSTEM "file:///etc/passwd">]>\n'


@pytest.mark.parametrize(
    ("text", "problem", "line"),
    [
        (
            "<?xml version='1.0'?>\n" + ENTITIES + "<bom xmlns='http://cyclonedx.org/schema/bom/1.5'>&b;</bom>",
            "document type",
            2,
        ),
        (
            "<?xml version='1.0'?>\n" + OUTSIDE + "<bom xmlns='http://cyclonedx.org/schema/bom/1.5'>&a;</bom>",
            "document type",
            2,
        ),
        ("<bom xmlns='http://cyclonedx.org/schema/bom/1.5'>\n<components>\n", "no XML", 3),
        ("<bom xmlns='http://cyclonedx.org/schema/bom/1.5'>\n&nothing;</bom>", "no XML", 2),
        ("<bom>\n</bom>", "no CycloneDX", 1),
        ("<project>\n</project>", "no CycloneDX", 1),
        ("<bom xmlns='http://cyclonedx.org/schema/bom/9.9'/>", "no CycloneDX", 1),
        ("<<<<<<< HEAD\n<bom/>\n=======\n<bom/>\n>>>>>>> b\n", "unfinished merge", 1),
        ("<?xml version='1.0' encoding='nothing'?>\n<bom/>", "no XML", 1),
        ("<bom xmlns='http://cyclonedx.org/schema/bom/1.5'>" + "<a>" * 300, "nests more than", 1),
        (
            "<bom xmlns='http://cyclonedx.org/schema/bom/1.5'><components>" + "<component><components>" * 300,
            "nests more",
            1,
        ),
        ('{"bomFormat": "CycloneDX", "specVersion": "1.5"}', "no XML", 1),
        ("", "no XML", 1),
    ],
)
def test_bad_xml_is_told_with_its_line(text: str, problem: str, line: int) -> None:
    error = refused("bom.xml", text)
    assert problem in error.problem
    assert error.line == line


@pytest.mark.parametrize(
    ("text", "problem", "line"),
    [
        ('{"bomFormat": "CycloneDX",\n "specVersion": "9"}', "specVersion", 2),
        ('{"bomFormat": "CycloneDX", "specVersion": "1.5",\n "components": {}}', "no list of objects", 2),
        ('{"bomFormat": "CycloneDX", "specVersion": "1.5",\n "components": [3]}', "no list of objects", 2),
        ('{"bomFormat": "CycloneDX",\n "specVersion": "1.5",\n "specVersion": "1.5"}', "twice", 3),
        (
            '{"bomFormat": "CycloneDX", "specVersion": "1.5", "components": [\n{"purl": "pkg:npm/a%1b[31m@1"}]}',
            "control",
            2,
        ),
        (
            '{"bomFormat": "CycloneDX", "specVersion": "1.5", "components": [\n{"purl": "pkg:npm/a@1%0a"}]}',
            "no version",
            None,
        ),
        ('{"bomFormat": "CycloneDX", "specVersion": "1.5",\n "compo', "ends too early", 2),
        ('{"bomFormat": "CycloneDX",\n "components": ' + "[" * 300 + "]" * 300 + "}", "nests more", 2),
        ('{"spdxVersion": "SPDX-1.2"}', "spdxVersion", 1),
        ('{"name": "shop", "lockfileVersion": 3}', "no bill of materials", None),
        ("[]", "no bill of materials", None),
        ("<bom xmlns='http://cyclonedx.org/schema/bom/1.5'/>", "no JSON", 1),
    ],
)
def test_bad_json_is_told_with_its_line(text: str, problem: str, line: int | None) -> None:
    error = refused("bom.json", text)
    assert problem in error.problem
    assert error.line == line


def package(ref: str, purl: str, version: str = "") -> dict[str, Any]:
    kinds = {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}
    return {"SPDXID": f"SPDXRef-{ref}", "name": ref, "versionInfo": version, "externalRefs": [kinds]}


def related(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": f"SPDXRef-{one}", "relationshipType": kind, "relatedSpdxElement": f"SPDXRef-{other}"}


SPDX = {
    "spdxVersion": "SPDX-2.3",
    "SPDXID": "SPDXRef-DOCUMENT",
    "packages": [
        package("shop", "pkg:npm/shop@1.0.0"),
        package("express", "pkg:npm/express", "4.0.0"),
        package("qs", "pkg:npm/qs@6.0.0"),
        package("jest", "pkg:npm/jest@1.0.0"),
        package("deep", "pkg:npm/deep@2.0.0"),
        package("django", "pkg:pypi/Django@5.0"),
        {"SPDXID": "SPDXRef-openssl", "name": "openssl"},
    ],
    "relationships": [
        related("DOCUMENT", "DESCRIBES", "shop"),
        related("shop", "DEPENDS_ON", "express"),
        related("django", "DEPENDENCY_OF", "shop"),
        related("jest", "DEV_DEPENDENCY_OF", "shop"),
        related("express", "DEPENDS_ON", "qs"),
        related("jest", "DEPENDS_ON", "deep"),
        related("shop", "CONTAINS", "qs"),
    ],
}
OF_SPDX = {
    "npm/shop": "?",
    "npm/express": "direct",
    "npm/qs": "express",
    "npm/jest": "direct dev",
    "npm/deep": "jest dev",
    "pypi/django": "direct",
}


def as_tags(document: dict[str, Any]) -> str:
    lines = [f"SPDXVersion: {document['spdxVersion']}", "SPDXID: SPDXRef-DOCUMENT", "# a comment"]
    for one in document["packages"]:
        lines += ["", f"PackageName: {one['name']}", f"SPDXID: {one['SPDXID']}"]
        lines += [f"PackageVersion: {one['versionInfo']}"] if one.get("versionInfo") else []
        lines += ["PackageComment: <text>two", "PackageName: lines</text>"]
        lines += [f"ExternalRef: PACKAGE-MANAGER purl {ref['referenceLocator']}" for ref in one.get("externalRefs", [])]
    lines += ["FileName: ./a", "SPDXID: SPDXRef-file"]
    lines += [
        f"Relationship: {one['spdxElementId']} {one['relationshipType']} {one['relatedSpdxElement']}"
        for one in document["relationships"]
    ]
    return "\n".join(lines) + "\n"


def as_spdx3(document: dict[str, Any]) -> dict[str, Any]:
    graph: list[dict[str, Any]] = [
        {"type": "SpdxDocument", "spdxId": "doc", "rootElement": ["bom"]},
        {"type": "software_Sbom", "spdxId": "bom", "rootElement": ["SPDXRef-shop"]},
    ]
    for one in document["packages"]:
        purls = [ref["referenceLocator"] for ref in one.get("externalRefs", [])]
        element = {"type": "software_Package", "spdxId": one["SPDXID"], "name": one["name"]}
        element["software_packageVersion"] = one.get("versionInfo", "")
        if one["name"] in {"qs", "django"}:
            element["externalIdentifier"] = [{"externalIdentifierType": "packageUrl", "identifier": purls[0]}]
        elif purls:
            element["software_packageUrl"] = purls[0]
        graph.append(element)
    for one in document["relationships"]:
        kind, ends = one["relationshipType"], (one["spdxElementId"], one["relatedSpdxElement"])
        if kind.endswith("_OF"):
            ends = ends[::-1]
        scope = {"scope": "development"} if kind.startswith("DEV") else {}
        if kind.startswith("DE") and kind != "DESCRIBES":
            made = {
                "type": "LifecycleScopedRelationship",
                "relationshipType": "dependsOn",
                "from": ends[0],
                "to": [ends[1]],
            }
            graph.append(made | scope)
    return {"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": graph}


def test_spdx_in_all_its_writings() -> None:
    found = read("x.spdx.json", SPDX)
    assert shown(found) == OF_SPDX
    assert found["npm/express"].versions == ("4.0.0",)
    assert [name for name, one in found.items() if not one.registry] == ["npm/shop"]
    writings = {
        "x.spdx": as_tags(SPDX),
        "notes.txt": as_tags(SPDX),
        "x.spdx.yml": yaml.safe_dump(SPDX),
        "x.spdx3.json": as_spdx3(SPDX),
        "export.json": {"sbom": SPDX},
    }
    for name, content in writings.items():
        assert shown(read(name, content)) == OF_SPDX, name


def test_a_document_about_all_it_lists_is_a_list() -> None:
    listed = [package("a", "pkg:npm/a@1"), package("b", "pkg:npm/b@1")]
    document = {"spdxVersion": "SPDX-2.2", "documentDescribes": ["SPDXRef-a", "SPDXRef-b"], "packages": listed}
    found = read("x.spdx.json", document)
    assert shown(found) == {"npm/a": "direct", "npm/b": "direct"}
    assert all(one.registry for one in found.values())


@pytest.mark.parametrize(
    ("name", "text", "problem", "line"),
    [
        ("x.spdx", "SPDXVersion: SPDX-2.3\nno tag at all\n", "no tag", 2),
        ("x.spdx", "PackageName: a\n", "no SPDXVersion", 1),
        ("x.spdx", "SPDXVersion: SPDX-2.3\nPackageComment: <text>endless\n\n", "no end", 2),
        ("x.spdx", "SPDXVersion: SPDX-2.3\nRelationship: a b\n", "relationship", 2),
        (
            "x.spdx",
            "SPDXVersion: SPDX-2.3\nPackageName: a\nExternalRef: PACKAGE-MANAGER purl\n",
            "external reference",
            3,
        ),
        ("x.spdx", '{"spdxVersion": "SPDX-2.3"}', "no tag", 1),
        ("x.spdx.yml", "spdxVersion: SPDX-2.3\npackages:\n- a\n", "no list of objects", 2),
        ("x.spdx.yml", "- 1\n", "no SPDX document", None),
        (
            "x.spdx.yml",
            "a: &a [x, x]\nb: &b [*a, *a]\n"
            + "".join(
                f"k{n}: &k{n} [*{'b' if n == 0 else f'k{n - 1}'}, *a, *b, *{'b' if n == 0 else f'k{n - 1}'}]\n"
                for n in range(30)
            ),
            "aliases",
            None,
        ),
        ("x.spdx.yml", "spdxVersion: SPDX-2.3\nspdxVersion: SPDX-2.3\n", "twice", 2),
    ],
)
def test_bad_spdx_is_told_with_its_line(name: str, text: str, problem: str, line: int | None) -> None:
    error = refused(name, text)
    assert problem in error.problem
    assert line is None or error.line == line


def test_a_long_ring_of_dependencies_ends() -> None:
    size = 4_000
    components = [{"name": "x", "bom-ref": str(n), "purl": f"pkg:npm/x{n}@1"} for n in range(size)]
    ring = [{"ref": str(n), "dependsOn": [str((n + 1) % size)]} for n in range(size)]
    found = read("bom.json", cyclonedx(components=components, dependencies=ring))
    assert len(found) == size
    assert sum(one.direct for one in found.values()) == 1


def test_refs_that_all_say_the_same_do_not_multiply() -> None:
    size = 4_000
    components = [{"name": "x", "bom-ref": "x", "purl": f"pkg:npm/x{n}@1"} for n in range(size)]
    assert (
        len(read("bom.json", cyclonedx(components=components, dependencies=[{"ref": "x", "dependsOn": ["x"] * size}])))
        == size
    )


words = st.sampled_from(
    [
        "bomFormat",
        "CycloneDX",
        "specVersion",
        "1.5",
        "components",
        "purl",
        "pkg:npm/a@1",
        "bom-ref",
        "a",
        "dependencies",
        "ref",
        "dependsOn",
        "metadata",
        "component",
        "spdxVersion",
        "SPDX-2.3",
        "packages",
        "externalRefs",
        "@graph",
        "referenceType",
        "referenceLocator",
        "relationships",
        "relationshipType",
        "DESCRIBES",
        "type",
        "software_Package",
    ]
)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=6),
    max_leaves=20,
)
declared = st.sampled_from(
    [
        {"bomFormat": "CycloneDX", "specVersion": "1.5"},
        {"spdxVersion": "SPDX-2.3"},
        {"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"},
        {},
    ]
)


@settings(max_examples=200, deadline=None)
@given(declared, documents)
@example({"@context": "https://spdx.org/rdf/3.0.1/"}, {"@graph": [{"type": []}]})
@example({"bomFormat": "CycloneDX", "specVersion": "1.5"}, {"components": [{"properties": [{"value": []}]}]})
@example({"spdxVersion": "SPDX-2.3"}, {"packages": [{"externalRefs": [{"referenceType": []}]}]})
def test_any_json_is_read_or_refused(start: dict[str, Any], rest: Any) -> None:
    document = {**start, **rest} if isinstance(rest, dict) else rest
    with suppress(ManifestError):
        read("bom.json", document)


xml_texts = st.lists(
    st.sampled_from(
        [
            "<bom xmlns='http://cyclonedx.org/schema/bom/1.5'>",
            "</bom>",
            "<components>",
            "</components>",
            "<component>",
            "</component>",
            "<purl>",
            "pkg:npm/a@1",
            "</purl>",
            "<!DOCTYPE a [<!ENTITY b 'c'>]>",
            "&b;",
            "&#0;",
            "<a",
            "'",
        ]
    ),
    max_size=12,
).map("".join)
tag_texts = st.lists(
    st.sampled_from(
        [
            "SPDXVersion: SPDX-2.3",
            "PackageName: a",
            "SPDXID: b",
            "ExternalRef: A purl pkg:npm/a@1",
            "<text>",
            "A: <text>",
            "Relationship: a DEPENDS_ON b",
            "Relationship: SPDXRef-DOCUMENT DESCRIBES b",
            "FileName: x",
            "x",
            "\x00",
        ]
    ),
    max_size=12,
).map("\n".join)


@settings(deadline=None)
@given(
    st.sampled_from(["bom.json", "bom.xml", "x.spdx", "x.spdx.yml"]),
    st.binary(max_size=100)
    | xml_texts.map(str.encode)
    | tag_texts.map(str.encode)
    | st.text(max_size=80).map(str.encode),
)
@example("bom.xml", b"<?xml version='1.0' encoding='utf-7'?><a/>")
@example("bom.xml", b"\xff\xfe<\x00")
def test_any_bytes_are_read_or_refused(name: str, data: bytes) -> None:
    with suppress(ManifestError):
        read(name, data)
