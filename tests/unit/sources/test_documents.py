"""What registries' documents say, and what is made of documents that say it wrongly."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from monitor.observations import Account, Package, Standing
from monitor.sources.decode import BadDocument, moment
from monitor.sources.packument import NODE_GYP, parse_packument, repository_url
from monitor.sources.pypi import parse_pypi

ALICE = {"name": "alice", "email": "alice@alice.example"}


def version(number: str, **told: Any) -> dict[str, Any]:
    return {"name": "left-pad", "version": number, "_npmUser": ALICE, "maintainers": [ALICE]} | told


def document(**told: Any) -> dict[str, Any]:
    numbers = ("1.0.0", "1.1.0", "1.2.0")
    return {
        "_id": "left-pad",
        "name": "left-pad",
        "dist-tags": {"latest": "1.2.0"},
        "maintainers": [ALICE],
        "versions": {number: version(number) for number in numbers},
        "time": {"created": "2020-01-01T00:00:00.000Z"}
        | {number: f"202{index}-01-01T00:00:00.000Z" for index, number in enumerate(numbers)},
    } | told


def npm(told: Any) -> Package:
    return parse_packument(json.dumps(told).encode(), "left-pad")


def latest(told: Any) -> Any:
    package = npm(told)
    assert package.releases
    return package.releases["1.2.0"]


def with_latest(**told: Any) -> dict[str, Any]:
    whole = document()
    whole["versions"]["1.2.0"] |= told
    return whole


@pytest.mark.parametrize(
    "told", [["alice <alice@alice.example>"], [ALICE], [ALICE, ALICE], [ALICE, None, 7, {"email": "x@y.example"}]]
)
def test_maintainers_come_in_many_shapes(told: Any) -> None:
    assert npm(document(maintainers=told)).maintainers == (Account("alice", "alice@alice.example"),)


@pytest.mark.parametrize("told", [None, "alice", 7, {}, [7, None]])
def test_maintainers_that_are_none_are_unknown(told: Any) -> None:
    assert npm(document(maintainers=told)).maintainers is UNSET


def test_an_empty_list_of_maintainers_is_known() -> None:
    assert npm(document(maintainers=[])).maintainers == ()


@pytest.mark.parametrize("told", ["yesterday", "", None, 7, {}, "9999-12-31T00:00:00Z", "1970-01-01T00:00:00Z", "0"])
def test_a_date_that_is_none_is_unknown_and_the_rest_stays(told: Any) -> None:
    whole = document()
    whole["time"]["1.2.0"] = told
    package = npm(whole)
    assert package.releases
    assert package.releases["1.2.0"].published_at is UNSET
    assert package.releases["1.0.0"].published_at == datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("name", ["__proto__", "latest", "1", "../../etc", "1.0.0-" + "x" * 200])
def test_a_version_may_be_called_anything(name: str) -> None:
    whole = document()
    whole["versions"][name] = version(name)
    assert name in (npm(whole).releases or {})


def test_a_package_may_be_called_proto() -> None:
    body = json.dumps(document(name="__proto__")).encode()
    assert parse_packument(body, "__proto__").name == "__proto__"


@pytest.mark.parametrize("told", [None, [], "node x.js", {"postinstall": 7}, {"postinstall": "  "}, {"prepare": "x"}])
def test_what_runs_nothing_on_install_is_known_empty(told: Any) -> None:
    assert latest(with_latest(scripts=told)).scripts == {}


def test_install_scripts_are_read_and_nothing_else() -> None:
    told = {"test": "x", "prepare": "y", "postinstall": "node a.js", "preinstall": "node b.js"}
    assert latest(with_latest(scripts=told)).scripts == {"preinstall": "node b.js", "postinstall": "node a.js"}


def test_an_implicit_build_is_an_install_script() -> None:
    release = latest(with_latest(gypfile=True))
    assert (release.scripts, release.implicit_build) == ({"install": NODE_GYP}, True)
    assert latest(with_latest(gypfile=True, scripts={"preinstall": "x"})).scripts == {"preinstall": "x"}
    assert latest(with_latest(gypfile=False)).scripts == {}


def test_a_trusted_publication_and_its_approver_are_told_apart_from_a_person() -> None:
    actions = {"name": "GitHub Actions", "email": "x@github.example", "trustedPublisher": {"id": "github"}}
    assert latest(with_latest(_npmUser=actions)).trusted_publisher == "github"
    assert latest(with_latest(_npmUser=ALICE | {"approver": {"name": "bob"}})).approver == "bob"
    assert latest(document()).trusted_publisher == ""


def test_provenance_is_known_empty_where_the_document_tells_such_things() -> None:
    attested = {"attestations": {"provenance": {"predicateType": "https://slsa.example/v1"}}}
    assert latest(with_latest(dist=attested)).provenance == "https://slsa.example/v1"
    assert latest(document()).provenance == ""


def test_a_mirror_that_strips_facts_leaves_them_unknown() -> None:
    mirror = document()
    del mirror["maintainers"], mirror["time"]
    for one in mirror["versions"].values():
        del one["_npmUser"], one["maintainers"]
    package, release = npm(mirror), latest(mirror)
    assert package.maintainers is UNSET
    assert package.withdrawn is UNSET
    unknown = ("published_at", "publisher", "trusted_publisher", "maintainers", "provenance", "git_head", "deprecated")
    assert [name for name in unknown if getattr(release, name) is not UNSET] == []
    assert release.scripts == {}


def test_times_at_which_a_mirror_fetched_are_not_believed() -> None:
    numbers = [f"1.0.{patch}" for patch in range(20)]
    fetched = {number: f"2026-{11 - index % 11:02}-01T00:00:00Z" for index, number in enumerate(numbers)}
    whole = document(time=fetched, versions={number: version(number) for number in numbers})
    assert all(release.published_at is UNSET for release in (npm(whole).releases or {}).values())


def test_one_late_backport_leaves_the_times_believable() -> None:
    numbers = [f"1.0.{patch}" for patch in range(20)]
    times = {"created": "2010-01-01T00:00:00Z"} | {n: f"{2000 + 4 + i}-01-01T00:00:00Z" for i, n in enumerate(numbers)}
    times["1.0.5"] = "2020-01-01T00:00:00Z"
    whole = document(time=times, versions={number: version(number) for number in numbers})
    assert all(release.published_at is not UNSET for release in (npm(whole).releases or {}).values())


def test_a_package_whose_versions_were_all_unpublished_is_removed() -> None:
    told = {"unpublished": {"time": "2026-01-01T00:00:00Z", "versions": ["1.0.0"]}, "1.0.0": "2020-01-01T00:00:00Z"}
    whole = document(time=told)
    del whole["versions"], whole["dist-tags"]
    package = npm(whole)
    assert package.standing is Standing.REMOVED
    assert package.withdrawn == {"1.0.0": None} or list(package.withdrawn or {}) == ["1.0.0"]


def test_a_security_placeholder_is_recognised() -> None:
    stub = version("0.0.1-security", _npmUser={"name": "npm", "email": "x@npm.example"})
    whole = document(versions={"0.0.1-security": stub}, maintainers=[], **{"dist-tags": {"latest": "0.0.1-security"}})
    assert npm(whole).standing is Standing.SECURITY_PLACEHOLDER


def test_versions_that_are_no_longer_served_are_known_by_their_times() -> None:
    whole = document()
    del whole["versions"]["1.1.0"]
    assert list(npm(whole).withdrawn or {}) == ["1.1.0"]


@pytest.mark.parametrize(
    "told",
    [
        "git+https://forge.example/a/b.git",
        {"type": "git", "url": "git://forge.example/a/b.git"},
        "git@forge.example:a/b.git",
        [{"url": "https://forge.example/a/b"}],
    ],
)
def test_a_repository_has_one_spelling(told: Any) -> None:
    assert repository_url(told) == "https://forge.example/a/b"


@pytest.mark.parametrize("told", ["MIT", {"type": "MIT"}, [{"type": "MIT"}]])
def test_a_licence_has_one_spelling(told: Any) -> None:
    assert latest(with_latest(license=told)).licence == "MIT"


@pytest.mark.parametrize(("told", "found"), [("use right-pad", "use right-pad"), (True, "deprecated"), (False, "")])
def test_deprecation_may_be_a_text_or_a_yes(told: Any, found: str) -> None:
    assert latest(with_latest(deprecated=told)).deprecated == found


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["maintainers", "versions", "time", "dist-tags", "license", "repository", "contributors", "_rev", "_id"]
OF_VERSION = [
    "_npmUser",
    "maintainers",
    "scripts",
    "dist",
    "dependencies",
    "license",
    "repository",
    "gypfile",
    "gitHead",
]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(FIELDS), anything)
def test_a_field_of_any_value_spoils_nothing_but_itself(field: str, value: Any) -> None:
    package = npm(document(**{field: value}))
    if field != "maintainers":
        assert package.maintainers == (Account("alice", "alice@alice.example"),)
    if field not in {"versions", "time"}:
        assert list(package.releases or {}) == ["1.0.0", "1.1.0", "1.2.0"]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(OF_VERSION), anything)
def test_a_field_of_a_version_spoils_no_other_version(field: str, value: Any) -> None:
    package = npm(with_latest(**{field: value}))
    assert package.releases
    assert package.releases["1.1.0"].publisher == Account("alice", "alice@alice.example")


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60) | anything.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_package_or_a_bad_document(body: bytes) -> None:
    for parse in (parse_packument, parse_pypi):
        with suppress(BadDocument):
            assert parse(body, "left-pad").name == "left-pad"


@given(st.text(max_size=40) | anything)
def test_a_moment_is_true_or_none(value: Any) -> None:
    found = moment(value)
    assert found is None or (found.tzinfo is UTC and 2003 <= found.year < 2100)


def project(**told: Any) -> dict[str, Any]:
    def file(name: str, kind: str, day: int, **more: Any) -> dict[str, Any]:
        return {
            "filename": name,
            "packagetype": kind,
            "size": 1000 * day,
            "digests": {"sha256": name},
            "upload_time_iso_8601": f"2026-01-{day:02}T00:00:00.000000Z",
            "yanked": False,
        } | more

    return {
        "info": {
            "name": "Left_Pad",
            "version": "1.1",
            "author_email": '"Alice, A." <alice@alice.example>, bob@bob.example',
            "maintainer_email": "",
            "project_urls": {"Source": "https://forge.example/a/b"},
            "license_expression": "MIT",
            "requires_dist": ["Requests (>=2)", "x[extra]>=1; python_version<'4'", "not a requirement !!"],
        },
        "releases": {
            "1.0": [file("a.tar.gz", "sdist", 1, yanked=True, yanked_reason="broken")],
            "1.1": [file("b.tar.gz", "sdist", 3), file("b.whl", "bdist_wheel", 2)],
            "0.9": [],
        },
        "ownership": {"roles": [{"role": "Owner", "user": "alice"}, {"role": "Maintainer", "user": "bob"}]},
        "last_serial": 7,
    } | told


def pypi(told: Any, simple: Any = None) -> Package:
    page = None if simple is None else json.dumps(simple).encode()
    return parse_pypi(json.dumps(told).encode(), "left-pad", page)


def test_a_project_reads_as_it_stands() -> None:
    package = pypi(project())
    assert package.name == "left-pad"
    assert [account.name for account in package.maintainers or ()] == ["alice", "bob"]
    assert package.contacts == ("alice@alice.example", "bob@bob.example")
    assert list(package.releases or {}) == ["1.0", "1.1"]
    old, new = (package.releases or {}).values()
    assert (old.yanked, old.yanked_reason, old.source_build) == (True, "broken", True)
    assert (new.yanked, new.source_build, new.files) == (False, False, 2)
    assert new.published_at == datetime(2026, 1, 2, tzinfo=UTC)
    assert new.dependencies == {"requests": ">=2", "x": ">=1"}


def test_an_organisation_without_roles_hides_who_can_publish() -> None:
    assert pypi(project(ownership={"roles": [], "organization": "corp"})).maintainers is UNSET
    whole = project()
    del whole["ownership"]
    assert pypi(whole).maintainers is UNSET


def test_a_document_of_one_version_says_nothing_of_the_others() -> None:
    whole = project(urls=project()["releases"]["1.1"])
    del whole["releases"]
    package = pypi(whole)
    assert list(package.releases or {}) == ["1.1"]
    assert not package.complete


@pytest.mark.parametrize(
    ("status", "standing"),
    [("archived", Standing.ARCHIVED), ("quarantined", Standing.QUARANTINED), ("active", Standing.ACTIVE)],
)
def test_the_status_marker_of_the_simple_index_is_read(status: str, standing: Standing) -> None:
    page = {"name": "left-pad", "project-status": {"status": status, "reason": "why"}, "files": []}
    package = pypi(project(), page)
    assert (package.standing, package.standing_reason) == (standing, "why")


def test_provenance_counts_where_every_file_has_it() -> None:
    def page(*attested: str) -> Any:
        files = [
            {"filename": n, "provenance": "https://x.example" if n in attested else None} for n in ("b.whl", "b.tar.gz")
        ]
        return {"name": "left-pad", "files": files}

    def provenance(*attested: str) -> Any:
        return (pypi(project(), page(*attested)).releases or {})["1.1"].provenance

    assert provenance("b.whl", "b.tar.gz") == "attested"
    assert provenance("b.whl") == ""
    assert (pypi(project()).releases or {})["1.1"].provenance is UNSET


def test_the_fast_and_the_patient_reading_agree() -> None:
    whole = document()
    spoiled = msgspec.json.decode(msgspec.json.encode(whole)) | {"_rev": 7}
    assert npm(spoiled) == npm(whole)
