"""What happens to alerts, written down in one statement for all of a kind."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, insert, update
from sqlmodel import Session, col

from alerts.committed import when_committed
from alerts.findings import Finding
from alerts.held import Held
from alerts.model import Alert, AlertEvent, AlertFinding
from config.log import log_of
from config.severity import Severity

log = log_of("alerts")


class Journal:
    """New findings, findings that ended or came back, and the events of alerts, until they are written."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._findings: list[dict[str, Any]] = []
        self._states: list[dict[str, Any]] = []
        self._events: list[dict[str, Any]] = []
        self._alerts: dict[int, Alert] = {}
        self._checks: dict[int, set[str]] = {}
        """The checks behind what was added to an alert."""

    def finding(self, alert: Alert, key: bytes, finding: Finding) -> None:
        body = msgspec.json.encode(finding)
        if check := finding.evidence.get("check"):
            self._checks.setdefault(alert.id or 0, set()).add(check)
        self._findings.append({"alert_id": alert.id, "mark": key, "at": finding.at, "body": body, "ended_at": None})

    def ended(self, held: Held) -> None:
        held.ended_at = self.now
        self._state(held)

    def again(self, held: Held, finding: Finding) -> None:
        """A finding that holds again, or that was told anew with other particulars."""
        held.finding, held.ended_at = finding, None
        self._state(held)

    def _state(self, held: Held) -> None:
        if held.row is not None:
            body = msgspec.json.encode(held.finding)
            self._states.append({"row": held.row, "ended": held.ended_at, "told": body})
            return
        # Not written yet: it came in the same batch.
        key = msgspec.json.encode(held.finding)
        for waiting in self._findings:
            if waiting["body"] == key:
                waiting["ended_at"] = held.ended_at

    def event(self, alert: Alert, what: str, who: str = "", note: str = "") -> None:
        self._alerts[alert.id or 0] = alert
        self._events.append({"alert_id": alert.id, "at": self.now, "what": what, "who": who[:100], "note": note[:1000]})

    def write(self, session: Session) -> None:
        if self._findings:
            session.execute(insert(AlertFinding), self._findings)
        if self._states:
            session.connection().execute(_STATE, self._states)
        if self._events:
            session.execute(insert(AlertEvent), self._events)
            self._log(session)
        self._findings, self._states, self._events = [], [], []

    def _log(self, session: Session) -> None:
        for event in self._events:
            alert = self._alerts[event["alert_id"]]
            when_committed(
                session,
                log.info,
                f"alert {event['what']}",
                alert=alert.id,
                severity=Severity(alert.severity),
                title=alert.title,
                who=event["who"] or None,
                note=event["note"] or None,
                checks=sorted(self._checks.get(event["alert_id"], ())) or None,
            )


_STATE = (
    update(AlertFinding)
    .where(col(AlertFinding.id) == bindparam("row"))
    .values(ended_at=bindparam("ended"), body=bindparam("told"))
)
