"""What people do with alerts: acknowledge, resolve, accept. Each step is recorded with who, when and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select

from alerts.held import held_by
from alerts.journal import Journal
from alerts.lifecycle import resolve as end
from alerts.model import Acceptance, Alert, AlertState
from alerts.muting import mark
from alerts.silences import Refused, wake
from config.severity import Severity

SETTLED_UP_TO: Final = Severity.MEDIUM
"""What is graver than this stays open until a person has seen to it."""
IN_A_ROW: Final = timedelta(seconds=30)
"""Who resolves one alert often resolves more: those who heard of them hear of it in one message."""


def find(session: Session, numbers: Sequence[int]) -> list[Alert]:
    """These alerts; Refused where there is none of that number."""
    found = {alert.id: alert for alert in session.exec(select(Alert).where(col(Alert.id).in_(numbers)))}
    if missing := [number for number in numbers if number not in found]:
        raise Refused(f"there is no alert {missing[0]}; see weaklink alerts")
    return [found[number] for number in numbers]


def acknowledge(
    session: Session, numbers: Sequence[int], *, who: str, note: str, until: datetime | None, now: datetime
) -> list[Alert]:
    """Somebody sees to these alerts: no reminder and no escalation until then, or until they grow graver."""
    if until is not None and until <= now:
        raise Refused("an acknowledgement ends in the future; name another time")
    alerts = find(session, numbers)
    journal = Journal(now)
    for alert in alerts:
        if alert.state == AlertState.RESOLVED:
            raise Refused(f"alert {alert.id} is resolved already")
        alert.state = AlertState.ACKNOWLEDGED
        alert.acknowledged_by, alert.acknowledged_at = who[:100], now
        alert.acknowledged_until, alert.note = until, note[:1000]
        journal.event(alert, "acknowledged", who, note)
        session.add(alert)
    session.flush()
    journal.write(session)
    return alerts


def resolve(session: Session, numbers: Sequence[int], *, who: str, note: str, now: datetime) -> list[Alert]:
    """A person ends these alerts; those who heard of them hear of the end."""
    alerts = find(session, numbers)
    journal = Journal(now)
    for alert in alerts:
        if alert.state == AlertState.RESOLVED:
            raise Refused(f"alert {alert.id} is resolved already")
        end(journal, alert, who, note)
        alert.note = note[:1000] or alert.note
        alert.revision += 1
        session.add(alert)
    session.flush()
    journal.write(session)
    wake(session, [alert.id or 0 for alert in alerts], now + IN_A_ROW)
    return alerts


def accept(session: Session, numbers: Sequence[int], *, who: str, note: str, now: datetime) -> list[Acceptance]:
    """What these alerts tell is known and right: it is never told again, until the facts change. Resolves them."""
    alerts = find(session, numbers)
    held = held_by(session, [alert.id or 0 for alert in alerts])
    told = [one.finding for alert in alerts for one in held[alert.id or 0].values()]
    if any(finding.change_id is None for finding in told):
        raise Refused("what befalls the watch itself is no fact that one accepts; use weaklink silence add")
    known = {row.mark: row for row in session.exec(select(Acceptance).where(col(Acceptance.mark).in_(map(mark, told))))}
    for finding in told:
        row = known.get(mark(finding))
        if row is None:
            row = known[mark(finding)] = Acceptance(
                mark=mark(finding),
                severity=int(finding.severity),
                subject=finding.subject,
                kind=finding.kind,
                title=finding.title[:1000],
                accepted_at=now,
                accepted_by=who[:100],
                note=note[:1000],
            )
        row.severity = max(row.severity, int(finding.severity))
        session.add(row)
    journal = Journal(now)
    for alert in alerts:
        journal.event(alert, "accepted", who, note)
    session.flush()
    journal.write(session)
    resolve(session, [a.id or 0 for a in alerts if a.state != AlertState.RESOLVED], who=who, note=note, now=now)
    return list(known.values())


def forget(session: Session, number: int) -> Acceptance:
    """Accept something no more: the next time it is found, it is told."""
    row = session.get(Acceptance, number)
    if row is None:
        raise Refused(f"there is no acceptance {number}; see weaklink alerts accepted")
    session.delete(row)
    return row


def review_due(session: Session, now: datetime, settle_after: timedelta) -> bool:
    """Whether an acknowledgement ran out, or an alert can be left to the past."""
    return bool(_run_out(session, now, 1)) or bool(_settled(session, now - settle_after, 1))


def review(session: Session, now: datetime, settle_after: timedelta) -> None:
    """Reopen alerts whose acknowledgement ran out; close what happened long ago and nobody needs to see to."""
    journal = Journal(now)
    again = _run_out(session, now, 500)
    for alert in again:
        alert.state, alert.acknowledged_until = AlertState.OPEN, None
        alert.revision += 1
        journal.event(alert, "reopened", note=f"the acknowledgement of {alert.acknowledged_by} ran out")
    for alert in _settled(session, now - settle_after, 500):
        alert.state, alert.resolved_at = AlertState.RESOLVED, now
        # Not told: nothing changed but the calendar.
        journal.event(alert, "resolved", note="it happened long ago and nothing was added")
        session.add(alert)
    session.add_all(again)
    session.flush()
    journal.write(session)
    wake(session, [alert.id or 0 for alert in again], now)


def _run_out(session: Session, now: datetime, most: int) -> Sequence[Alert]:
    query = select(Alert).where(Alert.state == AlertState.ACKNOWLEDGED, col(Alert.acknowledged_until) <= now)
    return session.exec(query.limit(most)).all()


def _settled(session: Session, before: datetime, most: int) -> Sequence[Alert]:
    """Open alerts about things that happened once, not grave, with nothing new since then.

    Those about a state that still holds stay: a domain that will expire does not cease to by being left alone.
    """
    query = select(Alert).where(
        Alert.state == AlertState.OPEN,
        col(Alert.updated_at) < before,
        col(Alert.severity) <= int(SETTLED_UP_TO),
        col(Alert.lasting).is_(False),
    )
    return session.exec(query.order_by(col(Alert.id)).limit(most)).all()
