"""From a change to a finding: its words, its cause, what else it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import quote

from packageurl.contrib.purl2url import get_repo_url

from alerts.findings import Finding, Reach
from config.names import account_subject, domain_subject, short_form
from config.severity import Severity
from monitor.changes.advisories import PUBLISHED, WITHDRAWN, advice_of, reading, why_of
from monitor.changes.domains import LAPSES, LAPSING
from monitor.changes.kinds import KINDS
from monitor.changes.model import Change
from monitor.observations import Domain, DomainState
from monitor.signals.table import SIGNALS

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
_OF_ACCOUNT = frozenset({"maintainer-added", "maintainer-removed", "maintainer-email-changed"})


def finding(
    change: Change,
    *,
    at: datetime,
    reach: tuple[Reach, ...],
    severity_overrides: Mapping[str, Severity],
) -> Finding:
    """What the telling is handed for this change; a severity in the configuration wins over all others."""
    kind = KINDS[change.kind]
    signal = SIGNALS.get(str(change.evidence.get("signal"))) if change.kind == "signal-raised" else None
    why, advice = (signal.means, signal.advice) if signal else (kind.why, kind.advice)
    if change.kind == PUBLISHED:
        why, advice = why_of(change.evidence), advice_of(change.evidence)
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
        why=why,
        advice=advice,
        reach=reach,
        related=(_account(change),) if change.account else (),
        clears=bool(kind.clears),
        ends=(kind.clears,) if kind.clears else (),
        which=str(change.evidence.get("key") or "") if change.kind in _OF_ADVISORY else "",
        lasting=change.kind in LASTING,
        quiet=bool(change.evidence.get("early")),
        incident=change.kind in _INCIDENTS or (change.kind == PUBLISHED and bool(change.evidence.get("malicious"))),
        links=links_of(change),
    )


LASTING: Final = frozenset({"deprecated", PUBLISHED, *LAPSES})
"""Kinds that tell of a state, which other changes end."""
_OF_ADVISORY: Final = frozenset({PUBLISHED, WITHDRAWN})
_INCIDENTS: Final = frozenset({"security-placeholder", "project-quarantined", "package-removed"})
"""Kinds that say of a package as a whole what an alert about one of its releases may have said before."""
KNOWN_BEFORE: Final = "advisories:known"
"""The cause of all that was published before it was first looked for: one alert, whatever there is of it."""


def links_of(change: Change) -> tuple[tuple[str, str], ...]:
    """The registry's own pages about it. They are made from the purl, never taken from what an author wrote."""
    if not change.subject.startswith("pkg:"):
        return ()
    found = [("package", _page(change.subject))]
    if change.version:
        found.append((f"release {change.version[:40]}", _page(f"{change.subject}@{quote(change.version, safe='')}")))
    if change.kind in _OF_ADVISORY:
        found.insert(0, reading(change.evidence))
    return tuple((words, url) for words, url in found if url)


def _page(purl: str) -> str:
    try:
        url = str(get_repo_url(purl) or "")  # type: ignore[no-untyped-call]
    except ValueError:
        return ""
    # A version is whatever its author wrote; in an URL it is nothing but characters.
    return quote(url, safe=":/@%~!*'()")


def renewed(before: Domain | None, after: Domain, changes: Sequence[Change], at: datetime) -> Finding | None:
    """Ends the alerts of a domain that was about to lapse and is registered as before; None in all other cases."""
    if before is None or after.state is not DomainState.REGISTERED or before.state not in LAPSING:
        return None
    if any(change.kind == "domain-reregistered" for change in changes):
        return None
    until = f" until {after.expires_at:%Y-%m-%d}" if isinstance(after.expires_at, datetime) else ""
    subject = domain_subject(after.name)
    return Finding(
        subject=subject,
        kind="domain-expiring",
        severity=Severity.INFO,
        cause=subject,
        at=at,
        title=f"{after.name} is registered{until}",
        clears=True,
        ends=LAPSES,
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
    if change.kind in {"signal-raised", "signal-cleared"}:
        return str(change.evidence.get("cause") or f"signal:{change.subject}")
    if change.kind in _OF_RELEASE and change.version:
        return f"release:{change.subject}@{change.version}"
    if change.kind == "ownership-replaced" or change.evidence.get("replaced"):
        return f"ownership:{change.subject}"
    if change.kind == "release-burst":
        day = f":{change.happened_at:%Y-%m-%d}" if change.happened_at else ""
        return f"burst:{_account(change)}{day}"
    if change.kind in _OF_ACCOUNT and change.account:
        return f"account:{_account(change)}"
    if change.subject.startswith("domain:"):
        return change.subject
    if change.kind in {"deprecated", "undeprecated"}:
        return f"deprecated:{change.subject}"
    if change.kind in _OF_ADVISORY:
        return _reported(change)
    if change.version:
        return f"{change.kind}:{change.subject}@{change.version}"
    return f"{change.kind}:{change.subject}"


def _reported(change: Change) -> str:
    """A malicious release is the incident that its own metadata may have shown; a weakness is one for all packages."""
    if change.evidence.get("early"):
        return KNOWN_BEFORE
    if not change.evidence.get("malicious"):
        return f"advisory:{change.evidence.get('key') or change.subject}"
    return f"release:{change.subject}@{change.version}" if change.version else f"malicious:{change.subject}"


def _account(change: Change) -> str:
    ecosystem = change.subject[4:].partition("/")[0] if change.subject.startswith("pkg:") else ""
    return account_subject(ecosystem or "npm", change.account)
