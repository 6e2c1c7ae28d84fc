"""The tables of the telling."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, Index, LargeBinary, text
from sqlmodel import Field, SQLModel

from alerts.sqltypes import Json, UtcDateTime


class AlertState(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class DeliveryState(StrEnum):
    PENDING = "pending"
    SENDING = "sending"
    """Claimed by a deliverer until ``next_attempt_at``; after that it is taken to be dead and claimed again."""
    SENT = "sent"
    DEAD = "dead"
    """Given up after the channel's ``give_up_after``."""


def _moment(*, index: bool = False) -> Column[datetime]:
    return Column(UtcDateTime(), nullable=False, index=index)


def _moment_or_none(*, index: bool = False) -> Column[datetime]:
    return Column(UtcDateTime(), nullable=True, index=index)


class Alert(SQLModel, table=True):
    """What a person must hear about one cause, from its first finding to its end."""

    __tablename__ = "alert"
    # A cause has one open alert at most; its resolved ones stay as they were.
    __table_args__ = (
        Index(
            "alert_open_cause",
            "fingerprint",
            unique=True,
            sqlite_where=text("state <> 'resolved'"),
            postgresql_where=text("state <> 'resolved'"),
        ),
        Index("alert_cause", "cause", postgresql_ops={"cause": "text_pattern_ops"}),
    )
    id: int | None = Field(default=None, primary_key=True)
    fingerprint: str = Field(max_length=32, index=True)
    cause: str = Field(max_length=900)
    subject: str = Field(max_length=400, index=True)
    title: str = Field(max_length=1000)
    severity: int
    state: str = Field(default=AlertState.OPEN, max_length=12, index=True)
    opened_at: datetime = Field(sa_column=_moment(index=True))
    updated_at: datetime = Field(sa_column=_moment())
    resolved_at: datetime | None = Field(default=None, sa_column=_moment_or_none())
    acknowledged_by: str = Field(default="", max_length=100)
    acknowledged_at: datetime | None = Field(default=None, sa_column=_moment_or_none())
    acknowledged_until: datetime | None = Field(default=None, sa_column=_moment_or_none())
    """When it counts as open again by itself; null: not before somebody resolves it or it grows graver."""
    note: str = Field(default="", max_length=1000)
    """What the person who acknowledged or resolved it had to say."""
    resolved_by: str = Field(default="", max_length=100)
    """Empty where it resolved by itself."""
    reopened_at: datetime | None = Field(default=None, sa_column=_moment_or_none())
    silence_id: int | None = None
    """The silence that keeps it from being told now."""
    lasting: bool = False
    """It tells of a state that holds until it is seen to end, not only of things that happened once."""
    revision: int = 1
    """Grows with everything that those who heard of the alert should hear too."""
    reason: str = Field(default="", max_length=1000)
    """Why its severity was raised above that of its findings."""
    watches: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(Json, nullable=False))


class AlertFinding(SQLModel, table=True):
    """One finding that an alert is made of."""

    __tablename__ = "alert_finding"
    id: int | None = Field(default=None, primary_key=True)
    alert_id: int = Field(foreign_key="alert.id", index=True)
    mark: bytes = Field(sa_column=Column(LargeBinary(16), nullable=False))
    """Of subject, kind, before and after: the same finding counts once in one alert."""
    at: datetime = Field(sa_column=_moment())
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """The finding, as JSON."""
    ended_at: datetime | None = Field(default=None, sa_column=_moment_or_none())
    """When what it tells stopped to hold; an alert whose findings have all ended resolves by itself."""


class AlertEvent(SQLModel, table=True):
    """One step in the life of an alert: opened, extended, raised, acknowledged, silenced, resolved, reopened, ….

    What each of them is called stands where it is made: ``alerts.lifecycle``, ``alerts.acting``, ``alerts.silences``.
    """

    __tablename__ = "alert_event"
    id: int | None = Field(default=None, primary_key=True)
    alert_id: int = Field(foreign_key="alert.id", index=True)
    at: datetime = Field(sa_column=_moment())
    what: str = Field(max_length=20)
    who: str = Field(default="", max_length=100)
    note: str = Field(default="", max_length=1000)


class Silence(SQLModel, table=True):
    """Alerts that match are not told until it ends; they are opened, shown and counted all the same."""

    __tablename__ = "silence"
    id: int | None = Field(default=None, primary_key=True)
    match: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    """The matcher, as a route writes it."""
    reason: str = Field(max_length=1000)
    created_by: str = Field(max_length=100)
    created_at: datetime = Field(sa_column=_moment())
    starts_at: datetime = Field(sa_column=_moment())
    ends_at: datetime = Field(sa_column=_moment(index=True))
    """When it ends; the moment of removal for one that was ended by hand."""
    in_force: bool = False
    """Whether the alerts know of it: the daemon compares this with the clock."""


class Acceptance(SQLModel, table=True):
    """One fact that a person knows and finds right: a finding that says exactly this opens no alert again."""

    __tablename__ = "acceptance"
    id: int | None = Field(default=None, primary_key=True)
    mark: bytes = Field(sa_column=Column(LargeBinary(16), nullable=False, unique=True))
    """Of subject, kind, before and after, like the mark of a finding."""
    severity: int
    """The gravest that was accepted: when other things make the same fact graver, it is told."""
    subject: str = Field(max_length=400, index=True)
    kind: str = Field(max_length=40)
    title: str = Field(max_length=1000)
    accepted_at: datetime = Field(sa_column=_moment())
    accepted_by: str = Field(max_length=100)
    note: str = Field(default="", max_length=1000)


class Group(SQLModel, table=True):
    """Alerts that one route tells together, and when it last did: waits and repeats outlive a restart by this."""

    __tablename__ = "notification_group"
    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True, max_length=32)
    """Of the route's matchers and channels and the values grouped by: a reload that leaves a route alone keeps it."""
    route: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    """The route as it was configured when it last took an alert."""
    channels: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    due_at: datetime | None = Field(default=None, sa_column=_moment_or_none(index=True))
    """When it is looked at next; null while there is nothing to tell."""
    sent_at: datetime | None = Field(default=None, sa_column=_moment_or_none())
    serial: int = 0
    """How many messages it has made: part of their idempotency keys."""


class GroupMember(SQLModel, table=True):
    """An alert in a group, and how much of it was told there."""

    __tablename__ = "group_member"
    group_id: int = Field(primary_key=True, foreign_key="notification_group.id")
    alert_id: int = Field(primary_key=True, foreign_key="alert.id", index=True)
    told_revision: int = 0
    told_at: datetime | None = Field(default=None, sa_column=_moment_or_none())
    """When it was first told there; escalation counts from here."""
    escalated: bool = False


class Delivery(SQLModel, table=True):
    """One message to one channel, owed from the transaction that made it until it is sent or given up."""

    __tablename__ = "delivery"
    __table_args__ = (Index("delivery_queue", "state", "channel", "id"), Index("delivery_made", "created_at"))
    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True, max_length=64)
    """The idempotency key: a receiver that sees it twice has the same message twice."""
    channel: str = Field(max_length=100)
    kind: str = Field(max_length=12)
    state: str = Field(default=DeliveryState.PENDING, max_length=10)
    created_at: datetime = Field(sa_column=_moment())
    next_attempt_at: datetime = Field(sa_column=_moment())
    attempts: int = 0
    sent_at: datetime | None = Field(default=None, sa_column=_moment_or_none())
    outcome: str = Field(default="", max_length=500)
    """What the service said to the last attempt, without its address."""
    alerts: list[int] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    happened_at: datetime | None = Field(default=None, sa_column=_moment_or_none())
    """When the first of what it tells for the first time happened at its source: how late people hear is known."""
    message: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """The content model as JSON; rendered for the channel when it is sent."""
