"""How the daemon itself runs: what it keeps and for how long, how often it looks, what it says of its work."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from config import values
from config.settings.fields import Duration, Section, Span, or_empty


class Database(Section):
    url: Annotated[str, AfterValidator(values.check_database_url)] = Field(
        default="sqlite:///weaklink.db",
        repr=False,
        description="Where everything is kept: sqlite:///FILE (relative to this file) or postgresql://….",
    )


class Workers(Section):
    """How work is shared between processes; on PostgreSQL only."""

    in_daemon: bool = Field(default=True, description="The daemon that leads checks and delivers too.")
    jobs: int = Field(
        default=4, ge=1, le=64, description="Jobs of each source that one process does at a time, each of some targets."
    )
    listen: Annotated[str, or_empty(values.check_listen)] = Field(
        default="",
        examples=["127.0.0.1:9185"],
        description="ADDRESS:PORT on which a worker serves /metrics and /healthz; empty: nowhere. "
        "Several on one machine need one each: weaklink worker --listen.",
    )


class Schedule(Section):
    packages: Span = Field(default=timedelta(hours=1), description="How often a package is checked.")
    maintainers: Span = Field(default=timedelta(hours=24), description="How often a maintainer is checked.")
    domains: Span = Field(
        default=timedelta(hours=24), description="How often a domain is checked, far from its expiry."
    )
    sweep: Span = Field(
        default=timedelta(hours=24),
        description="How often a package is checked although a live changes_feed would tell that it changed.",
    )
    timezone: Annotated[str, AfterValidator(values.check_timezone)] = Field(
        default="UTC", description="IANA time zone of cron expressions and quiet hours."
    )
    concurrency: int = Field(default=32, ge=1, le=512, description="Checks under way at the same time.")


Kept = Annotated[Duration, Field(ge=timedelta(days=90))]
"""Rules join what happened within up to ninety days."""


class Retention(Section):
    """How long ``weaklink db prune`` keeps what is over. Nothing else deletes anything."""

    changes: Kept = Field(default=timedelta(days=5 * 365), description="Changes, and signals that were cleared.")
    kinds: dict[str, Kept] = Field(
        default={}, description="Another time for changes of a kind or glob: { release-published = '365d' }."
    )
    alerts: Kept = Field(default=timedelta(days=2 * 365), description="Alerts after they were resolved, and silences.")
    messages: Kept = Field(default=timedelta(days=365), description="Messages after they were sent or given up.")
    snapshots: Kept = Field(default=timedelta(days=5 * 365), description="Facts that were replaced by others.")


LogFormat = Literal["auto", "json", "text"]
LogLevel = Literal["debug", "info", "warning", "error"]


class Log(Section):
    """What the daemon writes to standard error."""

    format: LogFormat = Field(
        default="auto", description="auto: JSON lines for journald, else text; in colours on a terminal."
    )
    level: LogLevel = Field(
        default="info", description="Least level; debug has a line for every check, also where nothing changed."
    )
