"""The life of an alert: opened by a finding, extended by others of the same cause, resolved when the cause is gone.

``take`` runs inside the transaction that records the changes, so an alert exists exactly if its changes do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import insert
from sqlmodel import Session, col, select

from alerts.dispatch import notify
from alerts.findings import Finding, Reach, gravity
from alerts.held import held_by
from alerts.matching import View, matches
from alerts.model import Alert, AlertEvent, AlertFinding, AlertState
from alerts.routing import Policy, ways
from alerts.rules import escalate
from config.severity import Severity

MOST_FINDINGS = 500
"""An alert lists so many findings; those beyond are counted by its revision and stand in the changes."""
CHUNK = 500


def fingerprint(cause: str) -> str:
    """Stands for a cause: the same change seen by anybody, at any time, has the same one."""
    return blake2b(cause.encode(), digest_size=16).hexdigest()


def mark(finding: Finding) -> bytes:
    told = [finding.subject, finding.kind, finding.before, finding.after]
    return blake2b(msgspec.json.encode(told, order="deterministic"), digest_size=16).digest()


def take(
    session: Session, findings: Sequence[Finding], *, recent: Sequence[Finding], policy: Policy, now: datetime
) -> list[Alert]:
    """Open, extend, raise and resolve alerts for these findings, and owe the messages that follow.

    A finding of severity info opens no alert by itself; a compound rule may raise it, or a route that asks for
    ``info`` may want it. Taking the same finding twice changes nothing. A handful of queries, whatever the number.
    """
    raised = escalate([f for f in findings if not f.clears], recent, policy.compounds)
    by_cause: dict[str, list[Finding]] = {}
    # The gravest first: it gives a new alert its title, and its rule the reason.
    raised.sort(key=gravity, reverse=True)
    for finding in [*raised, *(f for f in findings if f.clears)]:
        by_cause.setdefault(fingerprint(finding.cause), []).append(finding)
    _open_new(session, by_cause, _open(session, by_cause).keys(), policy, now)
    open_ones = _open(session, by_cause)
    held = held_by(session, [alert.id for alert in open_ones.values() if alert.id is not None])
    pages = _Pages(now)
    touched = []
    for key, told in by_cause.items():
        alert = open_ones.get(key)
        if alert is None:
            continue
        # A new alert's own findings count although their end may have come in the same batch.
        ordered = told if alert.revision else sorted(told, key=lambda f: not f.clears)
        if not alert.revision:
            pages.event(alert, "opened")
        if _extend(pages, alert, held[alert.id or 0], ordered):
            session.add(alert)
            touched.append((alert, [*held[alert.id or 0].values()]))
    session.flush()
    pages.write(session)
    notify(session, [(alert, ways(view(alert, facts), alert.cause, policy)) for alert, facts in touched], now)
    return [alert for alert, _ in touched]


class _Pages:
    """New findings and events of alerts, written in one statement for all of either."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._findings: list[dict[str, Any]] = []
        self._events: list[dict[str, Any]] = []

    def finding(self, alert: Alert, key: bytes, finding: Finding) -> None:
        body = msgspec.json.encode(finding)
        self._findings.append({"alert_id": alert.id, "mark": key, "at": finding.at, "body": body})

    def event(self, alert: Alert, what: str, who: str = "", note: str = "") -> None:
        self._events.append({"alert_id": alert.id, "at": self.now, "what": what, "who": who[:100], "note": note[:1000]})

    def write(self, session: Session) -> None:
        if self._findings:
            session.execute(insert(AlertFinding), self._findings)
        if self._events:
            session.execute(insert(AlertEvent), self._events)


def _open_new(
    session: Session, by_cause: Mapping[str, Sequence[Finding]], known: Collection[str], policy: Policy, now: datetime
) -> None:
    """Open an alert, as yet without findings, for each cause that has none and is worth one."""
    fresh = []
    for key, told in by_cause.items():
        worth = [f for f in told if not f.clears]
        if key not in known and any(f.severity > Severity.INFO or _wanted(f, policy) for f in worth):
            fresh.append(_opened(key, worth, now))
    if fresh:
        session.execute(insert(Alert), fresh)


def _open(session: Session, keys: Iterable[str]) -> dict[str, Alert]:
    found: dict[str, Alert] = {}
    wanted = list(keys)
    for start in range(0, len(wanted), CHUNK):
        chunk = wanted[start : start + CHUNK]
        for alert in session.exec(
            select(Alert).where(col(Alert.fingerprint).in_(chunk), Alert.state != AlertState.RESOLVED)
        ):
            found[alert.fingerprint] = alert
    return found


def _wanted(finding: Finding, policy: Policy) -> bool:
    """Whether a route asks for findings of this severity by name; ``>=low`` and an empty matcher do not."""
    seen = view_of([finding])
    return any(route.match.severity and matches(route.match, seen) for route in policy.routes)


def _opened(key: str, findings: Sequence[Finding], now: datetime) -> dict[str, Any]:
    worst = max(findings, key=gravity)
    return {
        "fingerprint": key,
        "cause": worst.cause[:900],
        "subject": worst.subject,
        "title": worst.title[:1000],
        "severity": int(worst.severity),
        "opened_at": now,
        "updated_at": now,
        "revision": 0,
        "watches": [],
    }


def _extend(pages: _Pages, alert: Alert, held: dict[bytes, Finding], findings: Sequence[Finding]) -> bool:
    """Add what is new to an alert; whether there was anything."""
    news = False
    for finding in findings:
        if finding.clears:
            if alert.state != AlertState.RESOLVED:
                _resolve(pages, alert, note=finding.title)
                news = True
            continue
        key = mark(finding)
        # What a rule raised before stands in the alert: its stored finding keeps the severity it came with.
        if key in held and max(held[key].severity, alert.severity) >= finding.severity:
            continue
        fresh = key not in held
        held[key] = finding
        if fresh and len(held) <= MOST_FINDINGS:
            pages.finding(alert, key, finding)
        if finding.severity > alert.severity or (finding.severity == alert.severity and not alert.title):
            alert.severity, alert.title = int(finding.severity), finding.title[:1000]
            if alert.revision:
                pages.event(alert, "raised", note=str(finding.severity))
        if finding.evidence.get("compound_reason") and not alert.reason:
            alert.reason = str(finding.evidence["compound_reason"])[:1000]
        if alert.revision and fresh:
            pages.event(alert, "extended", note=finding.kind)
        news = True
    if news:
        alert.watches = _united(alert.watches, held.values())
        alert.updated_at = pages.now
        alert.revision += 1
    return news


def _united(known: Sequence[Mapping[str, Any]], findings: Iterable[Finding]) -> list[dict[str, Any]]:
    by_watch = {one["watch"]: dict(one) for one in known}
    for finding in findings:
        for reach in finding.reach:
            by_watch.setdefault(reach.watch, msgspec.to_builtins(reach))
    return [by_watch[name] for name in sorted(by_watch)]


def _resolve(pages: _Pages, alert: Alert, who: str = "", note: str = "") -> None:
    alert.state, alert.resolved_at = AlertState.RESOLVED, pages.now
    pages.event(alert, "resolved", who, note)


def view(alert: Alert, findings: Iterable[Finding]) -> View:
    """What matchers see of an alert and its findings."""
    facts = list(findings)
    seen = view_of(facts)
    owners = frozenset(str(one["owner"]) for one in alert.watches if one.get("owner"))
    watches = frozenset(str(one["watch"]) for one in alert.watches)
    return replace(seen, subject=alert.subject, severity=Severity(alert.severity), owners=owners, watches=watches)


def view_of(findings: Sequence[Finding]) -> View:
    reach: list[Reach] = [one for finding in findings for one in finding.reach]
    subject = findings[0].subject if findings else ""
    ecosystem = subject[4:].partition("/")[0] if subject.startswith("pkg:") else subject.partition(":")[0]
    return View(
        subject=subject,
        severity=max((f.severity for f in findings), default=Severity.INFO),
        kinds=frozenset(f.kind for f in findings),
        ecosystem=ecosystem,
        owners=frozenset(one.owner for one in reach if one.owner),
        watches=frozenset(one.watch for one in reach),
    )
