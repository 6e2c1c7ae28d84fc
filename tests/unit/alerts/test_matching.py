"""Matchers as people type them, and what they match."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.matching import View, matches, mismatch, parse_match
from config.settings import Match
from config.severity import Severity
from config.values import BadValue

SEEN = View(
    subject="pkg:npm/%40corp/ui",
    severity=Severity.HIGH,
    kinds=frozenset({"maintainer-added", "publisher-changed"}),
    ecosystem="npm",
    owners=frozenset({"web-team"}),
    watches=frozenset({"shop", "api"}),
)


@pytest.mark.parametrize(
    ("typed", "holds"),
    [
        ("severity=high", True),
        ("severity>=medium owner=web-team", True),
        ("severity<high", False),
        ("severity!=high", False),
        ("kind=publisher-changed", True),
        ("kind=deprecated kind=publisher-changed", True),
        ("owner=web-*", True),
        ("owner=data-team watch=shop", False),
        ("subject=pkg:npm/%40corp/*", True),
        ("subject=domain:*", False),
        ("ecosystem=pypi", False),
        ("", True),
    ],
)
def test_a_typed_matcher_matches_what_it_says(typed: str, holds: bool) -> None:
    assert matches(parse_match([typed]), SEEN) is holds


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("high", "no matcher"),
        ("colour=red", "no matcher"),
        ("owner=", "no matcher"),
        ("severity=loud", "no severity"),
        ("severity>critical", "no severity at all"),
        ("severity=high severity=low", "twice"),
        ("owner>=web-team", "no order"),
    ],
)
def test_what_is_no_matcher_is_told(typed: str, said: str) -> None:
    with pytest.raises(BadValue, match=said):
        parse_match([typed])


def test_a_mismatch_says_what_it_was() -> None:
    assert mismatch(Match(owner="data-team"), SEEN) == "owner is web-team, not data-team"
    assert mismatch(Match(kind=("deprecated", "size-jump")), SEEN).endswith("not deprecated or size-jump")


@given(st.text(max_size=60))
def test_no_text_breaks_the_parser(text: str) -> None:
    with suppress(BadValue):
        found = parse_match([text])
        assert matches(found, SEEN) is (mismatch(found, SEEN) == "")
