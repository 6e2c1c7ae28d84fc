"""Channels that do not take what they are sent: each is seen, whatever the others owe."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from sqlmodel import Session

from alerts import outbox
from alerts.messages.content import Message
from alerts.model import Delivery
from tests.unit.alerts.desk import HOUR, NOW


def owe(session: Session, channel: str, number: int, age: timedelta) -> None:
    at = NOW - age
    message = msgspec.json.encode(Message(kind="first", severity="high", title="x", thread="t", at=at))
    owed = {"created_at": at, "next_attempt_at": at, "outcome": "500", "message": message}
    session.add(Delivery(key=f"{channel}:{number}", channel=channel, kind="first", **owed))
    session.flush()


def test_a_channel_that_owes_much_hides_no_other_that_fails(session: Session) -> None:
    owe(session, "mail", 0, 5 * HOUR)
    for number in range(2 * outbox.HELD_UP + 1):
        owe(session, "chat", number, 4 * HOUR)
    found = outbox.failing_channels(session, ["chat", "mail", "pager"], NOW - HOUR)
    assert {name: one.waiting for name, one in found.items()} == {"chat": outbox.HELD_UP, "mail": 1}
    assert outbox.failing_channels(session, [], NOW) == {}
