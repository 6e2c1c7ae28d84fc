"""Silences: alerts that match are not told until an end that is always set; they stay visible all the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import update
from sqlmodel import Session, col, or_, select

from alerts.held import findings_of
from alerts.journal import Journal
from alerts.matching import View, matches
from alerts.model import Alert, AlertState, Group, GroupMember, Silence
from alerts.views import view
from config.settings import Match
from config.severity import Severity

LONGEST: Final = timedelta(days=366)
CHUNK: Final = 500


class InForce(Struct, frozen=True):
    """A silence that holds now."""

    id: int
    match: Match
    reason: str


class Refused(ValueError):
    """What a person asked for and cannot have; says why and what to do."""


def add(
    session: Session, match: Match, *, reason: str, who: str, starts_at: datetime, ends_at: datetime, now: datetime
) -> Silence:
    """Silence what matches, from now or later; Refused without a matcher, a reason or a sensible end."""
    stated = match.model_dump(mode="json", exclude_defaults=True)
    if not stated:
        raise Refused("a silence needs a matcher, or it would hide everything; write for example kind=deprecated")
    if not reason.strip():
        raise Refused("a silence needs a reason, for whoever finds it in a year; add --reason")
    if not now < ends_at <= now + LONGEST or starts_at >= ends_at:
        raise Refused("a silence ends after it starts and within a year; name another end")
    silence = Silence(
        match=stated,
        reason=reason.strip()[:1000],
        created_by=who[:100],
        created_at=now,
        starts_at=starts_at,
        ends_at=ends_at,
    )
    session.add(silence)
    session.flush()
    review(session, now)
    return silence


def remove(session: Session, number: int, now: datetime) -> Silence:
    """End a silence now; what it held back is told next. Refused for one that has ended."""
    silence = session.get(Silence, number)
    if silence is None or silence.ends_at <= now:
        raise Refused(f"there is no silence {number} that could be ended; see weaklink silence list")
    silence.ends_at = now
    silence.starts_at = min(silence.starts_at, now)
    session.add(silence)
    session.flush()
    review(session, now)
    return silence


def in_force(session: Session, now: datetime) -> list[InForce]:
    """The silences that hold now, the oldest first."""
    query = select(Silence).where(col(Silence.starts_at) <= now, col(Silence.ends_at) > now).order_by(col(Silence.id))
    return [InForce(row.id or 0, Match.model_validate(row.match), row.reason) for row in session.exec(query)]


def hush(journal: Journal, alert: Alert, seen: View, silences: Sequence[InForce]) -> bool:
    """Note which silence, if any, keeps this alert from being told; whether that is another than before."""
    found = next((one for one in silences if matches(one.match, seen)), None)
    before, alert.silence_id = alert.silence_id, found.id if found else None
    if before == alert.silence_id:
        return False
    if found is not None:
        journal.event(alert, "silenced", note=f"silence {found.id}: {found.reason}")
    else:
        journal.event(alert, "unsilenced", note=f"silence {before} ended")
    return True


def review_due(session: Session, now: datetime) -> bool:
    """Whether a silence has begun or ended since the alerts were last compared with them."""
    begun = (col(Silence.in_force).is_(False)) & (col(Silence.starts_at) <= now) & (col(Silence.ends_at) > now)
    ended = (col(Silence.in_force).is_(True)) & (col(Silence.ends_at) <= now)
    return session.exec(select(Silence.id).where(or_(begun, ended)).limit(1)).first() is not None


def review(session: Session, now: datetime) -> int:
    """Compare every alert that may still be told with the silences in force; how many changed.

    What is silenced no more, and has news, is looked at by its groups at once.
    """
    silences = in_force(session, now)
    session.execute(update(Silence).values(in_force=(col(Silence.starts_at) <= now) & (col(Silence.ends_at) > now)))
    query = select(Alert).where(or_(Alert.state != AlertState.RESOLVED, col(Alert.silence_id).is_not(None)))
    alerts = session.exec(query).all()
    facts = findings_of(session, [alert.id for alert in alerts if alert.id is not None])
    journal = Journal(now)
    changed = [a for a in alerts if hush(journal, a, view(a, facts[a.id or 0]), silences)]
    session.add_all(changed)
    session.flush()
    journal.write(session)
    wake(session, [a.id or 0 for a in changed if a.silence_id is None], now)
    return len(changed)


def wake(session: Session, alerts: Sequence[int], now: datetime) -> None:
    """Have the groups of these alerts looked at again at once."""
    for start in range(0, len(alerts), CHUNK):
        members = select(GroupMember.group_id).where(col(GroupMember.alert_id).in_(alerts[start : start + CHUNK]))
        session.execute(update(Group).where(col(Group.id).in_(members)).values(due_at=now))


def listed(session: Session, now: datetime, *, ended: bool = False) -> list[dict[str, Any]]:
    """Silences that hold or will hold, with what each hides now; with ``ended`` also those of the past."""
    query = select(Silence).order_by(col(Silence.id))
    if not ended:
        query = query.where(col(Silence.ends_at) > now)
    hidden: dict[int, list[int]] = {}
    for number, severity in session.exec(
        select(Alert.silence_id, Alert.severity).where(
            col(Alert.silence_id).is_not(None), Alert.state != AlertState.RESOLVED
        )
    ):
        hidden.setdefault(number or 0, []).append(severity)
    return [
        {
            "id": row.id,
            "match": row.match,
            "reason": row.reason,
            "by": row.created_by,
            "starts_at": row.starts_at,
            "ends_at": row.ends_at,
            "state": "active" if row.starts_at <= now < row.ends_at else "ended" if row.ends_at <= now else "pending",
            "hides": len(hidden.get(row.id or 0, ())),
            "worst": str(Severity(max(hidden[row.id or 0]))) if row.id in hidden else None,
        }
        for row in session.exec(query)
    ]
