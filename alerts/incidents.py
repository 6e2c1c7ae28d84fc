"""One incident, one alert: what says that a package is bad joins the alert that already tells how it became so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace
from sqlmodel import Session, col, select

from alerts.findings import Finding
from alerts.held import held_by
from alerts.model import Alert, AlertState
from config.severity import Severity

LOOKED_BACK: Final = timedelta(days=30)
"""What an alert told longer ago is another story."""
MOST: Final = 300
"""Open alerts that are looked through, the newest first; only where there is an incident."""


def joined(session: Session, findings: Sequence[Finding], now: datetime) -> list[Finding]:
    """The findings; an incident takes the cause of an open grave alert that tells of the same subject, if there is one.

    A state that has nothing to do with it (a lapsed address, a published weakness) is no such alert.
    """
    wanted = {f.subject for f in findings if f.incident and not f.clears and f.severity >= Severity.HIGH}
    if not wanted:
        return list(findings)
    open_ones = session.exec(
        select(Alert)
        .where(
            Alert.state != AlertState.RESOLVED,
            Alert.severity >= Severity.HIGH,
            col(Alert.updated_at) >= now - LOOKED_BACK,
        )
        .order_by(col(Alert.id).desc())
        .limit(MOST)
    ).all()
    held = held_by(session, [alert.id for alert in open_ones if alert.id is not None])
    present = {alert.cause for alert in open_ones}
    causes: dict[str, str] = {}
    for alert in open_ones:
        for one in held[alert.id or 0].values():
            if one.finding.subject in wanted and one.ended_at is None and _tells(one.finding):
                causes.setdefault(one.finding.subject, alert.cause)
    return [
        replace(f, cause=causes[f.subject])
        if f.incident and not f.clears and f.cause not in present and f.subject in causes
        else f
        for f in findings
    ]


def _tells(finding: Finding) -> bool:
    return finding.incident or (finding.severity >= Severity.HIGH and not finding.lasting)
