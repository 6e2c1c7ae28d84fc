"""Messages that are owed: claimed in order, one at a time for each channel, and kept until their outcome is known."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import func, union_all, update
from sqlalchemy import select as sa_select
from sqlmodel import Session, col, select

from alerts.messages.content import Message
from alerts.model import Delivery, DeliveryState
from config.severity import Severity

LEASE = timedelta(minutes=2)
"""A claim that was not settled for so long belonged to a process that died; the message is sent again."""
FIRST_RETRY = timedelta(seconds=15)
LONGEST_RETRY = timedelta(hours=1)
FEWEST_ATTEMPTS: Final = 4
"""Before a message is given up, however old it is: it may have aged while nobody was there to send it."""


class Claimed(Struct, frozen=True):
    """One message on its way to one channel."""

    id: int
    key: str
    channel: str
    kind: str
    attempts: int
    created_at: datetime
    message: bytes
    happened_at: datetime | None = None
    """When the first of what it tells happened at its source."""


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
        claimed.append(
            Claimed(
                id=row.id or 0,
                key=row.key,
                channel=row.channel,
                kind=row.kind,
                attempts=row.attempts,
                created_at=row.created_at,
                message=row.message,
                happened_at=row.happened_at,
            )
        )
    return claimed


def release_claims(session: Session, now: datetime, channels: Collection[str] | None = None) -> None:
    """Give up all claims, or those on these channels. Whoever made them is dead."""
    claims = update(Delivery).where(col(Delivery.state) == DeliveryState.SENDING)
    if channels is not None:
        claims = claims.where(col(Delivery.channel).in_(channels))
    session.execute(claims.values(state=DeliveryState.PENDING, next_attempt_at=now))


def move_waits(session: Session, moved: timedelta) -> None:
    """Let what is owed go along with a clock that was set by ``moved``: it is neither late nor put off by that."""
    unsettled = col(Delivery.state).in_([DeliveryState.PENDING, DeliveryState.SENDING])
    for row in session.exec(select(Delivery).where(unsettled)):
        row.created_at += moved
        row.next_attempt_at += moved


def waiting_channels(session: Session, now: datetime) -> list[str]:
    """Channels with a message that may be sent now."""
    unsettled = col(Delivery.state).in_([DeliveryState.PENDING, DeliveryState.SENDING])
    return list(
        session.exec(select(Delivery.channel).where(unsettled, col(Delivery.next_attempt_at) <= now).distinct())
    )


class Failing(Struct, frozen=True):
    """A channel that does not take what it is sent."""

    since: datetime
    """When the oldest message was made that it has not taken."""
    waiting: int
    """Messages in its queue."""
    given_up: int
    """Messages that were given up since it last took one."""
    outcome: str
    """What it said last."""
    worst: Severity
    untold: tuple[str, ...]
    """The titles of what did not arrive, the gravest first."""


MOST_UNTOLD: Final = 10
HELD_UP: Final = 200
"""Messages of a failing channel that are looked at for the gravest."""


def failing_channels(session: Session, channels: Collection[str], since: datetime) -> dict[str, Failing]:
    """The channels that owe a message since then or longer and have tried, or that gave up what they were sent last.

    A channel that gave up is failing until it takes a message: an empty queue says nothing of its health.
    """
    last_sent = _last_sent(session, channels)
    rows: dict[str, list[Delivery]] = {}
    for row in _last_unsent(session, channels):
        if row.state != DeliveryState.DEAD or (row.id or 0) > (last_sent.get(row.channel) or 0):
            rows.setdefault(row.channel, []).append(row)
    found = {}
    for channel, unsent_rows in rows.items():
        oldest = unsent_rows[-1]
        if oldest.state == DeliveryState.DEAD or (oldest.created_at <= since and oldest.outcome):
            found[channel] = _failing(unsent_rows)
    return found


def _last_unsent(session: Session, channels: Collection[str]) -> list[Delivery]:
    """The last messages of each channel that it has not taken, the newest first: one that owes many hides no other."""
    other = [DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.DEAD]

    def last(channel: str) -> Any:
        unsent = select(Delivery.id).where(col(Delivery.state).in_(other), Delivery.channel == channel)
        return sa_select(unsent.order_by(col(Delivery.id).desc()).limit(HELD_UP).subquery().c.id)

    if not channels:
        return []
    found = union_all(*map(last, sorted(channels)))
    return list(session.exec(select(Delivery).where(col(Delivery.id).in_(found)).order_by(col(Delivery.id).desc())))


def _last_sent(session: Session, channels: Collection[str]) -> dict[str, int | None]:
    """The last message that each channel took; each by one look into the index, however many there were."""

    def last(channel: str) -> Any:
        sent = (Delivery.state == DeliveryState.SENT, Delivery.channel == channel)
        return select(func.max(Delivery.id)).where(*sent).scalar_subquery()

    names = sorted(channels)
    found = session.execute(sa_select(*map(last, names))).one() if names else ()
    return dict(zip(names, found, strict=True))


def _failing(rows: Sequence[Delivery]) -> Failing:
    told = [(Severity.parse(m.severity), m.title) for m in (_decoder.decode(row.message) for row in rows)]
    told.sort(key=lambda one: -one[0])
    return Failing(
        since=rows[-1].created_at,
        waiting=sum(row.state != DeliveryState.DEAD for row in rows),
        given_up=sum(row.state == DeliveryState.DEAD for row in rows),
        outcome=next((row.outcome for row in reversed(rows) if row.outcome), ""),
        worst=told[0][0],
        untold=tuple(f"[{severity}] {title}" for severity, title in told[:MOST_UNTOLD]),
    )


_decoder = msgspec.json.Decoder(Message)


def mark_sent(session: Session, claim: Claimed, now: datetime, outcome: str) -> None:
    """It was taken: also where the claim has run out, so that nobody sends it again who has not begun to."""
    row = session.get_one(Delivery, claim.id, with_for_update=True)
    if row.state != DeliveryState.SENT:
        row.state, row.sent_at, row.outcome = DeliveryState.SENT, now, outcome[:500]
        session.add(row)


def mark_failed(
    session: Session,
    claim: Claimed,
    now: datetime,
    outcome: str,
    give_up_after: timedelta,
    rng: Random,
    retry_after: timedelta | None = None,
) -> None:
    """Try again later, or never if it has been owed too long; nothing where another has claimed it meanwhile."""
    row = session.get_one(Delivery, claim.id, with_for_update=True)
    if row.state != DeliveryState.SENDING or row.attempts != claim.attempts:
        return
    row.outcome = outcome[:500]
    session.add(row)
    if now - row.created_at >= give_up_after and row.attempts >= FEWEST_ATTEMPTS:
        row.state = DeliveryState.DEAD
        return
    wait = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(row.attempts - 1, 20)) * (0.8 + 0.4 * rng.random())
    row.state, row.next_attempt_at = DeliveryState.PENDING, now + max(wait, retry_after or timedelta(0))
