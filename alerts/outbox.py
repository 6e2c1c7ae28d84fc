"""Messages that are owed: claimed in order, one at a time for each channel, and kept until their outcome is known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

from msgspec import Struct
from sqlalchemy import func, update
from sqlmodel import Session, col, select

from alerts.model import Delivery, DeliveryState

LEASE = timedelta(minutes=2)
"""A claim that was not settled for so long belonged to a process that died; the message is sent again."""
FIRST_RETRY = timedelta(seconds=15)
LONGEST_RETRY = timedelta(hours=1)


class Claimed(Struct, frozen=True):
    """One message on its way to one channel."""

    id: int
    key: str
    channel: str
    kind: str
    attempts: int
    created_at: datetime
    message: bytes


def claim_due(session: Session, channels: Sequence[str], now: datetime) -> list[Claimed]:
    """The oldest unsettled message of each of these channels, if it is due; claimed until the lease ends.

    Only the oldest: what comes later waits for it, so that a channel hears things in order. A channel that fails
    holds up no other.
    """
    if not channels:
        return []
    unsettled = col(Delivery.state).in_([DeliveryState.PENDING, DeliveryState.SENDING])
    heads = (
        select(func.min(Delivery.id))
        .where(unsettled, col(Delivery.channel).in_(channels))
        .group_by(col(Delivery.channel))
    )
    rows = session.exec(
        select(Delivery).where(col(Delivery.id).in_(heads), col(Delivery.next_attempt_at) <= now).with_for_update()
    ).all()
    claimed = []
    for row in rows:
        row.state, row.attempts, row.next_attempt_at = DeliveryState.SENDING, row.attempts + 1, now + LEASE
        session.add(row)
        claimed.append(Claimed(row.id or 0, row.key, row.channel, row.kind, row.attempts, row.created_at, row.message))
    return claimed


def release_claims(session: Session, now: datetime) -> None:
    """Give up all claims: for the only deliverer of a database, when it starts. Whoever made them is dead."""
    session.execute(
        update(Delivery)
        .where(col(Delivery.state) == DeliveryState.SENDING)
        .values(state=DeliveryState.PENDING, next_attempt_at=now)
    )


def waiting_channels(session: Session, now: datetime) -> list[str]:
    """Channels with a message that may be sent now."""
    unsettled = col(Delivery.state).in_([DeliveryState.PENDING, DeliveryState.SENDING])
    return list(
        session.exec(select(Delivery.channel).where(unsettled, col(Delivery.next_attempt_at) <= now).distinct())
    )


class Failing(Struct, frozen=True):
    """A channel that does not take what it is sent."""

    since: datetime
    waiting: int
    """Messages in its queue."""
    outcome: str
    """What it said last."""


def failing_channels(session: Session, since: datetime) -> dict[str, Failing]:
    """Channels whose oldest message has been tried in vain, and is owed since then or longer."""
    unsettled = col(Delivery.state).in_([DeliveryState.PENDING, DeliveryState.SENDING])
    rows = session.exec(
        select(Delivery.channel, func.min(Delivery.created_at), func.count(), func.min(Delivery.id))
        .where(unsettled)
        .group_by(col(Delivery.channel))
    ).all()
    late = {number: (name, begun, waiting) for name, begun, waiting, number in rows if begun <= since}
    heads = session.exec(select(Delivery.id, Delivery.outcome).where(col(Delivery.id).in_(late), Delivery.attempts > 0))
    return {late[number][0]: Failing(late[number][1], late[number][2], outcome) for number, outcome in heads if outcome}


def mark_sent(session: Session, delivery: int, now: datetime, outcome: str) -> None:
    row = session.get_one(Delivery, delivery)
    row.state, row.sent_at, row.outcome = DeliveryState.SENT, now, outcome[:500]
    session.add(row)


def mark_failed(
    session: Session,
    delivery: int,
    now: datetime,
    outcome: str,
    give_up_after: timedelta,
    rng: Random,
    retry_after: timedelta | None = None,
) -> bool:
    """Try again later, or never if it has been owed too long; True where it was given up."""
    row = session.get_one(Delivery, delivery)
    row.outcome = outcome[:500]
    session.add(row)
    if now - row.created_at >= give_up_after:
        row.state = DeliveryState.DEAD
        return True
    wait = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(row.attempts - 1, 20)) * (0.8 + 0.4 * rng.random())
    row.state, row.next_attempt_at = DeliveryState.PENDING, now + max(wait, retry_after or timedelta(0))
    return False
