"""Small things that come together: compound rules raise the severity of what completes them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from alerts.findings import Finding
from config.settings import Compound


def escalate(findings: Sequence[Finding], recent: Sequence[Finding], rules: Sequence[Compound]) -> list[Finding]:
    """The findings, raised where together with recent ones they complete a rule.

    Findings belong together when they share a subject or a related subject (an account, a domain). Every finding of
    this batch that is part of a complete rule is raised; those recorded earlier stay as they were told. What came
    together about one subject has one cause from then on: a stranger's release and the stranger are one alert.
    """
    about: dict[str, list[Finding]] = {}
    for one in (*recent, *findings):
        for subject in {one.subject, *one.related}:
            about.setdefault(subject, []).append(one)
    raised: list[Finding] = []
    joined: dict[str, str] = {}
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
        raised.append(best)
        if best is not finding and best.cause.startswith("release:"):
            joined.setdefault(best.subject, best.cause)
    return [
        replace(finding, cause=joined[finding.subject])
        if "compound" in finding.evidence and finding.subject in joined
        else finding
        for finding in raised
    ]


def _part_of(finding: Finding, rule: Compound) -> bool:
    return any(finding.kind in wanted.split("|") for wanted in rule.all)


def _complete(rule: Compound, finding: Finding, near: Sequence[Finding]) -> bool:
    """Whether each part of the rule was seen within its window, about the same subjects as this finding."""
    seen = {other.kind for other in near if abs(other.at - finding.at) <= rule.within}
    return all(seen.intersection(wanted.split("|")) for wanted in rule.all)
