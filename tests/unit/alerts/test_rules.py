"""Small things that come together: which rules are complete, and into which alert they go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from alerts.findings import Finding
from alerts.rules import escalate
from config.settings import Compound
from config.severity import Severity

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def finding(kind: str, severity: Severity = Severity.MEDIUM, cause: str = "", **told: Any) -> Finding:
    facts: dict[str, Any] = {"subject": "pkg:npm/x", "at": NOON, "title": kind, "cause": cause or f"{kind}:x"}
    return Finding(kind=kind, severity=severity, **(facts | told))


def rule(*parts: str, **told: Any) -> Compound:
    return Compound(name="both", all=parts, reason="Together.", **told)


def test_what_completes_a_rule_is_raised_and_says_what_it_was_alone() -> None:
    (raised,) = escalate([finding("b", Severity.LOW)], [finding("a")], [rule("a", "b")])
    assert raised.severity == Severity.CRITICAL
    assert (raised.evidence["alone"], raised.evidence["compound"]) == ("low", "both")


def test_a_part_may_ask_for_a_severity_by_itself() -> None:
    asks = rule("a", "b>=medium|c")
    for severity, raised in ((Severity.LOW, False), (Severity.MEDIUM, True), (Severity.HIGH, True)):
        (told,) = escalate([finding("b", severity)], [finding("a")], [asks])
        assert ("compound" in told.evidence) is raised


def test_what_came_too_long_ago_completes_nothing() -> None:
    old = finding("a", at=NOON - timedelta(days=8))
    (told,) = escalate([finding("b")], [old], [rule("a", "b")])
    assert told.severity == Severity.MEDIUM


def test_what_is_seen_at_once_and_happened_apart_completes_nothing() -> None:
    long_ago = finding("a", happened_at=NOON - timedelta(days=90))
    for days, raised in ((90, True), (80, False)):
        told = escalate([long_ago, finding("b", happened_at=NOON - timedelta(days=days))], [], [rule("a", "b")])
        assert ["compound" in one.evidence for one in told] == [raised, raised]


def test_releases_that_follow_something_grave_join_its_alert() -> None:
    taken = finding("a", Severity.CRITICAL, cause="domain:x.org", at=NOON - timedelta(days=1))
    later = [finding("b", Severity.INFO, cause="release:x@1"), finding("other", Severity.LOW, cause="release:x@1")]
    told = escalate(later, [taken], [rule("a", "b")])
    assert [one.cause for one in told] == ["domain:x.org", "domain:x.org"]


def test_releases_that_follow_something_small_have_an_alert_of_their_own() -> None:
    small = finding("a", Severity.MEDIUM, cause="account:npm:~bob", at=NOON - timedelta(days=1))
    (told,) = escalate([finding("b", cause="release:x@1")], [small], [rule("a", "b")])
    assert told.cause == "release:x@1"


def test_what_came_together_is_one_alert() -> None:
    told = escalate([finding("a", cause="account:bob"), finding("b", cause="release:x@1")], [], [rule("a", "b")])
    assert {one.cause for one in told} == {"release:x@1"}
