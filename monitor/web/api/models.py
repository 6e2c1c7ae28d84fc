"""The JSON of the API, field by field: the same as ``--json`` prints on the command line (design, 7)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, PlainSerializer

from monitor.spans import iso

Moment = Annotated[
    datetime, PlainSerializer(iso, return_type=str), Field(description="UTC, to the second, with Z.", title="Moment")
]
SeverityWord = Literal["info", "low", "medium", "high", "critical"]
Scope = Literal["read", "act"]


class Problem(BaseModel):
    """Why a request was not done."""

    error: str


class Change(BaseModel):
    id: int
    at: Moment
    happened_at: Moment | None
    kind: str
    severity: SeverityWord
    subject: str = Field(description="A purl, `npm:~account` or `domain:example.org`.")
    title: str
    ecosystem: str
    before: Any
    after: Any
    evidence: dict[str, Any]
    watches: list[str]


class AlertChange(BaseModel):
    id: int | None = Field(description="The change; null for what befalls the watch itself.")
    at: Moment
    happened_at: Moment | None
    kind: str
    severity: SeverityWord
    subject: str
    title: str
    before: Any
    after: Any
    evidence: dict[str, Any]


class Acknowledged(BaseModel):
    by: str
    at: Moment | None
    until: Moment | None
    note: str


class Hidden(BaseModel):
    id: int
    reason: str
    until: Moment


class Reached(BaseModel):
    watch: str
    owner: str = ""
    direct: bool = True
    via: list[str] = []
    versions: list[str] = []


class Alert(BaseModel):
    id: int
    fingerprint: str
    state: Literal["open", "acknowledged", "silenced", "resolved"]
    severity: SeverityWord
    subject: str
    title: str
    reason: str = Field(description="Why it is graver than its parts; empty where it is not.")
    changes: list[AlertChange]
    opened_at: Moment
    resolved_at: Moment | None
    resolved_by: str | None
    acknowledged: Acknowledged | None
    silence: Hidden | None
    watches: list[str]
    reach: list[Reached]
    advice: str


class Event(BaseModel):
    at: Moment
    what: str
    who: str | None
    note: str


class Delivery(BaseModel):
    id: int
    key: str
    channel: str
    kind: str
    title: str
    alerts: list[int]
    state: Literal["pending", "sending", "sent", "dead"]
    created_at: Moment
    sent_at: Moment | None
    attempts: int
    outcome: str
    happened_at: Moment | None
    seconds_from_happening: int | None


class AlertWithLife(Alert):
    events: list[Event]
    deliveries: list[Delivery]


class Silence(BaseModel):
    id: int
    match: dict[str, Any]
    reason: str
    by: str
    starts_at: Moment
    ends_at: Moment
    state: Literal["active", "pending", "ended"]
    hides: int
    worst: SeverityWord | None


class Acceptance(BaseModel):
    id: int
    subject: str
    kind: str
    title: str
    severity: SeverityWord
    at: Moment
    by: str
    note: str


class PackageRow(BaseModel):
    subject: str
    latest: str | None
    maintainers: int | None
    standing: str | None
    deprecated: str | None
    changed_at: Moment | None
    fresh_at: Moment | None
    failing_since: Moment | None
    error: str
    stale: list[str]
    watches: list[str]


class MaintainerRow(BaseModel):
    subject: str
    packages: int
    emails: list[str]
    domains: list[str]


class DomainRow(BaseModel):
    domain: str
    state: str
    expires_at: str | None
    registrar: str | None
    accounts: list[str]
    packages: int
    checked_at: Moment | None
    error: str


class Signal(BaseModel):
    signal: Literal["W1", "W2", "W3", "W4", "W5", "W6"]
    subject: str
    value: Any
    threshold: Any
    since: Moment | None
    watches: list[str]
    name: str
    sentence: str
    raised_at: Moment
    evidence: dict[str, Any]
    means: str
    not_means: str
    advice: str


class Signals(BaseModel):
    items: list[Signal]
    page: int
    pages: int
    total: int


class Shown(BaseModel):
    subject: str
    facts: dict[str, Any] = Field(description="Unknown facts are null, known empty ones empty.")
    signals: list[Signal]
    watches: list[Reached]
    timeline: list[dict[str, Any]]
    freshness: dict[str, Any]


class Failing(BaseModel):
    subject: str
    since: Moment
    error: str
    failures: int


class Source(BaseModel):
    host: str
    state: str
    since: Moment
    last_ok_at: Moment | None
    error: str
    retry_at: Moment | None


class Coverage(BaseModel):
    packages: int
    known: int = Field(description="Packages of which it is known which advisories name them.")
    unknown: int
    as_of: Moment | None


class Leader(BaseModel):
    name: str
    since: Moment
    term: int


class Worker(BaseModel):
    name: str
    since: Moment
    seen: Moment
    alive: bool
    doing: int
    done: int
    configured_as_leader: bool


class Queue(BaseModel):
    queue: str
    waiting: int
    doing: int
    targets: int
    oldest: Moment | None


class Status(BaseModel):
    targets: int
    fresh: int
    stale: int
    overdue: int
    failing_count: int
    failing: list[Failing]
    sources: list[Source]
    advisories: Coverage
    deliveries: dict[str, int]
    silences: list[Silence]
    daemon_alive_at: Moment | None
    leader: Leader | None
    workers: list[Worker]
    queues: list[Queue]


class WatchSource(BaseModel):
    source: str
    targets: int
    failing: int


class Watch(BaseModel):
    watch: str
    owner: str
    targets: int
    direct: int
    dev: int
    packages: int
    failing: int
    never: int
    changed_at: Moment | None
    sources: list[WatchSource]


class FoundTarget(BaseModel):
    subject: str
    sort: str
    watched: bool


class FoundAddress(BaseModel):
    email: str
    account: str


class FoundWatch(BaseModel):
    watch: str
    owner: str


class FoundAlert(BaseModel):
    id: int
    title: str
    severity: SeverityWord
    state: str


class Found(BaseModel):
    targets: list[FoundTarget]
    addresses: list[FoundAddress]
    watches: list[FoundWatch]
    alerts: list[FoundAlert]


class Action(BaseModel):
    """What somebody has to say about an alert."""

    note: str = Field(default="", max_length=1000, pattern=r"^[^\x00]*$")


class Acknowledgement(Action):
    until: str = Field(
        default="", max_length=40, description="When it opens again by itself: `7d`, a date or a time; empty: never."
    )


class NewSilence(BaseModel):
    match: str = Field(min_length=1, max_length=1000, examples=["kind=deprecated watch=shop"])
    until: str = Field(max_length=40, examples=["7d"], description="A duration, a date or a time; within a year.")
    reason: str = Field(max_length=1000, pattern=r"^[^\x00]*$")


class Changes(BaseModel):
    items: list[Change]
    next: int | None = Field(description="The `before` of the next page; null on the last.")


class Alerts(BaseModel):
    items: list[Alert]
    next: int | None = Field(description="The `before` of the next page; null on the last.")


class Deliveries(BaseModel):
    items: list[Delivery]
    next: int | None = Field(description="The `before` of the next page; null on the last.")


class Packages(BaseModel):
    items: list[PackageRow]
    page: int
    pages: int
    total: int


class Maintainers(BaseModel):
    items: list[MaintainerRow]
    page: int
    pages: int
    total: int
