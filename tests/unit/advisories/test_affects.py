"""Whether a version is affected: the schema's algorithm, on npm's and Python's order of versions."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from monitor.advisories.affects import affects, always, order, same
from monitor.advisories.model import Affected, Event, Range

LEFT_PAD = "pkg:npm/left-pad"


def spans(*events: tuple[str, str]) -> Affected:
    return Affected(LEFT_PAD, (), (Range(tuple(Event(kind, version) for kind, version in events)),))


@pytest.mark.parametrize(
    ("events", "affected", "unaffected"),
    [
        ([("introduced", "0")], ["0.0.0-0", "1.0.0", "999.0.0"], []),
        ([("introduced", "0"), ("fixed", "1.2.0")], ["0.0.1", "1.1.9", "1.2.0-rc.1"], ["1.2.0", "2.0.0"]),
        ([("introduced", "1.0.0"), ("last_affected", "1.2.0")], ["1.0.0", "1.2.0"], ["1.0.0-0", "1.2.1-0", "1.2.1"]),
        # Written in any order; two lines of releases.
        (
            [("fixed", "2.3.4"), ("introduced", "2.0.0"), ("fixed", "1.8.0"), ("introduced", "1.0.0")],
            ["1.0.0", "1.7.9", "2.0.0", "2.3.3"],
            ["0.9.0", "1.8.0", "1.9.9", "2.3.4", "3.0.0"],
        ),
        # Mended and broken again in one release: affected from there.
        ([("introduced", "0"), ("fixed", "1.0.0"), ("introduced", "1.0.0")], ["0.9.0", "1.0.0"], []),
        # One version alone.
        ([("introduced", "1.2.3"), ("last_affected", "1.2.3")], ["1.2.3"], ["1.2.2", "1.2.4-0", "1.2.4"]),
        ([("last_affected", "1.2.3"), ("introduced", "1.2.3")], ["1.2.3"], ["1.2.2", "1.2.4"]),
        ([("introduced", "0"), ("limit", "2.0.0")], ["1.9.9"], ["2.0.0", "3.0.0"]),
        ([("introduced", "0"), ("limit", "1.0.0"), ("limit", "*")], ["0.1.0", "7.0.0"], []),
        ([("introduced", "1.0"), ("fixed", "2")], ["1.0.0", "1.5.0"], ["2.0.0"]),
    ],
)
def test_ranges(events: list[tuple[str, str]], affected: list[str], unaffected: list[str]) -> None:
    told = {version: affects("npm", [spans(*events)], version) for version in [*affected, *unaffected]}
    assert told == dict.fromkeys(affected, True) | dict.fromkeys(unaffected, False)


def test_python_orders_otherwise() -> None:
    span = [spans(("introduced", "0"), ("fixed", "2.0.0"))]
    affected = {
        version: affects("pypi", span, version) for version in ("2.0.0rc1", "2!0.1", "1.10", "2.0", "2.0.post1")
    }
    assert affected == {"2.0.0rc1": True, "2!0.1": False, "1.10": True, "2.0": False, "2.0.post1": False}
    assert affects("pypi", [Affected("pkg:pypi/x", ("1.0.0",))], "1.0") is True


def test_what_cannot_be_ordered_is_unknown_and_what_is_listed_is_affected_all_the_same() -> None:
    span = spans(("introduced", "0"), ("fixed", "1.0.0"))
    assert affects("npm", [span], "latest") is None
    assert affects("pypi", [span], "2004d-french") is None
    assert affects("npm", [spans(("introduced", "0"), ("fixed", "no version"))], "0.5.0") is None
    assert affects("npm", [Affected(LEFT_PAD, ("latest",)), span], "latest") is True
    assert affects("npm", [Affected(LEFT_PAD, ("1.0.0",))], "1.0.1") is False
    assert affects("npm", [Affected(LEFT_PAD)], "1.0.0") is None, "neither versions nor ranges say nothing"
    assert affects("npm", [Affected(LEFT_PAD, (), (Range(),))], "1.0.0") is None, "an unreadable range says nothing"


def test_every_version_is_only_what_says_so() -> None:
    assert always([spans(("introduced", "0"))])
    assert not always([spans(("introduced", "0"), ("fixed", "1.0.0"))])
    assert not always([spans(("introduced", "0.0.1"))])
    assert not always([Affected(LEFT_PAD, ("1.0.0",))])


def test_two_spellings_of_one_version() -> None:
    assert same("npm", "v1.0.0", "1.0.0")
    assert same("npm", "1.0.0+build", "1.0.0")
    assert same("pypi", "1.0", "1.0.0")
    assert not same("npm", "1.0.0", "1.0.0-0")
    assert not same("npm", "latest", "next")


NUMBER = st.integers(0, 4)
SEMVER = st.builds(
    lambda numbers, pre: ".".join(map(str, numbers)) + (f"-{pre}" if pre else ""),
    st.tuples(NUMBER, NUMBER, NUMBER),
    st.sampled_from(["", "", "", "0", "rc.1", "rc.2", "alpha"]),
)
PEP440 = st.builds(
    lambda numbers, end: ".".join(map(str, numbers)) + end,
    st.lists(NUMBER, min_size=1, max_size=3),
    st.sampled_from(["", "", "a1", "rc2", ".post1", ".dev3"]),
).filter(lambda version: version != "0")
"""But the one that means "from the beginning" where something was introduced."""
VERSIONS = st.one_of(
    st.tuples(st.just("npm"), st.lists(SEMVER, min_size=1, max_size=6, unique_by=lambda v: order("npm", v))),
    st.tuples(st.just("pypi"), st.lists(PEP440, min_size=1, max_size=6, unique_by=lambda v: Version(v))),
)


@given(VERSIONS, st.randoms(use_true_random=False))
def test_a_range_is_affected_between_introduction_and_fix_however_its_events_are_ordered(
    told: tuple[str, list[str]], dice: object
) -> None:
    ecosystem, versions = told
    line = sorted(versions, key=lambda version: order(ecosystem, version))
    events = [("introduced" if number % 2 == 0 else "fixed", version) for number, version in enumerate(line)]
    dice.shuffle(events)  # type: ignore[attr-defined]
    for number, version in enumerate(line):
        assert affects(ecosystem, [spans(*events)], version) is (number % 2 == 0)


@given(VERSIONS)
def test_fixed_after_a_version_is_last_affected_at_it(told: tuple[str, list[str]]) -> None:
    ecosystem, versions = told
    line = sorted(versions, key=lambda version: order(ecosystem, version))
    for last, fixed in pairwise(line):
        one = [spans(("introduced", "0"), ("last_affected", last))]
        other = [spans(("introduced", "0"), ("fixed", fixed))]
        assert [affects(ecosystem, one, v) for v in line] == [affects(ecosystem, other, v) for v in line]


@given(VERSIONS, st.data())
def test_a_listed_version_is_affected_whatever_the_ranges_say(told: tuple[str, list[str]], data: st.DataObject) -> None:
    ecosystem, versions = told
    version = data.draw(st.sampled_from(versions))
    ranges = spans(("introduced", version), ("fixed", version)).ranges
    assert affects(ecosystem, [Affected("pkg:x/y", (version,), ranges)], version) is True
