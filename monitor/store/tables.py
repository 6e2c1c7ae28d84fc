"""The tables of the watching. Those of the telling stand in ``alerts.model``.

Facts are stored once per distinct value (``value``), releases are rows that are only added, and a check that finds
nothing new advances two timestamps of its target.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Column, Index, LargeBinary, text
from sqlmodel import Field, SQLModel

from alerts.sqltypes import UtcDateTime


def _moment(*, index: bool = False) -> Column[datetime]:
    return Column(UtcDateTime(), nullable=False, index=index)


def _moment_or_none(*, index: bool = False) -> Column[datetime]:
    return Column(UtcDateTime(), nullable=True, index=index)


_WATCHED = "due_at IS NOT NULL"
_NEWS = "due_at IS NOT NULL AND (awaited_since IS NOT NULL OR suspect IS NOT NULL)"
_STALE = "due_at IS NOT NULL AND (fresh_at IS NULL OR failing_since IS NOT NULL)"


class Value(SQLModel, table=True):
    """A value by its digest: facts of packages and domains, lists of maintainers, dependencies."""

    __tablename__ = "value"
    digest: bytes = Field(sa_column=Column(LargeBinary(16), primary_key=True))
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class Target(SQLModel, table=True):
    """One thing that is watched, when it is due, and how its checks went."""

    __tablename__ = "target"
    # Due targets are taken in this order, and only those that are watched. Those that cannot wait, and
    # those that something is wrong with, are few.
    __table_args__ = (
        Index("target_due", "source", "due_at", sqlite_where=text(_WATCHED), postgresql_where=text(_WATCHED)),
        Index("target_news", "source", "due_at", sqlite_where=text(_NEWS), postgresql_where=text(_NEWS)),
        Index("target_stale", "failing_since", sqlite_where=text(_STALE), postgresql_where=text(_STALE)),
    )
    id: int | None = Field(default=None, primary_key=True)
    subject: str = Field(unique=True, max_length=400)
    sort: str = Field(max_length=12)
    """``package``, ``maintainer`` or ``domain``."""
    source: str = Field(default="", max_length=12)
    """Which source checks it: ``npm``, ``pypi``, ``domain``."""
    listed: bool = True
    """The watchlist names it, or a manifest leads to it; otherwise it follows from a watched package."""
    added_at: datetime = Field(sa_column=_moment())
    due_at: datetime | None = Field(default=None, sa_column=_moment_or_none())
    """Null: not watched any more, or nothing to ask."""
    checked_at: datetime | None = Field(default=None, sa_column=_moment_or_none())
    fresh_at: datetime | None = Field(default=None, sa_column=_moment_or_none())
    """The last check that succeeded."""
    changed_at: datetime | None = Field(default=None, sa_column=_moment_or_none())
    failures: int = 0
    """Failed checks since the last that succeeded."""
    failing_since: datetime | None = Field(default=None, sa_column=_moment_or_none())
    error: str = Field(default="", max_length=500)
    etag: str = Field(default="", max_length=1000)
    last_modified: str = Field(default="", max_length=200)
    digest: str = Field(default="", max_length=200)
    revision: str = Field(default="", max_length=200)
    """Of the document that was read last, as its registry numbers them; ``""`` where it does not."""
    awaited: str = Field(default="", max_length=200)
    """Revision that a feed announced and that no document has shown yet: caches may be minutes behind."""
    awaited_since: datetime | None = Field(default=None, sa_column=_moment_or_none())
    snapshot_id: int | None = None
    """The present snapshot."""
    stale: str = Field(default="", max_length=1000)
    """Facts of it that the last check did not tell, separated by blanks."""
    suspect: bytes | None = Field(default=None, sa_column=Column(LargeBinary(16), nullable=True))
    """Digest of grave changes that a first check saw and a second has yet to confirm (design, 4.3)."""
    suspected_at: datetime | None = Field(default=None, sa_column=_moment_or_none())
    evidence: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    """A domain's last answers, from each source."""
    claim: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    """The job that has its next check (``monitor.engine``); null while none has, and without workers always."""


class Snapshot(SQLModel, table=True):
    """An interval in which a target's facts stayed the same."""

    __tablename__ = "snapshot"
    id: int | None = Field(default=None, primary_key=True)
    target_id: int = Field(foreign_key="target.id", index=True)
    digest: bytes = Field(sa_column=Column(LargeBinary(16), nullable=False))
    first_seen: datetime = Field(sa_column=_moment())
    last_seen: datetime | None = Field(default=None, sa_column=_moment_or_none())
    """Null while it is the present one: the target's ``fresh_at`` says until when it was seen."""


class ReleaseRow(SQLModel, table=True):
    """What a registry said of one version; another row where it later said something else."""

    __tablename__ = "release"
    __table_args__ = (Index("release_of_target", "target_id", "version"),)
    id: int | None = Field(default=None, primary_key=True)
    target_id: int = Field(foreign_key="target.id")
    version: str = Field(max_length=300)
    published_at: datetime | None = Field(default=None, sa_column=_moment_or_none())
    publisher: str = Field(default="", max_length=200)
    first_seen: datetime = Field(sa_column=_moment())
    gone_at: datetime | None = Field(default=None, sa_column=_moment_or_none())
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """What is this release's own: integrity, commit, size."""
    common: bytes = Field(sa_column=Column(LargeBinary(16), nullable=False))
    """Digest of what it shares with its neighbours."""
    maintainers: bytes | None = Field(default=None, sa_column=Column(LargeBinary(16), nullable=True))
    dependencies: bytes | None = Field(default=None, sa_column=Column(LargeBinary(16), nullable=True))


class Dependency(SQLModel, table=True):
    """A release of a watched package depends, or depended once, on a package of that name."""

    __tablename__ = "dependency"
    name: str = Field(primary_key=True, max_length=250)
    target_id: int = Field(primary_key=True, foreign_key="target.id")
    """Of the package that depends."""


class ChangeRow(SQLModel, table=True):
    """One difference between two snapshots, as it was told."""

    __tablename__ = "change"
    __table_args__ = (
        Index("change_of_target", "target_id", "at"),
        Index("change_of_subject", "subject", "at"),
        Index("change_of_account", "account", "kind", "at"),
        Index("change_kind", "kind", "at"),
    )
    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_column=_moment(index=True))
    happened_at: datetime | None = Field(default=None, sa_column=_moment_or_none())
    target_id: int | None = Field(default=None, foreign_key="target.id")
    subject: str = Field(max_length=400)
    kind: str = Field(max_length=60)
    severity: int
    version: str = Field(default="", max_length=300)
    account: str = Field(default="", max_length=200)
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """JSON: before, after, evidence, related."""
    fingerprint: bytes = Field(sa_column=Column(LargeBinary(16), nullable=False, unique=True))
    """Of subject, kind, before, after and the snapshot it followed: the same difference is recorded once."""


class WatchEntry(SQLModel, table=True):
    """One target in one of the user's watches, and how it came there."""

    __tablename__ = "watch_entry"
    watch: str = Field(primary_key=True, max_length=100)
    target_id: int = Field(primary_key=True, foreign_key="target.id", index=True)
    owner: str = Field(default="", max_length=100)
    direct: bool = True
    dev: bool = False
    via: str = Field(default="[]")
    versions: str = Field(default="[]")
    ranges: str = Field(default="[]")
    source: str = Field(default="")


class Membership(SQLModel, table=True):
    """An account that can publish, or has published, a watched package, with the address published for it."""

    __tablename__ = "membership"
    target_id: int = Field(primary_key=True, foreign_key="target.id")
    account: str = Field(primary_key=True, max_length=250, index=True)
    """Subject of the account (``npm:~alice``); ``""`` for an address that belongs to no account (PyPI)."""
    role: str = Field(primary_key=True, max_length=12)
    """``maintainer``, ``publisher`` or ``contact``."""
    email: str = Field(default="", primary_key=True, max_length=320)
    domain: str = Field(default="", max_length=255, index=True)
    """Registrable domain that is watched; ``""`` where there is none to watch."""


class SignalRow(SQLModel, table=True):
    """A weak link that holds, or held, for one target: an interval."""

    __tablename__ = "signal"
    # A target has one open interval of each signal at most.
    __table_args__ = (
        Index(
            "signal_open",
            "target_id",
            "signal",
            unique=True,
            sqlite_where=text("cleared_at IS NULL"),
            postgresql_where=text("cleared_at IS NULL"),
        ),
    )
    id: int | None = Field(default=None, primary_key=True)
    target_id: int = Field(foreign_key="target.id", index=True)
    signal: str = Field(max_length=2)
    """``W1`` to ``W6``."""
    raised_at: datetime = Field(sa_column=_moment())
    """When we saw that it holds."""
    cleared_at: datetime | None = Field(default=None, sa_column=_moment_or_none())
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """What holds (``monitor.signals.model.Holds``), as JSON; rewritten while it holds."""


class Measure(SQLModel, table=True):
    """The number that a signal of a target is judged by, so that it can be judged again without reading documents.

    W1: 1 for a lapsed domain, else 0. W3: seconds since 1970 of the last release, of an account that of any of its
    packages; LP: of the last release that an account published itself. W4 to W6: a count. Null: nothing is known.
    """

    __tablename__ = "measure"
    __table_args__ = (Index("measure_value", "signal", "value"),)
    target_id: int = Field(primary_key=True, foreign_key="target.id")
    signal: str = Field(primary_key=True, max_length=2)
    value: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))


class Portfolio(SQLModel, table=True):
    """What the registry's search said of an account, and when it is asked again."""

    __tablename__ = "portfolio"
    target_id: int = Field(primary_key=True, foreign_key="target.id")
    due_at: datetime = Field(sa_column=_moment(index=True))
    total: int | None = None
    """Packages it can publish; null where no search has told it. Kept when a later question fails."""
    total_at: datetime | None = Field(default=None, sa_column=_moment_or_none())


class AdvisoryRow(SQLModel, table=True):
    """A published advisory that names a watched package."""

    __tablename__ = "advisory"
    id: str = Field(primary_key=True, max_length=100)
    modified: str = Field(default="", max_length=60)
    """As the list wrote it by which it was found: what is listed otherwise is read again."""
    withdrawn: bool = False
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """``monitor.advisories.model.Advisory``, as JSON."""


class AdvisoryPackage(SQLModel, table=True):
    """A package that an advisory names, watched or not."""

    __tablename__ = "advisory_package"
    subject: str = Field(primary_key=True, max_length=400)
    advisory_id: str = Field(primary_key=True, max_length=100, foreign_key="advisory.id", index=True)


class AdvisoryStanding(SQLModel, table=True):
    """How near one thing that advisories report is to the watches of a package."""

    __tablename__ = "advisory_standing"
    target_id: int = Field(primary_key=True, foreign_key="target.id")
    key: str = Field(primary_key=True, max_length=100)
    since: datetime = Field(sa_column=_moment())
    revision: int = 0
    """Begins with the second (since 1970) in which it was first seen, and grows with every change of it."""
    told: bool = False
    """An alert may tell of it."""
    cause: str = Field(default="", max_length=900)
    """Of that alert."""
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """``monitor.advisories.weigh.Standing``, as JSON."""


class AdvisoryAsked(SQLModel, table=True):
    """When it was last learnt which advisories name a package; no row: never, so none are known."""

    __tablename__ = "advisory_asked"
    target_id: int = Field(primary_key=True, foreign_key="target.id")
    asked_at: datetime = Field(sa_column=_moment(index=True))


class SourceHealth(SQLModel, table=True):
    """How a source is doing, for ``status`` from another process."""

    __tablename__ = "source_health"
    host: str = Field(primary_key=True, max_length=255)
    state: str = Field(max_length=12)
    """``up``, ``slowed`` (asked to wait) or ``down`` (the breaker is open)."""
    since: datetime = Field(sa_column=_moment())
    last_ok_at: datetime | None = Field(default=None, sa_column=_moment_or_none())
    error: str = Field(default="", max_length=500)
    retry_at: datetime | None = Field(default=None, sa_column=_moment_or_none())


class HostBudget(SQLModel, table=True):
    """What all processes hold together towards a host that they ask; PostgreSQL only (``monitor.store.budgets``)."""

    __tablename__ = "host_budget"
    host: str = Field(primary_key=True, max_length=300)
    """What it is asked for, and its name: ``npm registry.example``."""
    next_at: datetime = Field(sa_column=_moment())
    """When the next turn is, as the rate has it."""
    slowed_until: datetime | None = Field(default=None, sa_column=_moment_or_none())
    """It asked to be left alone."""
    down_since: datetime | None = Field(default=None, sa_column=_moment_or_none())
    closed_until: datetime | None = Field(default=None, sa_column=_moment_or_none())
    tried_until: datetime | None = Field(default=None, sa_column=_moment_or_none())
    """So long one process tries whether it is back."""
    pause: float
    """Seconds of the next pause."""
    failures: int = 0
    """In a row."""
    error: str = Field(default="", max_length=500)


class HostUser(SQLModel, table=True):
    """A process that asks a host: they divide its connections among them."""

    __tablename__ = "host_user"
    host: str = Field(primary_key=True, max_length=300)
    process: str = Field(primary_key=True, max_length=32)
    seen_at: datetime = Field(sa_column=_moment())


class WorkerRow(SQLModel, table=True):
    """A process that takes jobs from the queues, and how it is doing; it says so every few seconds."""

    __tablename__ = "worker"
    name: str = Field(primary_key=True, max_length=200)
    """``HOST:PID``."""
    started_at: datetime = Field(sa_column=_moment())
    seen_at: datetime = Field(sa_column=_moment())
    """By the database's clock."""
    doing: int = 0
    """Targets that it is checking, and messages that it is sending."""
    done: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    """Results that it recorded since it started."""
    configuration: str = Field(default="", max_length=32)
    """Digest of its settings: another one than the leader's is a mistake of whoever runs it."""


class Meta(SQLModel, table=True):
    """Single values: when the daemon last advanced, cursors of feeds."""

    __tablename__ = "meta"
    name: str = Field(primary_key=True, max_length=60)
    value: str = Field(default="")
