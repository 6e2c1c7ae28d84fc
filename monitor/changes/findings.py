"""From a change to a finding: its words, its cause, what else it is about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from alerts.findings import Finding, Reach
from config.names import account_subject, short_form
from config.severity import Severity
from monitor.changes.kinds import KINDS
from monitor.changes.model import Change

_OF_RELEASE = frozenset(
    {
        "publisher-changed",
        "publisher-not-maintainer",
        "install-script-added",
        "install-script-changed",
        "install-script-removed",
        "release-published",
        "dormant-revival",
        "provenance-lost",
        "provenance-gained",
        "dependency-added",
        "publish-environment-changed",
        "repository-changed",
        "license-changed",
        "size-jump",
    }
)
_OF_ACCOUNT = frozenset({"maintainer-added", "maintainer-removed", "maintainer-email-changed", "release-burst"})


def finding(
    change: Change,
    *,
    at: datetime,
    reach: tuple[Reach, ...],
    severity_overrides: Mapping[str, Severity],
) -> Finding:
    """What the telling is handed for this change; a severity in the configuration wins over all others."""
    kind = KINDS[change.kind]
    severity = severity_overrides.get(change.kind)
    if severity is None:
        severity = kind.severity if change.severity is None else change.severity
    return Finding(
        subject=change.subject,
        kind=change.kind,
        severity=severity,
        cause=cause_of(change),
        at=at,
        happened_at=change.happened_at,
        title=title_of(change),
        before=change.before,
        after=change.after,
        evidence=dict(change.evidence),
        why=kind.why,
        advice=kind.advice,
        reach=reach,
        related=(_account(change),) if change.account else (),
        clears=bool(kind.clears),
    )


def title_of(change: Change) -> str:
    """The kind's title with the change's own words in it; never fails on what a stranger wrote."""
    words = _Words(
        name=short_form(change.subject).removeprefix("domain:"),
        version=change.version,
        account=change.account,
        before=change.before,
        after=change.after,
        evidence=_Words(change.evidence),
    )
    return KINDS[change.kind].title.format_map(words)[:1000]


class _Words(dict[str, object]):
    """Words for a title; one that is missing leaves a gap instead of an error."""

    def __missing__(self, name: str) -> str:
        return ""


def cause_of(change: Change) -> str:
    """Changes with one cause are one alert: a release, an account, a domain, a standing."""
    if change.kind in _OF_RELEASE and change.version:
        return f"release:{change.subject}@{change.version}"
    if change.kind in _OF_ACCOUNT and change.account:
        what = "burst" if change.kind == "release-burst" else "account"
        return f"{what}:{_account(change)}"
    if change.subject.startswith("domain:"):
        return change.subject
    if change.kind in {"deprecated", "undeprecated"}:
        return f"deprecated:{change.subject}"
    if change.version:
        return f"{change.kind}:{change.subject}@{change.version}"
    return f"{change.kind}:{change.subject}"


def _account(change: Change) -> str:
    ecosystem = change.subject[4:].partition("/")[0] if change.subject.startswith("pkg:") else ""
    return account_subject(ecosystem or "npm", change.account)
