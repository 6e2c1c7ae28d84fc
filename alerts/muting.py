"""What opens no alert although it was found: facts that a person accepted, and what another alert explains."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import msgspec
from msgspec import Struct
from sqlmodel import Session, col, select

from alerts.findings import Finding
from alerts.model import Acceptance, Alert, AlertState

CHUNK = 500


class Inhibition(Struct, frozen=True):
    """While an alert about a subject with this prefix is open, findings of a kind that are related to it are none."""

    kind: str
    by: str
    """``source:``: the start of the subjects whose open alerts explain such a finding."""


def mark(finding: Finding) -> bytes:
    """Stands for the exact fact: subject, kind, before and after."""
    told = [finding.subject, finding.kind, finding.before, finding.after]
    return blake2b(msgspec.json.encode(told, order="deterministic"), digest_size=16).digest()


def not_accepted(session: Session, findings: Sequence[Finding]) -> list[Finding]:
    """The findings without those that say exactly what a person accepted, no graver than it was then."""
    marks = {mark(finding): finding for finding in findings}
    accepted: dict[bytes, int] = {}
    wanted = list(marks)
    for start in range(0, len(wanted), CHUNK):
        query = select(Acceptance.mark, Acceptance.severity)
        accepted |= dict(session.exec(query.where(col(Acceptance.mark).in_(wanted[start : start + CHUNK]))).all())
    if not accepted:
        return list(findings)
    return [f for f in findings if f.severity > accepted.get(mark(f), -1)]


def not_inhibited(session: Session, findings: Sequence[Finding], inhibitions: Sequence[Inhibition]) -> list[Finding]:
    """The findings without those that an open alert about their source explains.

    Only states that are reported again and again may be inhibited: what goes on when the source is back is told then.
    """
    explained = {
        related: finding
        for finding in findings
        for rule in inhibitions
        if finding.kind == rule.kind and finding.change_id is None
        for related in finding.related
        if related.startswith(rule.by)
    }
    if not explained:
        return list(findings)
    query = select(Alert.subject).where(
        col(Alert.subject).in_(sorted(explained)[:CHUNK]), Alert.state != AlertState.RESOLVED
    )
    open_ones = set(session.exec(query))
    return [
        finding
        for finding in findings
        if not any(rule.kind == finding.kind and open_ones.intersection(finding.related) for rule in inhibitions)
    ]
