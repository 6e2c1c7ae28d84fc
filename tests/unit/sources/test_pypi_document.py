"""Project documents of Python indexes: what they say, what they leave out, and what hostile metadata puts in them."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from monitor.observations import Account, Package, Standing
from monitor.sources.decode import BadDocument
from monitor.sources.pypi import parse_pypi


def file(name: str, **told: Any) -> dict[str, Any]:
    return {
        "filename": name,
        "packagetype": "bdist_wheel" if name.endswith(".whl") else "sdist",
        "size": 1000,
        "digests": {"sha256": f"of {name}", "md5": "weak"},
        "upload_time_iso_8601": "2026-01-01T00:00:00.000000Z",
        "yanked": False,
        "yanked_reason": None,
    } | told


def project(**of_info: Any) -> dict[str, Any]:
    return {
        "info": {"name": "left-pad", "version": "1.1"} | of_info,
        "releases": {"1.0": [file("a.tar.gz")], "1.1": [file("b.tar.gz"), file("b.whl")]},
        "ownership": {"roles": [{"role": "Owner", "user": "alice"}], "organization": None},
        "last_serial": 7,
    }


def read(told: dict[str, Any], simple: Any = None) -> Package:
    page = simple if simple is None or isinstance(simple, bytes) else json.dumps(simple).encode()
    return parse_pypi(json.dumps(told).encode(), "left-pad", page)


def release(version: str, *files: Any) -> Any:
    return (read(project() | {"releases": {version: list(files)}}).releases or {})[version]


@pytest.mark.parametrize(
    ("ownership", "found"),
    [
        ({"roles": [{"role": "Owner", "user": "bob"}, {"role": "Maintainer", "user": "alice"}]}, ("alice", "bob")),
        ({"roles": [{"role": "Owner", "user": "bob"}, {"role": "Maintainer", "user": "bob"}]}, ("bob",)),
        ({"roles": [{"role": "Owner", "user": "bob"}, None, 7, {"user": None}, {"role": "Owner"}]}, ("bob",)),
        ({"roles": [{"role": "Owner", "user": "bob"}], "organization": "corp"}, ("bob",)),
        ({"roles": []}, ()),
    ],
)
def test_those_with_a_role_can_publish(ownership: Any, found: tuple[str, ...]) -> None:
    assert read(project() | {"ownership": ownership}).maintainers == tuple(map(Account, found))


@pytest.mark.parametrize("ownership", [None, "alice", [], {}, {"roles": None}, {"roles": [], "organization": "corp"}])
def test_who_can_publish_is_unknown_where_no_roles_are_told(ownership: Any) -> None:
    assert read(project() | {"ownership": ownership}).maintainers is UNSET


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ("a@x.example", ("a@x.example",)),
        ("Alice <a@x.example>, b@x.example", ("a@x.example", "b@x.example")),
        ("", ()),
        (None, ()),
        ("nobody", ()),
        (7, UNSET),
        ("(" * 5000, UNSET),
    ],
)
def test_contacts_are_addresses_and_nothing_else(told: Any, found: Any) -> None:
    assert read(project(author_email=told)).contacts == found


def test_contacts_are_unknown_where_the_document_has_no_place_for_them() -> None:
    assert read(project()).contacts is UNSET


@pytest.mark.parametrize(
    ("page", "standing"),
    [
        ({"project-status": {"status": "archived"}}, Standing.ARCHIVED),
        ({"meta": {"project-status": "archived"}}, Standing.ARCHIVED),
        ({"project-status": {"status": "quarantined"}}, Standing.QUARANTINED),
        ({"project-status": {"status": "deprecated"}}, Standing.ACTIVE),
        ({"project-status": {"status": 7}}, Standing.ACTIVE),
        ({"project-status": "archived"}, Standing.ACTIVE),
        ({"meta": None}, Standing.ACTIVE),
        (None, Standing.ACTIVE),
        (b"<html>", UNSET),
        (b"[]", UNSET),
        ({"name": "right-pad", "project-status": {"status": "archived"}}, UNSET),
    ],
)
def test_a_standing_is_what_the_project_s_own_page_says(page: Any, standing: Any) -> None:
    assert read(project(), page).standing == standing


@pytest.mark.parametrize(
    ("yanks", "found"),
    [([True, True], True), ([True, False], False), ([True, None], True), ([None, "yes"], UNSET)],
)
def test_a_release_is_yanked_when_all_its_files_are(yanks: list[Any], found: Any) -> None:
    files = [file(f"{index}.whl", yanked=yanked) for index, yanked in enumerate(yanks)]
    assert release("1.0", *files).yanked == found


@pytest.mark.parametrize(("told", "found"), [("broken", "broken"), (None, ""), (7, ""), ("x" * 5000, "x" * 1000)])
def test_the_reason_of_a_yank_is_kept(told: Any, found: str) -> None:
    assert release("1.0", file("a.whl", yanked=True, yanked_reason=told)).yanked_reason == found


@pytest.mark.parametrize(
    ("files", "found"),
    [(["a.tar.gz"], True), (["a.whl"], False), (["a.tar.gz", "a.whl"], False)],
)
def test_a_release_is_built_from_source_where_there_is_no_wheel(files: list[str], found: bool) -> None:
    assert release("1.0", *map(file, files)).source_build is found


def test_whether_a_release_is_built_is_unknown_where_no_kinds_are_told() -> None:
    assert release("1.0", file("a.tar.gz", packagetype=None)).source_build is UNSET


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"digests": {"md5": "m", "sha256": "s"}}, "sha256:s"),
        ({"digests": {"md5": "m"}}, "md5:m"),
        ({"digests": None, "md5_digest": "m"}, "md5:m"),
    ],
)
def test_a_file_has_the_best_digest_that_is_told(told: Any, found: str) -> None:
    assert release("1.0", file("a.whl", **told)).integrity == {"a.whl": found}


@pytest.mark.parametrize("told", [{"digests": {}}, {"digests": "s"}, {"filename": None}])
def test_a_file_without_a_digest_or_a_name_has_no_integrity(told: Any) -> None:
    assert release("1.0", file("a.whl", **told)).integrity is UNSET


@pytest.mark.parametrize("told", ["yesterday", None, 7, "9999-12-31T00:00:00Z", "1970-01-01T00:00:00Z"])
def test_a_release_is_as_old_as_its_first_file_with_a_date(told: Any) -> None:
    later = file("b.whl", upload_time_iso_8601="2026-01-02T00:00:00Z")
    found = release("1.0", file("a.whl", upload_time_iso_8601=told), later)
    assert found.published_at == datetime(2026, 1, 2, tzinfo=UTC)
    assert release("1.0", file("a.whl", upload_time_iso_8601=told)).published_at is UNSET


def test_an_old_index_tells_upload_times_without_a_zone() -> None:
    told = file("a.whl", upload_time="2026-01-03T04:05:06")
    del told["upload_time_iso_8601"]
    assert release("1.0", told).published_at == datetime(2026, 1, 3, 4, 5, 6, tzinfo=UTC)


def test_versions_that_are_no_versions_are_kept() -> None:
    names = ["1.0", "__proto__", "2004d", "../..", "1.0-" + "x" * 100]
    told = project() | {"releases": {name: [file(f"{name}.whl")] for name in names}}
    assert set(read(told).releases or {}) == set(names)


@pytest.mark.parametrize("releases", [None, {}, [], "1.0"])
def test_a_document_without_releases_is_one_of_its_version_only(releases: Any) -> None:
    package = read(project() | {"releases": releases, "urls": [file("b.whl")]})
    assert list(package.releases or {}) == ["1.1"]
    assert not package.complete


def test_without_files_of_any_kind_the_releases_are_unknown() -> None:
    told = project()
    del told["releases"]
    assert read(told).releases is UNSET


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (None, {}),
        (["Requests>=2", "requests<3", "a_b[c]==1; extra == 'x'"], {"requests": ">=2", "a-b": "==1"}),
        (["d @ https://evil.example/d.zip"], {"d": "@ https://evil.example/d.zip"}),
        (["((((", "", "-r x"], {}),
        (["a;" + "(" * 1990], {}),
    ],
)
def test_dependencies_are_told_by_the_latest_release(told: Any, found: dict[str, str]) -> None:
    package = read(project(requires_dist=told))
    assert package.releases
    assert package.releases["1.1"].dependencies == found
    assert package.releases["1.0"].dependencies is UNSET


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"license_expression": "MIT", "license": "GPL"}, "MIT"),
        ({"classifiers": ["License :: OSI Approved :: MIT License"], "license": "x"}, "MIT License"),
        ({"license": " MIT "}, "MIT"),
        ({"license": "whole text " * 100}, ""),
        ({"license": None}, ""),
        ({}, UNSET),
    ],
)
def test_a_licence_is_told_in_many_ways(told: Any, found: Any) -> None:
    assert read(project(**told)).licence == found


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"project_urls": {"Source Code": "https://x.example/a.git"}, "home_page": "h"}, "https://x.example/a"),
        ({"project_urls": {"Docs": "d", "Source": 7}, "home_page": "https://h.example/"}, "https://h.example"),
        ({"project_urls": None, "home_page": None}, ""),
        ({"project_urls": [1]}, UNSET),
        ({}, UNSET),
    ],
)
def test_a_repository_is_one_of_the_links(told: Any, found: Any) -> None:
    assert read(project(**told)).repository == found


@pytest.mark.parametrize("body", [b"{}", b'{"info":null}', b'{"info":[]}', b'{"info":{"name":7}}'])
def test_a_document_without_a_name_is_no_project(body: bytes) -> None:
    with pytest.raises(BadDocument, match="no project document"):
        parse_pypi(body, "left-pad")


def test_the_name_of_another_project_is_told_in_one_short_line() -> None:
    with pytest.raises(BadDocument, match="another project") as raised:
        read(project(name="right\n\x1b[31m" + "x" * 10_000))
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 200


def test_no_text_of_a_project_holds_a_nul() -> None:
    told = project(author_email="a\0@x.example", license="M\0", requires_dist=["a>=1"], version="1\0")
    told["releases"] |= {"1\0": [file("c\0.whl", yanked=True, yanked_reason="\0")]}
    told["ownership"]["roles"].append({"role": "Owner", "user": "b\0b"})
    page = {"name": "left-pad", "project-status": {"status": "archived", "reason": "\0"}, "files": []}
    assert r"\x00" not in repr(read(told, page))


OF_DOCUMENT = ["info", "releases", "urls", "ownership", "last_serial"]
OF_INFO = [
    "version",
    "author_email",
    "maintainer_email",
    "project_urls",
    "home_page",
    "license",
    "license_expression",
    "classifiers",
    "requires_dist",
]
OF_FILE = list(file("a.whl"))
LITERALS = {
    "an integer of 5000 digits": "1" * 5000,
    "a float that is too large": "1e400",
    "half a surrogate pair": r'"\ud800"',
    "5000 parentheses": '"' + "(" * 5000 + '"',
    "a list of parentheses": '["a;' + "(" * 1900 + '"]',
    **{f"{depth} lists": "[" * depth + "]" * depth for depth in (300, 600, 900, 990, 200_000)},
}


@pytest.mark.parametrize("literal", LITERALS.values(), ids=LITERALS.keys())
def test_no_value_in_no_field_raises_anything_but_a_bad_document(literal: str) -> None:
    told = [project(**{field: "@@"}) for field in OF_INFO]
    told += [project() | {field: "@@"} for field in OF_DOCUMENT]
    told += [project() | {"releases": {"1.1": [file("a.whl") | {field: "@@"}]}} for field in OF_FILE]
    for one in told:
        body = json.dumps(one).replace('"@@"', literal).encode()
        with suppress(BadDocument):
            assert parse_pypi(body, "left-pad", body).name == "left-pad"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([*OF_DOCUMENT, *OF_INFO, *OF_FILE]), anything, anything)
def test_any_json_in_any_field_is_a_project_or_a_bad_document(field: str, value: Any, page: Any) -> None:
    told = project(**{field: value}) if field in OF_INFO else project() | {field: value}
    if field in OF_FILE:
        told = project() | {"releases": {"1.1": [file("a.whl") | {field: value}]}}
    with suppress(BadDocument):
        assert read(told, {"name": "left-pad", "files": page, "meta": page}).name == "left-pad"


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
files = st.builds(
    lambda name, told: file(name) | told,
    texts,
    st.fixed_dictionaries(
        {},
        optional={
            "yanked": st.booleans(),
            "yanked_reason": texts | st.none(),
            "size": st.integers(0, 9),
            "packagetype": texts,
        },
    ),
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(texts, st.lists(files, max_size=2), max_size=3), st.lists(texts, max_size=3), texts)
def test_what_is_read_patiently_is_what_is_read_fast(
    releases: dict[str, Any], requires: list[str], licence: str
) -> None:
    told = project(requires_dist=requires, license=licence) | {"releases": releases}
    del told["last_serial"]
    assert read(told | {"last_serial": "seven"}) == read(told)


def test_what_old_build_tools_wrote_for_nothing_is_nothing() -> None:
    told = read(project(license="UNKNOWN", home_page="UNKNOWN", project_urls={"Source": "UNKNOWN"}))
    assert (told.licence, told.repository) == ("", "")
