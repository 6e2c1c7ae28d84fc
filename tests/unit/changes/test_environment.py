"""The way of publishing beside the package's own habit: what counts, and what is an honest day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config.severity import Severity
from monitor.changes.environment import environment_changed
from monitor.changes.model import Change
from monitor.changes.prior import Prior
from monitor.observations import Account, Release

START = datetime(2026, 1, 5, 10, tzinfo=UTC)
ALICE, BOB = Account("alice"), Account("bob")


def release(version: str, day: int = 0, **told: Any) -> Release:
    facts: dict[str, Any] = {
        "published_at": START + timedelta(days=day),
        "publisher": ALICE,
        "trusted_publisher": "",
        "provenance": "",
        "npm_version": "10.2.0",
        "node_version": "20.1.0",
        "git_head": "abc",
        "size": 10_000,
        "files": 10,
    }
    return Release(version=version, **(facts | told))


def after(odd: Release, *past: Release) -> Change | None:
    prior = Prior()
    for one in past or [release(f"1.{n}.0", 10 * n) for n in range(12)]:
        prior.add(one)
    return next(environment_changed(odd, prior, "pkg:npm/x"), None)


def test_facts_that_differ_together_are_named() -> None:
    odd = release("1.12.0", 120, git_head="", npm_version="6.0.0", node_version="12.0.0")
    change = after(odd)
    assert change is not None
    assert change.evidence["facts"] == ["git_head", "older_toolchain"]
    assert change.before["older_toolchain"] == "npm 10, node 20"
    assert change.after["older_toolchain"] == "npm 6, node 12"
    assert change.severity is None


def test_three_facts_are_more_than_odd() -> None:
    odd = release("1.12.0", 120, git_head="", npm_version="6.0.0", node_version="12.0.0", files=500)
    change = after(odd)
    assert change is not None
    assert change.severity == Severity.MEDIUM


@pytest.mark.parametrize(
    "told",
    [
        {"git_head": ""},
        {"npm_version": "11.0.0", "node_version": "24.0.0"},
        {"npm_version": "11.0.0", "node_version": "24.0.0", "files": 500, "size": 900_000},
        {"trusted_publisher": "github", "provenance": "slsa", "npm_version": "11.0.0"},
    ],
    ids=["one fact alone", "a newer machine", "a newer machine and more files", "better than before"],
)
def test_an_honest_day_is_nothing(told: dict[str, Any]) -> None:
    assert after(release("1.12.0", 120, **told)) is None


def test_a_prerelease_has_no_habit() -> None:
    assert after(release("1.12.0-rc.1", 120, git_head="", npm_version="6.0.0", files=500)) is None


def test_a_package_with_few_releases_has_no_habit() -> None:
    odd = release("1.3.0", 40, git_head="", npm_version="6.0.0")
    assert after(odd, *(release(f"1.{n}.0", 10 * n) for n in range(3))) is None


def test_a_habit_that_was_given_up_before_is_none() -> None:
    past = [release(f"1.{n}.0", 10 * n) for n in range(12)]
    past[-1] = release("1.11.0", 110, git_head="")
    assert after(release("1.12.0", 120, git_head="", npm_version="6.0.0"), *past) is None


def test_an_account_that_comes_back_and_another_branch_within_the_hour() -> None:
    past = [release("0.9.0", 0, publisher=BOB), *(release(f"1.{n}.0", 400 + 10 * n) for n in range(8))]
    first = release("1.8.0", 500, publisher=BOB)
    assert after(first, *past) is None
    again = release("0.9.1", 500, publisher=BOB, git_head="")
    change = after(again, *past, release("1.8.0", 500))
    assert change is not None
    assert change.evidence["facts"] == ["account", "git_head", "lines"]


def test_branches_that_often_come_together_are_a_habit() -> None:
    past = [release(f"{major}.{n}.0", 10 * n) for n in range(6) for major in (1, 2)]
    odd = release("1.6.0", 60, git_head="")
    assert after(odd, *past, release("2.6.0", 60)) is None


def test_what_is_unknown_differs_from_nothing() -> None:
    bare = Release(version="1.12.0", published_at=START + timedelta(days=120))
    assert after(bare) is None
