"""Small things that come together: compound rules raise the severity of what completes them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache

from msgspec.structs import replace

from alerts.findings import Finding
from config.settings import Compound
from config.severity import Severity
from config.values import kind_and_least


def escalate(findings: Sequence[Finding], recent: Sequence[Finding], rules: Sequence[Compound]) -> list[Finding]:
    """The findings, raised where together with recent ones they complete a rule.

    Findings belong together when they share a subject or a related subject (an account, a domain). Every finding of
    this batch that is part of a complete rule is raised; those recorded earlier stay as they were told. What came
    together about one subject has one cause from then on: a stranger's release and the stranger are one alert, and
    a release that completes a rule with something that was grave by itself joins the alert which that opened.
    """
    about: dict[str, list[Finding]] = {}
    for one in (*recent, *findings):
        for subject in {one.subject, *one.related}:
            about.setdefault(subject, []).append(one)
    raised: list[Finding] = []
    joined: dict[str, str] = {}
    earlier: dict[str, str] = {}
    for finding in findings:
        best = finding
        near = [other for subject in {finding.subject, *finding.related} for other in about[subject]]
        for rule in rules:
            if not _part_of(finding, rule) or not _complete(rule, finding, near):
                continue
            if rule.severity > best.severity or "compound" not in best.evidence:
                evidence = {
                    **best.evidence,
                    "alone": str(finding.severity),
                    "compound": rule.name,
                    "compound_reason": rule.reason,
                }
                best = replace(best, severity=max(best.severity, rule.severity), evidence=evidence)
            opened = _opened_by(rule, finding, recent, near) if finding.cause.startswith("release:") else None
            if opened is not None:
                earlier.setdefault(finding.cause, opened.cause)
        raised.append(best)
        if best is not finding and best.cause.startswith("release:"):
            joined.setdefault(best.subject, best.cause)
    return [_one_cause(finding, joined, earlier) for finding in raised]


def _one_cause(finding: Finding, joined: dict[str, str], earlier: dict[str, str]) -> Finding:
    cause = joined.get(finding.subject, finding.cause) if "compound" in finding.evidence else finding.cause
    cause = earlier.get(cause, cause)
    return finding if cause == finding.cause else replace(finding, cause=cause)


def _opened_by(rule: Compound, finding: Finding, recent: Sequence[Finding], near: Sequence[Finding]) -> Finding | None:
    """The first earlier finding that was grave by itself and is part of the same story."""
    known = {id(one) for one in recent}
    parts = [
        other
        for other in near
        if id(other) in known
        and other.severity >= Severity.HIGH
        and _part_of(other, rule)
        and _apart(other, finding) <= rule.within
    ]
    return min(parts, key=lambda one: one.at, default=None)


def _apart(one: Finding, other: Finding) -> timedelta:
    """Between the two things themselves where both are dated, else between our seeing them.

    A look after a long pause sees releases of months at once, which are no story for that.
    """
    if one.happened_at is not None and other.happened_at is not None:
        return abs(one.happened_at - other.happened_at)
    return abs(one.at - other.at)


@lru_cache(maxsize=1024)
def _wanted(part: str) -> tuple[tuple[str, Severity], ...]:
    return tuple(kind_and_least(either) for either in part.split("|"))


def _is(finding: Finding, part: str) -> bool:
    return any(finding.kind == kind and finding.severity >= least for kind, least in _wanted(part))


def _part_of(finding: Finding, rule: Compound) -> bool:
    return any(_is(finding, part) for part in rule.all)


def _complete(rule: Compound, finding: Finding, near: Sequence[Finding]) -> bool:
    """Whether each part of the rule was seen within its window, about the same subjects as this finding."""
    seen = [other for other in near if _apart(other, finding) <= rule.within]
    return all(any(_is(other, part) for other in seen) for part in rule.all)
