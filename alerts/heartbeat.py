"""Saying regularly that the watch is alive, so that silence is information."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final

import msgspec
from sqlmodel import Session, col, select

from alerts.messages.content import Message
from alerts.model import Delivery
from config.settings import Heartbeat
from config.values import cron_trigger

KIND: Final = "heartbeat"
WORTH_FOR: Final = timedelta(hours=1)
"""A heartbeat that could not be delivered for so long says nothing any more."""
URL: Final = "heartbeat url"
"""The channel of the outbox that stands for ``heartbeat.url``; no channel of the configuration is shown by it."""


def due_since(
    session: Session, heartbeat: Heartbeat, timezone: str, started: datetime, now: datetime
) -> datetime | None:
    """The last planned time, if no heartbeat was made since then; None while there is nothing to say.

    A daemon that was stopped for a week says that it is alive once, and only when the next time comes.
    """
    made = select(Delivery.created_at).where(col(Delivery.kind) == KIND).order_by(col(Delivery.id).desc())
    last = session.exec(made.limit(1)).first()
    # One of the future was made before the clock was put back.
    previous = last if last is not None and started <= last <= now else None
    planned = cron_trigger(heartbeat.at, timezone).next(previous or started, exclusive=previous is not None)
    return planned if planned is not None and planned <= now else None


def owe(session: Session, heartbeat: Heartbeat, words: str, planned: datetime, now: datetime) -> int:
    """Owe the heartbeat of this time to its channel and its URL; how many."""
    wanted = [name for name, asked in ((heartbeat.channel, heartbeat.channel), (URL, heartbeat.url)) if asked]
    message = msgspec.json.encode(
        Message(kind=KIND, severity="info", title="weaklink is alive", text=words, thread="heartbeat", at=now)
    )
    for channel in wanted:
        # With the moment: a time may come twice when the clock is put back.
        named = f"heartbeat:{channel}:{planned.isoformat()}:{now.isoformat()}"
        key = blake2b(named.encode(), digest_size=16).hexdigest()
        session.add(Delivery(key=key, channel=channel, kind=KIND, created_at=now, next_attempt_at=now, message=message))
    return len(wanted)
