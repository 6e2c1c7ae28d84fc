"""Packuments that were written to hurt, and the shapes that old publishers and mirrors left behind."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from monitor.observations import Account, Package, Release, Standing
from monitor.sources.decode import BadDocument
from monitor.sources.packument import parse_packument

ALICE = {"name": "alice", "email": "alice@alice.example"}
NUMBERS = ("1.0.0", "1.1.0", "1.2.0")


def document(**of_latest: Any) -> dict[str, Any]:
    versions = {n: {"name": "left-pad", "version": n, "_npmUser": ALICE, "maintainers": [ALICE]} for n in NUMBERS}
    versions["1.2.0"] |= of_latest
    return {
        "name": "left-pad",
        "dist-tags": {"latest": "1.2.0"},
        "maintainers": [ALICE],
        "versions": versions,
        "time": {"created": "2020-01-01T00:00:00.000Z"}
        | {number: f"202{year}-01-01T00:00:00.000Z" for year, number in enumerate(NUMBERS)},
    }


def read(told: dict[str, Any]) -> Package:
    return parse_packument(json.dumps(told).encode(), "left-pad")


def latest(**told: Any) -> Release:
    releases = read(document(**told)).releases
    assert releases
    return releases["1.2.0"]


def with_literal(where: str, field: str, literal: str) -> bytes:
    """The document with one field written as ``literal``, which Python's own JSON would not write."""
    told = document(**{field: "@@"} if where == "version" else {})
    if where == "document":
        told[field] = "@@"
    return json.dumps(told).replace('"@@"', literal).encode()


OF_DOCUMENT = ["maintainers", "contributors", "repository", "license", "time", "versions", "dist-tags", "_rev", "_id"]
OF_VERSION = [
    "_npmUser",
    "maintainers",
    "scripts",
    "dependencies",
    "optionalDependencies",
    "repository",
    "license",
    "licenses",
    "_npmVersion",
    "_nodeVersion",
    "gitHead",
    "gypfile",
    "deprecated",
    "dist",
]
PLACES = [("document", field) for field in OF_DOCUMENT] + [("version", field) for field in OF_VERSION]
LITERALS = {
    "an integer of 31 digits": "1" + "0" * 30,
    "an integer of 5000 digits": "1" * 5000,
    "a float that is too large": "1e400",
    "half a surrogate pair": r'"\ud800"',
    "half a surrogate pair as a key": r'{"\udfff":1}',
    "an escaped NUL": r'"\u0000"',
    **{f"{depth} lists": "[" * depth + "]" * depth for depth in (300, 600, 900, 960, 990)},
    **{f"{depth} objects": '{"name":' * depth + "1" + "}" * depth for depth in (300, 600, 900, 960, 990)},
}


@pytest.mark.parametrize("spoiled", [False, True], ids=["fast", "patient"])
@pytest.mark.parametrize("literal", LITERALS.values(), ids=LITERALS.keys())
def test_no_value_in_no_field_raises_anything_but_a_bad_document(literal: str, spoiled: bool) -> None:
    for where, field in PLACES:
        body = with_literal(where, field, literal)
        if spoiled:
            body = body[:-1] + b',"_rev":{}}'
        try:
            assert read_bytes(body).name == "left-pad"
        except BadDocument as error:
            assert str(error).isprintable()  # noqa: PT017 - either outcome is right


def read_bytes(body: bytes) -> Package:
    return parse_packument(body, "left-pad")


def test_a_licence_of_many_brackets_hides_nothing_else() -> None:
    nested: Any = "MIT"
    for _ in range(400):
        nested = [nested]
    release = latest(license=nested)
    assert release.licence == ""
    assert release.publisher == Account("alice", "alice@alice.example")


def test_no_text_of_a_package_holds_a_nul() -> None:
    told = document(_npmUser={"name": "al\0ice", "email": "a\0@x.example"}, scripts={"postinstall": "a\0b"})
    told["versions"]["1.3.0\0"] = told["versions"]["1.2.0"]
    told["dist-tags"]["be\0ta"] = "1.3.0\0"
    told["maintainers"].append({"name": "\0", "email": "\0"})
    assert r"\x00" not in repr(read(told))
    assert latest(scripts={"postinstall": "a\0b"}).scripts == {"postinstall": "a\ufffdb"}


def test_an_escape_that_only_looks_like_a_nul_is_left_alone() -> None:
    script = r"printf '\u0000' \\u0000"
    assert latest(scripts={"postinstall": script}).scripts == {"postinstall": script}


@pytest.mark.parametrize(
    "told", [None, "alice", 7, [ALICE], {}, {"email": "x@y.example"}, {"name": None}, {"name": " "}]
)
def test_a_publisher_who_has_no_name_is_unknown(told: Any) -> None:
    release = latest(_npmUser=told)
    if told == "alice":  # as very old documents have it
        assert release.publisher == Account("alice", "")
        return
    assert (release.publisher, release.trusted_publisher, release.approver) == (UNSET, UNSET, UNSET)


def test_a_publisher_without_an_address_is_known_to_show_none() -> None:
    assert latest(_npmUser={"name": "alice"}).publisher == Account("alice", "")


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"id": "github", "oidcConfigId": "x"}, "github"),
        ({"id": None}, "unnamed"),
        ({}, "unnamed"),
        ("github", ""),
        (None, ""),
    ],
)
def test_a_trusted_publisher_is_told_by_its_provider(told: Any, found: str) -> None:
    assert latest(_npmUser=ALICE | {"trustedPublisher": told}).trusted_publisher == found


@pytest.mark.parametrize(
    ("told", "found"), [("bob", "bob"), ({"name": "bob"}, "bob"), ({"name": 7}, ""), (7, ""), (None, "")]
)
def test_an_approver_is_an_account(told: Any, found: str) -> None:
    assert latest(_npmUser=ALICE | {"approver": told}).approver == found


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"url": "u", "provenance": {"predicateType": "p"}}, "p"),
        ({"url": "u"}, "attested"),
        ({"provenance": "yes"}, "attested"),
        (None, ""),
        ([], ""),
        ("yes", ""),
    ],
)
def test_attestations_of_any_shape_are_read(told: Any, found: str) -> None:
    assert latest(dist={"attestations": told}).provenance == found


@pytest.mark.parametrize(
    ("dist", "found"),
    [
        ({"integrity": "sha512-x", "shasum": "y"}, {"tarball": "sha512-x"}),
        ({"shasum": "y"}, {"tarball": "sha1-y"}),
        ({"integrity": None, "shasum": "y"}, {"tarball": "sha1-y"}),
        ({"integrity": 7}, UNSET),
        ({}, UNSET),
        (None, UNSET),
        ("sha512-x", UNSET),
    ],
)
def test_a_digest_is_the_best_one_that_is_told(dist: Any, found: Any) -> None:
    assert latest(dist=dist).integrity == found


@pytest.mark.parametrize("told", [-1, 1 << 60, True, "9", None, 1.5])
def test_a_size_that_is_none_is_unknown(told: Any) -> None:
    release = latest(dist={"unpackedSize": told, "fileCount": told})
    assert (release.size, release.files) == (UNSET, UNSET)


def test_optional_dependencies_are_dependencies() -> None:
    release = latest(dependencies={"a": "^1", "b": "^1"}, optionalDependencies={"b": "^2", "c": None})
    assert release.dependencies == {"a": "^1", "b": "^2"}


@pytest.mark.parametrize("preinstall", [{}, {"preinstall": "x"}, {"install": "y"}])
def test_node_gyp_builds_unless_a_script_takes_its_place(preinstall: dict[str, str]) -> None:
    release = latest(gypfile=True, scripts=preinstall)
    assert release.implicit_build is not bool(preinstall)
    assert ("install" in (release.scripts or {})) is (preinstall != {"preinstall": "x"})


@pytest.mark.parametrize("told", ["true", 1, None, {}])
def test_a_gypfile_that_is_no_yes_builds_nothing(told: Any) -> None:
    assert latest(gypfile=told).scripts == {}


def test_a_version_called_proto_takes_no_other_version_along() -> None:
    told = document()
    told["versions"]["__proto__"] = told["versions"]["1.2.0"] | {"scripts": {"install": "x"}}
    told["time"]["__proto__"] = "2026-01-01T00:00:00Z"
    package = read(told)
    assert package.releases
    assert package.releases["__proto__"].scripts == {"install": "x"}
    assert package.releases["1.2.0"].scripts == {}


@pytest.mark.parametrize(
    "told", [{}, {"versions": None}, {"versions": "1.0.0"}, {"versions": [None, 7]}, {"time": "x"}]
)
def test_an_unpublished_package_is_removed_whatever_else_it_says(told: dict[str, Any]) -> None:
    package = read({"name": "left-pad", "time": {"unpublished": told}})
    assert package.standing is Standing.REMOVED
    assert package.withdrawn == {}


@pytest.mark.parametrize("told", ["2026-01-01T00:00:00Z", True, None, []])
def test_an_unpublication_that_is_none_removes_nothing(told: Any) -> None:
    whole = document()
    whole["time"]["unpublished"] = told
    assert read(whole).standing is Standing.ACTIVE


@pytest.mark.parametrize(
    ("publisher", "repository", "standing"),
    [
        ({"name": "npm"}, None, Standing.SECURITY_PLACEHOLDER),
        (None, "npm/security-holder", Standing.SECURITY_PLACEHOLDER),
        (None, {"type": "git", "url": "git+https://github.com/npm/security-holder.git"}, Standing.SECURITY_PLACEHOLDER),
        (None, "alice/left-pad", Standing.ACTIVE),
        (ALICE, "npm/security-holder", Standing.ACTIVE),
    ],
)
def test_a_mirror_without_publishers_shows_a_placeholder_by_its_repository(
    publisher: Any, repository: Any, standing: Standing
) -> None:
    told = document()
    for number in ("0.0.1-security", "0.0.1-security.0"):
        stub = {"name": "left-pad", "version": number, "repository": repository}
        told["versions"] = {number: stub if publisher is None else stub | {"_npmUser": publisher}}
        told["dist-tags"]["latest"] = number
        assert read(told).standing is standing


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("git+https://token:secret@github.com/alice/left-pad.git", "https://github.com/alice/left-pad"),
        ("https://secret@git.alice.example/left-pad", "https://git.alice.example/left-pad"),
        ("git+ssh://git@github.com/alice/left-pad.git", "https://github.com/alice/left-pad"),
        ("ssh://alice@git.alice.example:2222/left-pad.git", "https://git.alice.example:2222/left-pad"),
        ("git@github.com:alice/left-pad.git", "https://github.com/alice/left-pad"),
        ("git://github.com/alice/left-pad.git/", "https://github.com/alice/left-pad"),
        ("gitlab:alice/left-pad", "https://gitlab.com/alice/left-pad"),
        ("bitbucket:alice/left-pad", "https://bitbucket.org/alice/left-pad"),
        ("alice/left-pad", "https://github.com/alice/left-pad"),
        ([{"url": "github:alice/left-pad"}], "https://github.com/alice/left-pad"),
        ("not an address", "not an address"),
        ("", ""),
    ],
)
def test_a_repository_has_one_spelling_and_no_credentials(written: Any, address: str) -> None:
    assert latest(repository=written).repository == address


def test_one_maintainer_may_stand_without_a_list() -> None:
    assert latest(maintainers=ALICE).maintainers == (Account("alice", "alice@alice.example"),)


def test_a_security_release_of_its_own_people_is_no_placeholder() -> None:
    told = document()
    told["versions"]["1.2.1-security"] = told["versions"]["1.2.0"]
    told["dist-tags"]["latest"] = "1.2.1-security"
    assert read(told).standing is Standing.ACTIVE


def test_a_version_longer_than_any_registry_takes_is_not_read() -> None:
    told = document()
    longest = f"1.0.0-{'a' * 400}"
    told["versions"][longest], told["time"][longest] = told["versions"]["1.0.0"], told["time"]["1.0.0"]
    assert (tuple(read(told).releases or {}), read(told).withdrawn) == (NUMBERS, {})


@pytest.mark.parametrize("told", [{"latest": "9.9.9"}, {}, {"latest": None}, {"latest": 7}, []])
def test_a_latest_that_is_not_served_says_nothing_of_the_package(told: Any) -> None:
    package = read(document() | {"dist-tags": told})
    assert package.deprecated is UNSET
    assert len(package.releases or {}) == 3


def test_versions_that_are_no_semver_come_in_order_of_their_dates() -> None:
    told = document()
    for name, year in (("latest-and-greatest", 2018), ("1.0", 2019)):
        told["versions"][name] = told["versions"]["1.0.0"]
        told["time"][name] = f"{year}-01-01T00:00:00Z"
    assert list(read(told).releases or {}) == ["latest-and-greatest", "1.0", *NUMBERS]


@pytest.mark.parametrize("body", [b'{"name":null}', b'{"_id":7}', b"{}", b'{"name":["left-pad"]}'])
def test_a_document_without_a_name_is_no_packument(body: bytes) -> None:
    with pytest.raises(BadDocument, match="no package document"):
        read_bytes(body)


def test_the_name_of_another_package_is_told_in_one_short_line() -> None:
    with pytest.raises(BadDocument, match="another package") as raised:
        read({"name": "right\n\x1b[31m" + "x" * 10_000})
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 200


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8)
accounts = st.builds(lambda name: {"name": name, "email": f"{name}@x.example"}, names)
manifests = st.fixed_dictionaries(
    {"_npmUser": accounts},
    optional={
        "maintainers": st.lists(accounts, max_size=3),
        "scripts": st.dictionaries(st.sampled_from(["install", "postinstall", "test"]), names, max_size=3),
        "dependencies": st.dictionaries(names, names, max_size=3),
        "deprecated": names | st.booleans(),
        "gypfile": st.booleans(),
        "license": names | st.builds(lambda name: {"type": name}, names),
        "repository": names | st.builds(lambda name: {"url": name}, names),
        "dist": st.fixed_dictionaries({}, optional={"integrity": names, "fileCount": st.integers(0, 9)}),
    },
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(names, manifests, max_size=4), st.lists(accounts, max_size=3))
def test_what_is_read_patiently_is_what_is_read_fast(versions: dict[str, Any], maintainers: list[Any]) -> None:
    told = document() | {"versions": versions, "maintainers": maintainers}
    assert read(told | {"_rev": {}}) == read(told)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PLACES), anything)
def test_any_json_in_any_field_is_a_package_or_a_bad_document(place: tuple[str, str], value: Any) -> None:
    where, field = place
    told = document(**{field: value}) if where == "version" else document() | {field: value}
    with suppress(BadDocument):
        assert read(told).name == "left-pad"
