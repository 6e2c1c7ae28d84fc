"""What a page of the search proves, and that nothing in one breaks more than itself."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import Refused, SourceError
from monitor.sources.search import askable, parse_search

HOST = "registry.example"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["objects", "total", "package", "maintainers", "username", "publisher", "date", "name"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(st.fixed_dictionaries({"objects": VALUES, "total": st.integers(-5, 50) | VALUES}) | VALUES)
def test_any_page_is_a_portfolio_or_a_reason(page: object) -> None:
    with suppress(SourceError):
        assert parse_search(json.dumps(page).encode(), "alice", HOST).total >= 0


def test_an_account_without_packages_has_none() -> None:
    assert parse_search(b'{"objects": [], "total": 0}', "alice", HOST).total == 0


def test_any_release_of_its_packages_is_activity_and_its_own_the_last_that_it_published() -> None:
    def package(date: str, **told: object) -> dict[str, object]:
        return {"package": {"date": date, "maintainers": [{"username": "alice"}]} | told}

    objects = [
        package("2024-01-01T00:00:00Z", publisher={"username": "alice"}),
        package("2025-01-01T00:00:00Z", publisher={"username": "bob"}),
        package("2025-06-01T00:00:00Z"),
        package("2025-03-01T00:00:00Z", publisher={"username": "alice", "trustedPublisher": {"id": "github"}}),
        package("2026-01-01T00:00:00Z", maintainers=[{"username": "bob"}]),
    ]
    told = parse_search(json.dumps({"objects": objects, "total": 40}).encode(), "alice", HOST)
    assert told.total == 40
    assert told.last_active_at == datetime(2025, 6, 1, tzinfo=UTC)
    assert told.last_published_at == datetime(2024, 1, 1, tzinfo=UTC)


def test_a_total_about_somebody_else_is_refused() -> None:
    page = {"objects": [{"package": {"maintainers": [{"username": "bob"}]}}], "total": 40}
    with pytest.raises(Refused):
        parse_search(json.dumps(page).encode(), "alice", HOST)


@pytest.mark.parametrize(("name", "good"), [("alice", True), ("a.b-c_1", True), ("a b", False), ("x:y", False)])
def test_a_name_that_means_more_in_a_search_is_not_asked(name: str, good: bool) -> None:
    assert askable(name) is good
