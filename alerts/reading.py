"""What the telling knows, as the JSON of design, 7: alerts, their life, and every message with its outcome."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlmodel import Session, col, select

from alerts.findings import Finding, gravity
from alerts.held import findings_of
from alerts.model import Acceptance, Alert, AlertEvent, AlertState, Delivery, Silence
from config.severity import Severity

STATES = ("open", "acknowledged", "silenced", "resolved")
CHUNK = 500


def alerts_json(
    session: Session, state: str | None = None, numbers: Sequence[int] | None = None
) -> list[dict[str, Any]]:
    """Alerts, the newest first, each with the findings it is made of. ``open`` leaves out what is silenced."""
    query = select(Alert).order_by(col(Alert.id).desc())
    if numbers is not None:
        query = query.where(col(Alert.id).in_(numbers))
    if state == "silenced":
        query = query.where(Alert.state != AlertState.RESOLVED, col(Alert.silence_id).is_not(None))
    elif state in {"open", "acknowledged"}:
        query = query.where(Alert.state == state, col(Alert.silence_id).is_(None))
    elif state is not None:
        query = query.where(Alert.state == state)
    rows = session.exec(query).all()
    findings = findings_of(session, [row.id for row in rows if row.id is not None])
    silences = {row.silence_id for row in rows if row.silence_id is not None}
    reasons = {row.id: row for row in session.exec(select(Silence).where(col(Silence.id).in_(silences)))}
    return [_alert_json(row, findings[row.id or 0], reasons.get(row.silence_id)) for row in rows]


def _alert_json(alert: Alert, findings: Sequence[Finding], silence: Silence | None) -> dict[str, Any]:
    gravest = max(findings, key=gravity, default=None)
    acknowledged = alert.state == AlertState.ACKNOWLEDGED
    return {
        "id": alert.id,
        "fingerprint": alert.fingerprint,
        "state": "silenced" if silence is not None and alert.state != AlertState.RESOLVED else alert.state,
        "severity": str(Severity(alert.severity)),
        "subject": alert.subject,
        "title": alert.title,
        "reason": alert.reason,
        "changes": [
            {
                "id": f.change_id,
                "at": f.at,
                "happened_at": f.happened_at,
                "kind": f.kind,
                "severity": str(f.severity),
                "subject": f.subject,
                "title": f.title,
                "before": f.before,
                "after": f.after,
                "evidence": f.evidence,
            }
            for f in findings
        ],
        "opened_at": alert.opened_at,
        "resolved_at": alert.resolved_at,
        "resolved_by": alert.resolved_by or None,
        "acknowledged": {
            "by": alert.acknowledged_by,
            "at": alert.acknowledged_at,
            "until": alert.acknowledged_until,
            "note": alert.note,
        }
        if acknowledged
        else None,
        "silence": {"id": silence.id, "reason": silence.reason, "until": silence.ends_at} if silence else None,
        "watches": [one["watch"] for one in alert.watches],
        "reach": alert.watches,
        "advice": gravest.advice if gravest else "",
    }


def events_json(session: Session, alert: int) -> list[dict[str, Any]]:
    """The life of one alert, from its beginning."""
    query = select(AlertEvent).where(AlertEvent.alert_id == alert).order_by(col(AlertEvent.id))
    return [{"at": row.at, "what": row.what, "who": row.who or None, "note": row.note} for row in session.exec(query)]


def deliveries_json(
    session: Session, *, since: datetime | None = None, alert: int | None = None, channel: str = ""
) -> list[dict[str, Any]]:
    """Every message: what, to whom, when, with what outcome, and how long after it happened. The oldest first."""
    query = select(Delivery).order_by(col(Delivery.id))
    if since is not None:
        query = query.where(col(Delivery.created_at) >= since)
    if channel:
        query = query.where(Delivery.channel == channel)
    rows = session.exec(query).all()
    return [delivery_json(row) for row in rows if alert is None or alert in row.alerts]


def delivery_json(row: Delivery) -> dict[str, Any]:
    """One message with its outcome."""
    late = row.sent_at - row.happened_at if row.sent_at is not None and row.happened_at is not None else None
    return {
        "id": row.id,
        "key": row.key,
        "channel": row.channel,
        "kind": row.kind,
        "title": msgspec.json.decode(row.message).get("title", ""),
        "alerts": row.alerts,
        "state": row.state,
        "created_at": row.created_at,
        "sent_at": row.sent_at,
        "attempts": row.attempts,
        "outcome": row.outcome,
        "happened_at": row.happened_at,
        "seconds_from_happening": round(late.total_seconds()) if late is not None else None,
    }


def acceptances_json(session: Session) -> list[dict[str, Any]]:
    """The facts that people accepted, the newest first."""
    return [
        {
            "id": row.id,
            "subject": row.subject,
            "kind": row.kind,
            "title": row.title,
            "severity": str(Severity(row.severity)),
            "at": row.accepted_at,
            "by": row.accepted_by,
            "note": row.note,
        }
        for row in session.exec(select(Acceptance).order_by(col(Acceptance.id).desc()))
    ]
