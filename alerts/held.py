"""The findings that alerts are made of, read back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import Struct
from sqlmodel import Session, col, select

from alerts.findings import Finding
from alerts.model import AlertFinding

CHUNK = 500

_decoder = msgspec.json.Decoder(Finding)


class Held(Struct):
    """A finding in an alert."""

    finding: Finding
    ended_at: datetime | None = None
    row: int | None = None
    """Its row; None for one that is not written yet, or not kept because the alert has too many."""


def held_by(session: Session, alerts: Sequence[int]) -> dict[int, dict[bytes, Held]]:
    """The findings of these alerts by their marks, in the order in which they came."""
    held: dict[int, dict[bytes, Held]] = {alert: {} for alert in alerts}
    for start in range(0, len(alerts), CHUNK):
        rows = session.exec(
            select(AlertFinding)
            .where(col(AlertFinding.alert_id).in_(alerts[start : start + CHUNK]))
            .order_by(col(AlertFinding.id))
        )
        for row in rows:
            held[row.alert_id][row.mark] = Held(_decoder.decode(row.body), row.ended_at, row.id)
    return held


def findings_of(session: Session, alerts: Sequence[int]) -> dict[int, list[Finding]]:
    return {alert: [one.finding for one in held.values()] for alert, held in held_by(session, alerts).items()}
