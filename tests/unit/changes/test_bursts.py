"""One account, many packages, one hour: what is a burst, and what is a habit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from monitor.changes.bursts import Published, bursts, is_habit

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def spree(days_ago: int, seconds: Sequence[int]) -> list[Published]:
    """A release of each of so many packages, so long after the first."""
    first = NOW - timedelta(days=days_ago)
    return [(first + timedelta(seconds=after), f"pkg:npm/p{n}") for n, after in enumerate(seconds)]


def by(account: str, published: Sequence[Published]) -> list[tuple[str, str, datetime]]:
    return [(account, purl, at) for at, purl in published]


TODAY = spree(0, [0, 50, 130, 170, 300, 420])


def test_an_account_that_publishes_many_packages_in_an_hour_is_a_burst() -> None:
    (burst,) = bursts(by("alice", TODAY), 5, "npm")
    assert (burst.account, burst.after) == ("alice", 6)
    assert burst.evidence["told"] == "alice published 6 packages"


def test_what_is_spread_over_hours_or_published_by_nobody_is_none() -> None:
    slow = [(NOW + 20 * MINUTE * n, f"pkg:npm/p{n}") for n in range(6)]
    assert list(bursts(by("alice", slow), 5, "npm")) == []
    assert list(bursts(by("GitHub Actions", TODAY), 5, "npm")) == []


def test_accounts_that_can_publish_the_same_are_told_once_and_not_as_publishers() -> None:
    shared = [*by("alice", TODAY), *by("bob", TODAY[:4])]
    (burst,) = bursts(shared, 3, "npm", own=False)
    assert burst.evidence["told"] == "6 packages that alice can publish were published"


def test_a_workshop_that_publishes_everything_at_once_has_that_habit() -> None:
    past = [*spree(40, [0, 61, 118, 190, 260, 500]), *spree(80, [0, 40, 99, 205, 330, 450])]
    assert is_habit(past, TODAY)
    assert not is_habit(past[:6], TODAY)


def test_half_of_them_together_is_habit_enough_and_fewer_are_not() -> None:
    assert is_habit([*spree(40, [0, 61, 118]), *spree(80, [0, 40, 99])], TODAY)
    assert not is_habit([*spree(40, [0, 61]), *spree(80, [0, 40])], TODAY)


def test_dates_in_one_rhythm_are_a_copy_and_no_habit() -> None:
    seconds = [0, 50, 130, 170, 300, 420]
    assert not is_habit([*spree(30, seconds), *spree(60, seconds), *spree(90, seconds)], TODAY)
    assert not is_habit([*spree(30, [0] * 6), *spree(60, [0] * 6), *spree(90, [0] * 6)], TODAY)


@given(st.lists(st.tuples(st.integers(60, 1_000_000), st.sampled_from("abcdef")), max_size=40))
def test_whatever_was_published_gives_an_answer(past: list[tuple[int, str]]) -> None:
    known = [(NOW - MINUTE * ago, purl) for ago, purl in past]
    assert is_habit(known, TODAY) in {True, False}
    assert is_habit(reversed(known), TODAY) == is_habit(known, TODAY)
    assert len(list(bursts(by("alice", known), 3, "npm"))) <= 1
