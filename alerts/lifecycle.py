"""The life of an alert: opened by a finding, extended by others of the same cause, resolved when the cause is gone.

``take`` runs inside the transaction that records the changes, so an alert exists exactly if its changes do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import msgspec
from sqlalchemy import insert
from sqlmodel import Session, and_, col, or_, select

from alerts.findings import Finding, gravity
from alerts.grouping import Taken, notify
from alerts.held import Held, held_by
from alerts.journal import Journal
from alerts.matching import matches
from alerts.model import Alert, AlertFinding, AlertState
from alerts.muting import mark, not_accepted, not_inhibited
from alerts.routing import Policy, ways
from alerts.rules import escalate
from alerts.silences import hush, in_force
from alerts.views import view, view_of
from config.severity import Severity

MOST_FINDINGS = 500
"""An alert lists so many findings; those beyond are counted by its revision and stand in the changes."""
REOPEN_WITHIN = timedelta(days=7)
"""A cause that comes back so soon after its alert was resolved reopens it; later it opens a new one."""
CHUNK = 500


def fingerprint(cause: str) -> str:
    """Stands for a cause: the same change seen by anybody, at any time, has the same one."""
    return blake2b(cause.encode(), digest_size=16).hexdigest()


def take(
    session: Session, findings: Sequence[Finding], *, recent: Sequence[Finding], policy: Policy, now: datetime
) -> list[Alert]:
    """Open, extend, raise, reopen and resolve alerts for these findings, and owe the messages that follow.

    A finding of severity info opens no alert by itself; a compound rule may raise it, or a route that asks for
    ``info`` may want it. What a person accepted opens none, nor what an open alert explains (a source that is down).
    Taking the same finding twice changes nothing. A handful of queries, whatever the number.
    """
    raised = escalate([f for f in findings if not f.clears], recent, policy.compounds)
    raised = not_inhibited(session, not_accepted(session, raised), policy.inhibitions)
    # The gravest first: it gives a new alert its title, and its rule the reason.
    raised.sort(key=gravity, reverse=True)
    by_cause: dict[str, list[Finding]] = {}
    for finding in [*raised, *(f for f in findings if f.clears)]:
        by_cause.setdefault(fingerprint(finding.cause), []).append(finding)
    journal = Journal(now)
    open_ones = _open(session, by_cause)
    _begin(session, journal, by_cause, [key for key in by_cause if key not in open_ones], policy)
    open_ones = _open(session, by_cause)
    held = held_by(session, [alert.id for alert in open_ones.values() if alert.id is not None])
    touched = []
    for key, told in by_cause.items():
        alert = open_ones.get(key)
        if alert is None:
            continue
        # A new alert's own findings count although their end may have come in the same batch.
        ordered = told if alert.revision else sorted(told, key=lambda f: not f.clears)
        if not alert.revision:
            journal.event(alert, "opened")
        before = alert.severity
        if _extend(journal, alert, held[alert.id or 0], ordered):
            session.add(alert)
            facts = [one.finding for one in held[alert.id or 0].values()]
            touched.append((alert, facts, alert.severity > before))
    silences = in_force(session, now) if touched else []
    for alert, facts, _ in touched:
        hush(journal, alert, view(alert, facts), silences)
    session.flush()
    journal.write(session)
    taken = [Taken(alert, ways(view(alert, facts), alert.cause, policy), graver) for alert, facts, graver in touched]
    notify(session, taken, now)
    return [alert for alert, *_ in touched]


def holding(session: Session, cause: str) -> set[str]:
    """The subjects of which an alert whose cause begins so told something that has not ended.

    A person may have resolved the alert: the end is recorded all the same, so that what comes again is news.
    """
    # Asked every few seconds: the alerts by their causes first, then what these few are made of.
    goes_on = (
        select(AlertFinding.id)
        .where(col(AlertFinding.alert_id) == col(Alert.id), col(AlertFinding.ended_at).is_(None))
        .exists()
    )
    return set(session.exec(select(Alert.subject).where(_begins(session, cause), goes_on)))


def _begins(session: Session, cause: str) -> Any:
    """Of an alert: its cause begins so; in the form that lets each database use its index."""
    if session.get_bind().dialect.name == "sqlite":
        return and_(col(Alert.cause) >= cause, col(Alert.cause) < cause[:-1] + chr(ord(cause[-1]) + 1))
    return col(Alert.cause).like(f"{cause}%")


def _begin(
    session: Session, journal: Journal, by_cause: dict[str, list[Finding]], keys: Sequence[str], policy: Policy
) -> None:
    """Reopen or open an alert for each of these causes, none of which has an open one, where it is worth one."""
    past = _resolved(session, keys, journal.now)
    held = held_by(session, [alert.id for alert in past.values() if alert.id is not None])
    fresh = []
    for key in keys:
        last = past.get(key)
        if last is not None:
            by_cause[key] = [f for f in by_cause[key] if _is_news(journal, last, held[last.id or 0], f)]
        worth = [f for f in by_cause[key] if not f.clears]
        if not any(f.severity > Severity.INFO or _wanted(f, policy) for f in worth):
            continue
        if last is not None and last.resolved_at is not None and journal.now - last.resolved_at <= REOPEN_WITHIN:
            _reopen(journal, last, max(worth, key=gravity))
            session.add(last)
        else:
            fresh.append(_opened(key, worth, journal.now))
    session.flush()
    if fresh:
        session.execute(insert(Alert), fresh)


def _is_news(journal: Journal, last: Alert, held: Mapping[bytes, Held], finding: Finding) -> bool:
    """Whether a finding says more than an alert that is resolved already said.

    A person may resolve what still holds: reports of the same state are no news then, until it has ended once.
    """
    if finding.clears:
        if last.resolved_by:
            for one in _ended_by(finding, held.values()):
                journal.ended(one)
        return False
    known = held.get(mark(finding))
    return known is None or known.ended_at is not None or known.finding.change_id != finding.change_id


def _reopen(journal: Journal, alert: Alert, worst: Finding) -> None:
    alert.state, alert.resolved_at, alert.resolved_by = AlertState.OPEN, None, ""
    alert.reopened_at = journal.now
    alert.severity, alert.title = int(worst.severity), worst.title[:1000]
    journal.event(alert, "reopened", note=worst.title)


def _open(session: Session, keys: Iterable[str]) -> dict[str, Alert]:
    return _by_cause(session, keys, Alert.state != AlertState.RESOLVED)


def _resolved(session: Session, keys: Iterable[str], now: datetime) -> dict[str, Alert]:
    """The last resolved alert of each of these causes that may be reopened, or that a person ended."""
    lately = or_(col(Alert.resolved_at) >= now - REOPEN_WITHIN, Alert.resolved_by != "")
    # The state is looked at here: SQLite would look up the causes among all that are resolved.
    past = _by_cause(session, keys, lately)
    return {key: alert for key, alert in past.items() if alert.state == AlertState.RESOLVED}


def _by_cause(session: Session, keys: Iterable[str], condition: Any) -> dict[str, Alert]:
    found: dict[str, Alert] = {}
    wanted = list(keys)
    for start in range(0, len(wanted), CHUNK):
        chunk = wanted[start : start + CHUNK]
        query = select(Alert).where(col(Alert.fingerprint).in_(chunk), condition).order_by(col(Alert.id))
        found |= {alert.fingerprint: alert for alert in session.exec(query)}
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
        "lasting": False,
        "watches": [],
    }


def _extend(journal: Journal, alert: Alert, held: dict[bytes, Held], findings: Sequence[Finding]) -> bool:
    """Add what is new to an alert; whether there was anything."""
    touched = news = False
    for finding in findings:
        if finding.clears:
            ended = _ended_by(finding, held.values())
            for one in ended:
                journal.ended(one)
            touched = touched or bool(ended)
            if ended and not any(one.ended_at is None for one in held.values()):
                resolve(journal, alert, note=finding.title)
                alert.note = finding.title[:1000]
                news = True
            continue
        key = mark(finding)
        known = held.get(key)
        # What a rule raised before stands in the alert: its stored finding keeps the severity it came with.
        if (
            known is not None
            and known.ended_at is None
            and max(known.finding.severity, alert.severity) >= finding.severity
        ):
            continue
        # What comes later and is as grave is what people read first: a domain that expired no longer expires soon.
        if not touched and not finding.quiet and finding.severity >= alert.severity:
            alert.title = finding.title[:1000]
        touched = True
        alert.lasting = alert.lasting or finding.lasting
        raised = finding.severity > alert.severity
        news = news or raised or not finding.quiet or not alert.revision
        if known is None:
            held[key] = Held(finding)
            if len(held) <= MOST_FINDINGS:
                journal.finding(alert, key, finding)
            if alert.revision and not finding.quiet:
                journal.event(alert, "extended", note=finding.kind)
        else:
            journal.again(known, finding)
        if raised:
            alert.severity, alert.title = int(finding.severity), finding.title[:1000]
            if alert.revision:
                journal.event(alert, "raised", note=str(finding.severity))
            if alert.state == AlertState.ACKNOWLEDGED:
                alert.state = AlertState.OPEN
                journal.event(alert, "reopened", note="graver than what was acknowledged")
        if finding.evidence.get("compound_reason") and not alert.reason:
            alert.reason = str(finding.evidence["compound_reason"])[:1000]
    if touched:
        alert.watches = _united(alert.watches, (one.finding for one in held.values()))
        alert.updated_at = journal.now
        alert.revision += news
    return touched


def _ended_by(end: Finding, held: Iterable[Held]) -> list[Held]:
    return [
        one
        for one in held
        if one.ended_at is None
        and one.finding.subject == end.subject
        and (not end.ends or one.finding.kind in end.ends)
        and (not end.which or one.finding.which == end.which)
    ]


def _united(known: Sequence[Mapping[str, Any]], findings: Iterable[Finding]) -> list[dict[str, Any]]:
    by_watch = {one["watch"]: dict(one) for one in known}
    for finding in findings:
        for reach in finding.reach:
            by_watch.setdefault(reach.watch, msgspec.to_builtins(reach))
    return [by_watch[name] for name in sorted(by_watch)]


def resolve(journal: Journal, alert: Alert, who: str = "", note: str = "") -> None:
    """End an alert: by itself, or by a person whose name is ``who``."""
    alert.state, alert.resolved_at, alert.resolved_by = AlertState.RESOLVED, journal.now, who[:100]
    journal.event(alert, "resolved", who, note)
