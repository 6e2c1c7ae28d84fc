"""Who hears what, where and when."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from config import values
from config.settings.fields import (
    Cron,
    Duration,
    Pattern,
    PatternOrEmpty,
    Section,
    SeverityName,
    Span,
    Url,
    or_empty,
    secretly,
)
from config.severity import Severity


class Channel(Section):
    """Where messages go: one Apprise URL."""

    name: str = Field(min_length=1, max_length=100, examples=["team-mail"], description="What routes call it.")
    url: Annotated[SecretStr, secretly(values.check_channel_url)] = Field(
        examples=["${SLACK_URL}"], description="Any Apprise URL; ${NAME} takes it from the environment or a credential."
    )
    owner: str = Field(
        default="", description="Messages about this owner's watches go here when a route names no channel."
    )
    format: Literal["auto", "text", "markdown", "html", "json"] = Field(
        default="auto", description="auto: what the service shows best."
    )
    per_minute: int = Field(
        default=30, ge=1, le=6000, description="Most messages a minute; more wait in this channel's queue."
    )
    give_up_after: Span = Field(
        default=timedelta(days=3), description="A message that cannot be delivered for so long is dead."
    )


class Match(Section):
    """All that is stated must hold; a list means any of it."""

    severity: Annotated[str, or_empty(values.check_severity_match)] = Field(
        default="", examples=[">=high"], description='">=high", "critical", "<medium".'
    )
    owner: str | tuple[str, ...] = Field(
        default="", examples=["web-team"], description="Owner of a watch that it reaches."
    )
    watch: str | tuple[str, ...] = Field(default="", examples=["shop"], description="Name of a watch that it reaches.")
    kind: str | tuple[str, ...] = Field(
        default="", examples=["domain-expired"], description="What happened: domain-expired, maintainer-added, …."
    )
    subject: PatternOrEmpty | tuple[Pattern, ...] = Field(
        default="", description="Glob: pkg:npm/%40corp/*, domain:*.example."
    )
    ecosystem: str | tuple[str, ...] = Field(default="", examples=["npm"], description="npm or pypi.")


class QuietHours(Section):
    """When only the gravest is told; the rest waits until they end."""

    start: str = Field(
        default="22:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="Time of day, in schedule.timezone."
    )
    end: str = Field(
        default="07:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="Time of day; the next day if earlier."
    )
    days: Annotated[str, AfterValidator(values.check_days)] = Field(
        default="mon-sun", description="Days on which it begins, e.g. mon-fri or sat,sun."
    )
    unless: SeverityName = Field(default=Severity.CRITICAL, description="This severity and above is told all the same.")


class Escalation(Section):
    """Who else hears of what nobody acknowledges."""

    after: Span = Field(examples=["2h"], description="If nobody has acknowledged for so long,")
    channels: tuple[str, ...] = Field(min_length=1, examples=[["team-mail"]], description="these channels hear it too.")


class Route(Section):
    """Who hears what: the first match wins unless ``continue`` is true."""

    match: Match = Field(default=Match(), description="What it is about; empty: everything.")
    channels: tuple[str, ...] = Field(
        default=(), examples=[["team-mail"]], description="Names of channels; empty: the channels of the watch's owner."
    )
    continue_: bool = Field(default=False, alias="continue", description="Go on to the next routes after this one.")
    group_by: tuple[Literal["cause", "subject", "owner", "watch", "kind", "severity", "ecosystem"], ...] = Field(
        default=("cause",), description="What belongs into one message."
    )
    group_wait: Duration = Field(
        default=timedelta(seconds=30), description="Wait for more of a new group before its first message."
    )
    group_interval: Duration = Field(
        default=timedelta(hours=1),
        description="Least time between two messages of one group; what grew graver does not wait for it.",
    )
    repeat: Duration = Field(default=timedelta(hours=24), description="Remind of what is still open; 0s: never.")
    digest: Cron = Field(
        default="", examples=["0 8 * * mon-fri"], description='Collect, and send at these times: "0 8 * * mon-fri".'
    )
    quiet_hours: QuietHours | None = Field(default=None, description="When only the gravest is told.")
    escalate: Escalation | None = Field(default=None, description="Who else hears of what nobody acknowledges.")


class Compound(Section):
    """Small things that together are a great one."""

    name: str = Field(min_length=1, max_length=100, examples=["stolen-token"], description="What it is called.")
    all: tuple[str, ...] = Field(
        min_length=2,
        examples=[["publisher-changed", "install-script-added|install-script-changed"]],
        description="Kinds that must all be seen; 'a|b' means either, 'a>=medium' so grave by itself.",
    )
    within: Span = Field(default=timedelta(days=7), description="Between the first and the last of them.")
    severity: SeverityName = Field(default=Severity.CRITICAL, description="What they are together.")
    reason: str = Field(default="", max_length=500, description="Said in the message.")


class Heartbeat(Section):
    """Says regularly that the watch is alive, so that silence is information."""

    channel: str = Field(default="", description="Channel that hears that weaklink is alive; empty: none.")
    url: Url = Field(
        default="", repr=False, description="URL that is requested at each heartbeat, for a dead man's switch."
    )
    at: Annotated[str, AfterValidator(values.check_cron)] = Field(default="0 9 * * *", description="Cron expression.")
