"""The models of ``weaklink.toml``: every key, its meaning and its default.

The JSON Schema that editors use and the reference in ``docs/configuration.md`` come from the descriptions here.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, SecretStr, WithJsonSchema

from config.severity import Severity

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION: Final = re.compile(r"(\d{1,6})\s*([smhdw])")


def parse_duration(value: Any) -> timedelta:
    """``"30s"``, ``"1h"``, ``"7d"``, also combined (``"1h30m"``); ValueError says how to write one."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and value and not _DURATION.sub("", value).strip():
        return timedelta(seconds=sum(int(n) * _UNITS[u] for n, u in _DURATION.findall(value)))
    raise ValueError(f"{value!r} is no duration; write for example 30s, 15m, 1h, 7d or 1h30m")


def format_duration(value: timedelta) -> str:
    """The inverse of ``parse_duration``: ``timedelta(minutes=90)`` is ``"1h30m"``."""
    left, parts = int(value.total_seconds()), []
    for unit, seconds in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, seconds)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^(\d{1,6}\s*[smhdw]\s*)+$", "examples": ["30s", "1h", "7d"]}),
]

SeverityName = Annotated[
    Severity,
    BeforeValidator(lambda value: Severity.parse(value) if isinstance(value, str) else value),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "enum": [str(severity) for severity in Severity]}),
]


class Section(BaseModel):
    """A table of the file: an unknown key is an error, and nothing is changed once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Database(Section):
    url: str = Field(
        "sqlite:///weaklink.db",
        description="Where everything is kept: sqlite:///FILE (relative to this file) or postgresql://….",
    )


class Schedule(Section):
    packages: Duration = Field(timedelta(hours=1), description="How often a package is checked.")
    maintainers: Duration = Field(timedelta(hours=24), description="How often a maintainer is checked.")
    domains: Duration = Field(timedelta(hours=24), description="How often a domain is checked, far from its expiry.")
    timezone: str = Field("UTC", description="IANA time zone of cron expressions and quiet hours.")
    concurrency: int = Field(32, ge=1, le=512, description="Checks under way at the same time.")


class HttpLimits(Section):
    requests_per_second: float = Field(25.0, gt=0, le=10_000, description="Most requests a second to one host.")
    connections: int = Field(16, ge=1, le=256, description="Most connections to one host.")
    timeout: Duration = Field(timedelta(seconds=60), description="Deadline of one request, retries included.")
    max_body: int = Field(
        128 * 1024 * 1024,
        ge=1024,
        description="Most bytes of one reply, expanded; on the wire a quarter of it.",
    )


class NpmRegistry(HttpLimits):
    url: str = Field("", description="Base URL. Default: .npmrc, then the default registry of the npm purl type.")
    scopes: dict[str, str] = Field({}, description="Base URL for a scope: { '@corp' = 'https://npm.corp.example/' }.")
    changes_feed: str = Field("", description="URL of the registry's _changes feed; empty: polling only.")
    npmrc: str = Field("", description="An .npmrc to read besides the user's; relative to this file.")


class PypiRegistry(HttpLimits):
    url: str = Field("", description="Base URL. Default: pip's configuration, then the default of the pypi purl type.")
    changes_feed: str = Field("", description="URL of the index's changelog; empty: polling only.")


class Registries(Section):
    npm: NpmRegistry = NpmRegistry()  # type: ignore[call-arg]
    pypi: PypiRegistry = PypiRegistry()  # type: ignore[call-arg]


class Domains(Section):
    nameservers: tuple[str, ...] = Field(
        (),
        description="Resolvers as ADDRESS or ADDRESS:PORT. Default: the system's. A negative answer needs two.",
    )
    rdap_bootstrap: str = Field("", description="URL of the RDAP bootstrap table. Default: IANA's.")
    whois_server: str = Field("", description="HOST:PORT that is asked for every domain. Default: by top-level domain.")
    warn_days: tuple[int, ...] = Field((60, 30, 14, 7, 1), description="Warn this many days before a domain expires.")
    requests_per_second: float = Field(
        1.0, gt=0, le=1000, description="Most questions a second to one RDAP or WHOIS server."
    )
    timeout: Duration = Field(timedelta(seconds=15), description="Deadline of one question.")


class Web(Section):
    listen: str = Field("127.0.0.1:8330", description="ADDRESS:PORT of the pages; empty turns them off.")
    url: str = Field("", description="Address under which people reach the pages; links in messages use it.")


class Watch(Section):
    """A group of dependencies that belong together, usually one project."""

    name: str = Field(min_length=1, max_length=100, description="Name of the project or group.")
    owner: str = Field("", max_length=100, description="Who looks after it; routes match on it.")
    packages: tuple[str, ...] = Field(
        (), description='Packages: "npm:express", "pkg:npm/%40babel/core", "pypi:requests".'
    )
    manifests: tuple[str, ...] = Field(
        (), description="Lock files, manifests, SBOMs, folders or globs, relative to this file."
    )
    depth: Literal["all", "direct"] = Field(
        "all", description="Watch what the manifests lead to, or direct dependencies only."
    )
    dev: bool = Field(True, description="Watch development dependencies too.")
    maintainers: tuple[str, ...] = Field((), description='Accounts: "npm:~some-account".')
    domains: tuple[str, ...] = Field((), description='Domains: "example.org".')


class Channel(Section):
    name: str = Field(min_length=1, max_length=100)
    url: SecretStr = Field(description="Any Apprise URL; ${NAME} takes it from the environment or a credential.")
    owner: str = Field("", description="Messages about this owner's watches go here when a route names no channel.")
    format: Literal["auto", "text", "markdown", "html", "json"] = Field(
        "auto", description="auto: what the service shows best."
    )
    per_minute: int = Field(30, ge=1, le=6000, description="Most messages a minute; more wait in this channel's queue.")
    give_up_after: Duration = Field(
        timedelta(days=3), description="A message that cannot be delivered for so long is dead."
    )


class Match(Section):
    """All that is stated must hold; a list means any of it."""

    severity: str = Field("", description='">=high", "critical", "<medium".')
    owner: str | tuple[str, ...] = ""
    watch: str | tuple[str, ...] = ""
    kind: str | tuple[str, ...] = ""
    subject: str | tuple[str, ...] = Field("", description="Glob: pkg:npm/%40corp/*, domain:*.example.")
    ecosystem: str | tuple[str, ...] = ""


class QuietHours(Section):
    start: str = Field("22:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    end: str = Field("07:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    days: str = Field("mon-sun", description="Days on which it begins, e.g. mon-fri or sat,sun.")
    unless: SeverityName = Field(Severity.CRITICAL, description="This severity and above is told all the same.")


class Escalation(Section):
    after: Duration = Field(description="If nobody has acknowledged for so long,")
    channels: tuple[str, ...] = Field(min_length=1, description="these channels hear it too.")


class Route(Section):
    """Who hears what: the first match wins unless ``continue`` is true."""

    match: Match = Match()  # type: ignore[call-arg]
    channels: tuple[str, ...] = Field((), description="Names of channels; empty: the channels of the watch's owner.")
    continue_: bool = Field(False, alias="continue", description="Go on to the next routes after this one.")
    group_by: tuple[Literal["cause", "subject", "owner", "watch", "kind", "severity", "ecosystem"], ...] = ("cause",)
    group_wait: Duration = Field(
        timedelta(seconds=30), description="Wait for more of a new group before its first message."
    )
    group_interval: Duration = Field(timedelta(minutes=5), description="Least time between two messages of one group.")
    repeat: Duration = Field(timedelta(hours=24), description="Remind of what is still open; 0s: never.")
    digest: str = Field("", description='Collect, and send at these times: "0 8 * * mon-fri".')
    quiet_hours: QuietHours | None = None
    escalate: Escalation | None = None


class Compound(Section):
    """Small things that together are a great one."""

    name: str = Field(min_length=1, max_length=100)
    all: tuple[str, ...] = Field(min_length=2, description="Kinds that must all be seen; 'a|b' means either.")
    within: Duration = Field(timedelta(days=7), description="Between the first and the last of them.")
    severity: SeverityName = Severity.CRITICAL
    reason: str = Field("", max_length=500, description="Said in the message.")


class Thresholds(Section):
    """When a signal holds. The study gives means of top slices for W4 to W6, not cut-offs."""

    inactive_after: Duration = Field(
        timedelta(days=730), description="W3: no release for so long (the study: two years)."
    )
    maintainers: int = Field(20, ge=2, description="W4: this many maintainers or more.")
    contributors: int = Field(40, ge=2, description="W5: this many contributors or more.")
    packages_per_maintainer: int = Field(180, ge=2, description="W6: this many packages of one account or more.")
    percentile: float = Field(
        99.0, gt=50, lt=100, description="W4-W6: and at or above this percentile of what is watched."
    )
    burst_packages: int = Field(5, ge=2, description="release-burst: so many packages of one account in an hour.")
    young_dependency: Duration = Field(
        timedelta(days=7), description="dependency-added: a package younger than this is graver."
    )


class Heartbeat(Section):
    channel: str = Field("", description="Channel that hears that weaklink is alive; empty: none.")
    url: str = Field("", description="URL that is requested at each heartbeat, for a dead man's switch.")
    at: str = Field("0 9 * * *", description="Cron expression.")


class Settings(Section):
    """The whole of ``weaklink.toml``."""

    include: tuple[str, ...] = Field((), description='More files with [[watch]] tables: ["watch.d/*.toml"].')
    database: Database = Database()  # type: ignore[call-arg]
    schedule: Schedule = Schedule()  # type: ignore[call-arg]
    registries: Registries = Registries()
    domains: Domains = Domains()  # type: ignore[call-arg]
    web: Web = Web()  # type: ignore[call-arg]
    thresholds: Thresholds = Thresholds()  # type: ignore[call-arg]
    severity: dict[str, SeverityName] = Field(
        {}, description="Another severity for a kind: { release-published = 'low' }."
    )
    watch: tuple[Watch, ...] = ()
    channel: tuple[Channel, ...] = ()
    route: tuple[Route, ...] = ()
    compound: tuple[Compound, ...] = ()
    heartbeat: Heartbeat | None = None
