"""Alerts and findings as matchers see them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from alerts.findings import Finding, Reach
from alerts.matching import View
from alerts.model import Alert
from config.severity import Severity


def view(alert: Alert, findings: Iterable[Finding]) -> View:
    """What matchers see of an alert and its findings."""
    facts = list(findings)
    seen = view_of(facts)
    owners = frozenset(str(one["owner"]) for one in alert.watches if one.get("owner"))
    watches = frozenset(str(one["watch"]) for one in alert.watches)
    return replace(seen, subject=alert.subject, severity=Severity(alert.severity), owners=owners, watches=watches)


def view_of(findings: Sequence[Finding]) -> View:
    """What matchers see of findings that have no alert yet."""
    reach: list[Reach] = [one for finding in findings for one in finding.reach]
    subject = findings[0].subject if findings else ""
    return View(
        subject=subject,
        severity=max((f.severity for f in findings), default=Severity.INFO),
        kinds=frozenset(f.kind for f in findings),
        ecosystem=ecosystem_of(subject),
        owners=frozenset(one.owner for one in reach if one.owner),
        watches=frozenset(one.watch for one in reach),
    )


def ecosystem_of(subject: str) -> str:
    """``npm`` of ``pkg:npm/express`` and of ``npm:~alice``; of a domain ``domain``."""
    return subject[4:].partition("/")[0] if subject.startswith("pkg:") else subject.partition(":")[0]
