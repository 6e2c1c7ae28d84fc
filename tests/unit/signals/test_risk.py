"""The ranking: ordered by named shares, never lower for more of anything, and weighed by the user."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from config.settings import Risk
from monitor.signals.risk import FACTORS, SCRIPTS, STATES, Facts, Ranked, rank

NAMES = list(Risk.model_fields)
STATE_ORDER, SCRIPT_ORDER = ["", *STATES], ["", *SCRIPTS]
WORSE: dict[str, Any] = {
    "watches": lambda f: f.watches + 1,
    "packages": lambda f: f.packages + 1,
    "alone": lambda f: f.alone + 1,
    "silent_maintainers": lambda f: min(f.silent_maintainers + 1, f.maintainers),
    "lapsed": lambda f: STATE_ORDER[min(STATE_ORDER.index(f.lapsed) + 1, len(STATES))],
    "expires_in": lambda f: 59 if f.expires_in is None else max(0, f.expires_in - 1),
    "thrown_away": lambda _: True,
    "script": lambda f: SCRIPT_ORDER[min(SCRIPT_ORDER.index(f.script) + 1, len(SCRIPTS))],
    "silent_days": lambda f: f.silent_days + 1,
    "crowd": lambda _: True,
    "contributors": lambda _: True,
    "overloaded": lambda _: True,
}
"""One step worse in each fact; how many can publish is a threshold in both directions and has none."""

facts = st.builds(
    Facts,
    subject=st.sampled_from(["pkg:npm/a", "pkg:npm/b", "pkg:npm/c"]),
    account=st.booleans(),
    watches=st.integers(0, 30),
    packages=st.integers(0, 300),
    alone=st.integers(0, 300),
    maintainers=st.integers(0, 40),
    silent_maintainers=st.just(0),
    lapsed=st.sampled_from(STATE_ORDER),
    expires_in=st.none() | st.integers(0, 90),
    thrown_away=st.booleans(),
    script=st.sampled_from(SCRIPT_ORDER),
    silent_days=st.integers(0, 9000),
    crowd=st.booleans(),
    contributors=st.booleans(),
    overloaded=st.booleans(),
)
weights = st.builds(Risk, **{name: st.floats(0, 1000) for name in NAMES})


def score(one: Facts, by: Risk) -> float:
    return next((ranked.score for ranked in rank([one], by)), 0.0)


def test_every_factor_has_a_weight_and_every_weight_a_factor() -> None:
    assert {factor.name for factor in FACTORS} == set(NAMES)


@given(facts, weights, st.sampled_from(sorted(WORSE)))
def test_more_of_anything_never_ranks_lower(one: Facts, by: Risk, name: str) -> None:
    worse = replace(one, **{name: WORSE[name](one)})
    assert score(worse, by) >= score(one, by) - 1e-9


@given(st.lists(facts, max_size=8), weights)
def test_the_order_is_that_of_the_shares_that_are_shown(several: list[Facts], by: Risk) -> None:
    ranked = rank(several, by)
    assert [one.score for one in ranked] == sorted((one.score for one in ranked), reverse=True)
    for one in ranked:
        assert one.score == pytest.approx(sum(share.contribution for share in one.shares))
        assert all(0 < share.measure <= 1 and share.says for share in one.shares)
        contributions = [share.contribution for share in one.shares]
        assert contributions == sorted(contributions, reverse=True)


@given(facts, weights, st.sampled_from(NAMES))
def test_a_factor_that_is_switched_off_adds_nothing(one: Facts, by: Risk, name: str) -> None:
    off = rank([one], by.model_copy(update={name: 0.0}))
    assert all(share.factor != name for ranked in off for share in ranked.shares)


@given(facts, weights, st.sampled_from(NAMES), st.floats(0, 100))
def test_a_heavier_weight_never_ranks_lower(one: Facts, by: Risk, name: str, more: float) -> None:
    heavier = by.model_copy(update={name: getattr(by, name) + more})
    assert score(one, heavier) >= score(one, by) - 1e-9


@given(st.lists(facts, max_size=8), weights, st.randoms(use_true_random=False))
def test_the_order_of_what_is_given_says_nothing(several: list[Facts], by: Risk, dice: Any) -> None:
    shuffled = list(several)
    dice.shuffle(shuffled)

    def order(ranked: list[Ranked]) -> list[tuple[str, float]]:
        return [(one.subject, one.score) for one in ranked]

    assert order(rank(several, by)) == order(rank(shuffled, by))


def test_a_domain_that_anybody_can_buy_outranks_much_else() -> None:
    free = Facts(subject="npm:~alice", account=True, watches=1, packages=1, lapsed="unregistered")
    busy = Facts(subject="npm:~bob", account=True, watches=1, packages=30)
    assert [one.subject for one in rank([busy, free], Risk())] == ["npm:~alice", "npm:~bob"]
