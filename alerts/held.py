"""The findings that alerts are made of, read back."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlmodel import Session, col, select

from alerts.findings import Finding
from alerts.model import AlertFinding

CHUNK = 500

_decoder = msgspec.json.Decoder(Finding)


def held_by(session: Session, alerts: Sequence[int]) -> dict[int, dict[bytes, Finding]]:
    """The findings of these alerts by their marks, in the order in which they came."""
    held: dict[int, dict[bytes, Finding]] = {alert: {} for alert in alerts}
    for start in range(0, len(alerts), CHUNK):
        rows = session.exec(
            select(AlertFinding)
            .where(col(AlertFinding.alert_id).in_(alerts[start : start + CHUNK]))
            .order_by(col(AlertFinding.id))
        )
        for row in rows:
            held[row.alert_id][row.mark] = _decoder.decode(row.body)
    return held


def findings_of(session: Session, alerts: Sequence[int]) -> dict[int, list[Finding]]:
    return {alert: [*held.values()] for alert, held in held_by(session, alerts).items()}
