"""What the telling may forget: messages that were settled long ago, and alerts that ended long ago."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct
from sqlalchemy import delete, exists, func
from sqlmodel import Session, and_, col, or_, select

from alerts.model import (
    Alert,
    AlertEvent,
    AlertFinding,
    AlertState,
    Delivery,
    DeliveryState,
    Group,
    GroupMember,
    Silence,
)

CHUNK = 500


class _Part(Struct):
    change_id: int | None = None


_part = msgspec.json.Decoder(_Part)


def evidence_of_open_alerts(session: Session) -> frozenset[int]:
    """Changes that alerts rest on which have not ended: these are never forgotten."""
    bodies = session.exec(
        select(AlertFinding.body)
        .join(Alert, col(Alert.id) == col(AlertFinding.alert_id))
        .where(Alert.state != AlertState.RESOLVED)
    )
    return frozenset(number for body in bodies if (number := _part.decode(body).change_id) is not None)


def settled_messages(session: Session, before: datetime) -> Iterator[Sequence[int]]:
    """Messages that were sent or given up before then; the last of each kind stays: heartbeats count from it."""
    last = select(func.max(Delivery.id)).group_by(Delivery.kind)
    query = select(Delivery.id).where(
        col(Delivery.state).in_((DeliveryState.SENT, DeliveryState.DEAD)),
        col(Delivery.created_at) < before,
        col(Delivery.id).not_in(last),
    )
    yield from _chunks(session.exec(query).all())


def forget_messages(session: Session, numbers: Sequence[int]) -> None:
    session.execute(delete(Delivery).where(col(Delivery.id).in_(numbers)))


def ended_alerts(session: Session, before: datetime) -> Iterator[Sequence[int]]:
    """Alerts that were resolved before then.

    One that a person resolved while it still held stays: its memory is what keeps the same state from being told again.
    """
    holds = exists().where(col(AlertFinding.alert_id) == col(Alert.id), col(AlertFinding.ended_at).is_(None))
    query = select(Alert.id).where(
        Alert.state == AlertState.RESOLVED,
        col(Alert.resolved_at) < before,
        or_(col(Alert.lasting).is_(False), Alert.resolved_by == "", ~holds),
    )
    yield from _chunks(session.exec(query).all())


def forget_alerts(session: Session, numbers: Sequence[int]) -> None:
    """These alerts with their findings and events, and groups that tell of nothing any more."""
    for table in (AlertEvent, AlertFinding, GroupMember):
        session.execute(delete(table).where(col(table.alert_id).in_(numbers)))
    session.execute(delete(Alert).where(col(Alert.id).in_(numbers)))
    told = exists().where(col(GroupMember.group_id) == col(Group.id))
    session.execute(delete(Group).where(and_(~told, col(Group.due_at).is_(None))))


def ended_silences(session: Session, before: datetime) -> Iterator[Sequence[int]]:
    """Silences that ended before then and that no alert names."""
    named = exists().where(col(Alert.silence_id) == col(Silence.id))
    query = select(Silence.id).where(col(Silence.ends_at) < before, col(Silence.in_force).is_(False), ~named)
    yield from _chunks(session.exec(query).all())


def forget_silences(session: Session, numbers: Sequence[int]) -> None:
    session.execute(delete(Silence).where(col(Silence.id).in_(numbers)))


def _chunks(found: Sequence[int | None]) -> Iterator[Sequence[int]]:
    numbers = [number for number in found if number is not None]
    for start in range(0, len(numbers), CHUNK):
        yield numbers[start : start + CHUNK]
