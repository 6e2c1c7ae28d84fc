"""Alerts over a store in memory: months in milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import update
from sqlmodel import Session, col, select

from alerts import acting, reading, silences
from alerts.dispatch import due_notifications
from alerts.findings import Finding, Reach
from alerts.lifecycle import take
from alerts.matching import parse_match
from alerts.messages.content import Coming, Message
from alerts.model import Alert, Delivery, DeliveryState
from alerts.muting import Inhibition
from alerts.routing import Policy
from config.settings import Channel, Route
from config.severity import Severity

NOW = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def finding(name: str = "alice", **other: Any) -> Finding:
    values: dict[str, Any] = {
        "subject": "pkg:npm/express",
        "kind": "maintainer-added",
        "severity": Severity.MEDIUM,
        "cause": f"account:npm:~{name}",
        "at": NOW,
        "title": f"{name} can now publish express",
        "after": name,
        "change_id": 1,
        "reach": (Reach(watch="shop", owner="web-team"),),
    }
    return Finding(**{**values, **other})


def state(subject: str = "source:npm.example", **other: Any) -> Finding:
    """A state that is reported again and again, as the watch reports its own troubles."""
    values = {"kind": "source-down", "cause": f"source-down:{subject}", "lasting": True, "change_id": None}
    return finding(subject=subject, title=f"{subject} is down", after=None, **{**values, **other})


class Desk:
    """Alerts over one store, at moments that the test chooses."""

    def __init__(self, session: Session, **route: Any) -> None:
        self.session = session
        self.now = NOW
        told: dict[str, Any] = {"channels": ["mail"], "group_wait": "0s", "group_interval": "0s", "repeat": "0s"}
        self.policy = Policy(
            routes=(Route.model_validate(told | route),),
            inhibitions=(Inhibition(kind="target-failing", by="source:"),),
        )
        self.coming: list[Coming] = []
        self.arrives = True
        """Whether the channels take what they are sent."""

    def finds(self, *findings: Finding, after: timedelta = HOUR) -> list[Alert]:
        self.now += after
        taken = take(self.session, findings, recent=[], policy=self.policy, now=self.now)
        self.passes(MINUTE)
        return taken

    def passes(self, time: timedelta) -> None:
        self.now += time
        if silences.review_due(self.session, self.now):
            silences.review(self.session, self.now)
        if acting.review_due(self.session, self.now, self.policy.settle_after):
            acting.review(self.session, self.now, self.policy.settle_after)
        due_notifications(self.session, self.policy, self.now, lambda _session, _now: self.coming)
        if self.arrives:
            sent = {"state": DeliveryState.SENT, "sent_at": self.now}
            self.session.execute(update(Delivery).where(col(Delivery.sent_at).is_(None)).values(sent))
        self.session.commit()

    def told(self) -> list[str]:
        return [row.kind for row in self.session.exec(select(Delivery).order_by(Delivery.id))]  # type: ignore[arg-type]

    def names_channels(self, *names: str, **route: Any) -> None:
        """From now on, the configuration has these channels, and one route to them."""
        channels = tuple(Channel.model_validate({"name": name, "url": "json://127.0.0.1/"}) for name in names)
        told: dict[str, Any] = {"channels": names, "group_wait": "0s", "group_interval": "0s", "repeat": "0s"}
        routes = (Route.model_validate(told | route),)
        self.policy = msgspec.structs.replace(self.policy, channels=channels, routes=routes)

    def heard(self) -> list[tuple[str, str]]:
        """The kind of each message, and its channel."""
        return [(row.kind, row.channel) for row in self.session.exec(select(Delivery).order_by(Delivery.id))]  # type: ignore[arg-type]

    def last(self) -> Message:
        row = self.session.exec(select(Delivery).order_by(Delivery.id.desc())).first()  # type: ignore[union-attr]
        assert row is not None
        return msgspec.json.decode(row.message, type=Message)

    def alert(self) -> dict[str, Any]:
        return reading.alerts_json(self.session)[0]

    def events(self, number: int = 1) -> list[str]:
        return [event["what"] for event in reading.events_json(self.session, number)]

    def silence(self, matcher: str, hours: float = 48, **other: Any) -> Any:
        told: dict[str, Any] = {"reason": "planned", "who": "bob", "starts_at": self.now, "now": self.now}
        ends = self.now + hours * HOUR
        made = silences.add(self.session, parse_match([matcher]), ends_at=ends, **(told | other))
        self.session.commit()
        return made
