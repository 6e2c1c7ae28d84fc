"""The models of ``weaklink.toml``: every key, its meaning and its default.

The JSON Schema that editors use and the reference in ``docs/configuration.md`` come from the descriptions here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    WithJsonSchema,
)

from config import values
from config.names import parse_account, parse_domain, parse_package
from config.severity import Severity

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION: Final = re.compile(r"([0-9]{1,6})\s*([smhdw])")
_LONGEST: Final = timedelta(days=36_500)


def parse_duration(value: Any) -> timedelta:
    """``"30s"``, ``"1h"``, ``"7d"``, also combined (``"1h30m"``); ValueError says how to write one."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and value and not _DURATION.sub("", value).strip():
        seconds = sum(int(number) * _UNITS[unit] for number, unit in _DURATION.findall(value))
        if seconds > _LONGEST.total_seconds():
            raise ValueError(f"{value[:40]!r} is longer than a hundred years; write for example 7d or 52w")
        return timedelta(seconds=seconds)
    raise ValueError(f"{str(value)[:40]!r} is no duration; write for example 30s, 15m, 1h, 7d or 1h30m")


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

Span = Annotated[Duration, Field(ge=timedelta(seconds=1))]
"""A duration that is not nothing."""

SeverityName = Annotated[
    Severity,
    BeforeValidator(lambda value: Severity.parse(value) if isinstance(value, str) else value),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "enum": [str(severity) for severity in Severity]}),
]


def _named(check: Callable[[str], str]) -> AfterValidator:
    """``check`` judges; what is kept is the user's own spelling."""

    def judged(text: str) -> str:
        check(text)
        return text

    return AfterValidator(judged)


def _or_empty(check: Callable[[str], str]) -> AfterValidator:
    return AfterValidator(lambda text: check(text) if text else text)


def _secretly(check: Callable[[str], str]) -> AfterValidator:
    """For a ``SecretStr``: ``check`` must not repeat what it is given."""

    def judged(secret: SecretStr) -> SecretStr:
        check(secret.get_secret_value())
        return secret

    return AfterValidator(judged)


Url = Annotated[str, _or_empty(values.check_http_url)]
Cron = Annotated[str, _or_empty(values.check_cron)]
Pattern = Annotated[str, AfterValidator(values.check_pattern)]
PatternOrEmpty = Annotated[str, _or_empty(values.check_pattern)]


class Section(BaseModel):
    """A table of the file: an unknown key is an error, and nothing is changed once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


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


class HttpLimits(Section):
    requests_per_second: float = Field(default=25.0, gt=0, le=10_000, description="Most requests a second to one host.")
    connections: int = Field(default=16, ge=1, le=256, description="Most connections to one host.")
    timeout: Span = Field(default=timedelta(seconds=60), description="Deadline of one request, retries included.")
    max_body: int = Field(
        default=128 * 1024 * 1024,
        ge=1024,
        description="Most bytes of one reply, expanded; on the wire a quarter of it.",
    )


class NpmRegistry(HttpLimits):
    url: Url = Field(
        default="", repr=False, description="Base URL. Default: .npmrc, then the default registry of the npm purl type."
    )
    scopes: dict[str, Url] = Field(
        default={}, repr=False, description="Base URL for a scope: { '@corp' = 'https://npm.corp.example/' }."
    )
    changes_feed: Url = Field(
        default="", repr=False, description="URL of the registry's _changes feed; empty: polling only."
    )
    changes_every: Span = Field(default=timedelta(seconds=3), description="How often the feed is asked.")
    searches_per_minute: float = Field(
        default=6.0, ge=0, le=600, description="W6: most searches for maintainers a minute; 0: count what is watched."
    )
    npmrc: str = Field(default="", description="An .npmrc to read besides the user's; relative to this file.")


class PypiRegistry(HttpLimits):
    url: Url = Field(
        default="",
        repr=False,
        description="Base URL. Default: pip's configuration, then the default of the pypi purl type.",
    )
    changes_feed: Url = Field(
        default="", repr=False, description="URL of the index's XML-RPC journal; empty: polling only."
    )
    changes_every: Span = Field(default=timedelta(seconds=10), description="How often the journal is asked.")


class Registries(Section):
    npm: NpmRegistry = Field(default=NpmRegistry(), description="npm packages.")
    pypi: PypiRegistry = Field(default=PypiRegistry(), description="Python packages.")


class Domains(Section):
    nameservers: tuple[Annotated[str, AfterValidator(values.check_nameserver)], ...] = Field(
        default=(),
        examples=[["192.0.2.53", "192.0.2.54:5353"]],
        description="Resolvers as ADDRESS or ADDRESS:PORT. Default: the system's. A negative answer needs two.",
    )
    rdap_bootstrap: Url = Field(default="", description="URL of the RDAP bootstrap table. Default: IANA's.")
    whois_server: Annotated[str, _or_empty(values.check_server)] = Field(
        default="", description="HOST:PORT that is asked for every domain. Default: by top-level domain."
    )
    warn_days: tuple[Annotated[int, Field(ge=0, le=3650)], ...] = Field(
        default=(60, 30, 14, 7, 1), description="Warn this many days before a domain expires."
    )
    requests_per_second: float = Field(
        default=1.0, gt=0, le=1000, description="Most questions a second to one RDAP or WHOIS server."
    )
    timeout: Span = Field(default=timedelta(seconds=15), description="Deadline of one question.")


class Advisories(HttpLimits):
    """Published advisories about what is watched, from OSV: malicious packages first."""

    enabled: bool = Field(default=False, description="Follow advisories. Off by default: it asks one more host.")
    source: Literal["auto", "api", "dumps"] = Field(
        default="auto",
        description="api: ask for the watched names. dumps: read each ecosystem's whole list, which tells nobody what "
        "is watched. auto: api for up to 5,000 packages of the public registries, else dumps.",
    )
    api_url: Annotated[str, AfterValidator(values.check_http_url)] = Field(
        default="https://api.osv.dev/", repr=False, description="Base URL of the API."
    )
    dumps_url: Annotated[str, AfterValidator(values.check_http_url)] = Field(
        default="https://osv-vulnerabilities.storage.googleapis.com/",
        repr=False,
        description="Base URL of the dumps: npm/all.zip, npm/modified_id.csv, ….",
    )
    every: Span = Field(default=timedelta(minutes=15), description="How often what is new is asked for.")
    mirror: bool = Field(
        default=False,
        description="The registries in use are mirrors of the public ones: their names may be asked for at the API. "
        "Names of a scope with a registry of its own are never asked for.",
    )
    requests_per_second: float = Field(default=10.0, gt=0, le=10_000, description="Most requests a second to one host.")
    largest_dump: int = Field(
        default=2 * 1024**3, ge=1024, description="Most bytes of a dump; expanded, twenty times as many."
    )


class WebToken(Section):
    """Who may see the pages and the API, and who may act there."""

    name: str = Field(
        min_length=1, max_length=100, examples=["alice"], description="Whose it is; recorded with every action."
    )
    secret: Annotated[SecretStr, _secretly(values.check_token)] = Field(
        examples=["${WEB_TOKEN}"],
        description="At least 16 characters; ${NAME} takes it from the environment or a credential.",
    )
    scopes: tuple[Literal["read", "act"], ...] = Field(
        default=("read",), min_length=1, description="read sees everything; act also acknowledges, silences, resolves."
    )


class WebProxy(Section):
    """A reverse proxy that signs people in (OIDC) and says in a header who they are."""

    trusted: tuple[Annotated[str, AfterValidator(values.check_network)], ...] = Field(
        min_length=1,
        examples=[["127.0.0.1"]],
        description="Addresses or networks of the proxy; from anywhere else its headers are ignored.",
    )
    user_header: Annotated[str, AfterValidator(values.check_header_name)] = Field(
        default="X-Forwarded-User", description="Header with the person's name. The proxy must remove it from requests."
    )
    groups_header: Annotated[str, AfterValidator(values.check_header_name)] = Field(
        default="X-Forwarded-Groups", description="Header with the person's groups, separated by commas."
    )
    act_groups: tuple[str, ...] = Field(
        default=(), description="Members of these groups may act; empty: everybody whom the proxy lets through."
    )


class Web(Section):
    listen: Annotated[str, _or_empty(values.check_listen)] = Field(
        default="127.0.0.1:8330", description="ADDRESS:PORT of the pages; empty turns them off."
    )
    url: Url = Field(default="", description="Address under which people reach the pages; links in messages use it.")
    token: tuple[WebToken, ...] = Field(
        default=(), description="Who may see the pages and act there; without any, everybody on this machine."
    )
    proxy: WebProxy | None = Field(default=None, description="A reverse proxy that signs people in.")


class Watch(Section):
    """A group of dependencies that belong together, usually one project."""

    name: str = Field(min_length=1, max_length=100, examples=["shop"], description="Name of the project or group.")
    owner: str = Field(default="", max_length=100, description="Who looks after it; routes match on it.")
    packages: tuple[Annotated[str, _named(parse_package)], ...] = Field(
        default=(),
        examples=[["npm:express", "pypi:requests"]],
        description='Packages: "npm:express", "pkg:npm/%40babel/core", "pypi:requests".',
    )
    manifests: tuple[Pattern, ...] = Field(
        default=(),
        examples=[["../shop/package-lock.json"]],
        description="Lock files, manifests, SBOMs, folders or globs, relative to this file.",
    )
    root: PatternOrEmpty = Field(
        default="",
        examples=["/srv/checkouts"],
        description="Folder out of which no include, workspace or link of the manifests may lead; default: the "
        "repository of each, or the folder that is watched.",
    )
    depth: Literal["all", "direct"] = Field(
        default="all", description="Watch what the manifests lead to, or direct dependencies only."
    )
    dev: bool = Field(default=True, description="Watch development dependencies too.")
    maintainers: tuple[Annotated[str, _named(parse_account)], ...] = Field(
        default=(), examples=[["npm:~some-account"]], description='Accounts: "npm:~some-account".'
    )
    domains: tuple[Annotated[str, _named(parse_domain)], ...] = Field(
        default=(), examples=[["example.org"]], description='Domains: "example.org".'
    )


class Channel(Section):
    """Where messages go: one Apprise URL."""

    name: str = Field(min_length=1, max_length=100, examples=["team-mail"], description="What routes call it.")
    url: Annotated[SecretStr, _secretly(values.check_channel_url)] = Field(
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

    severity: Annotated[str, _or_empty(values.check_severity_match)] = Field(
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


class Thresholds(Section):
    """When a signal holds. The study gives means of top slices for W4 to W6, not cut-offs."""

    inactive_after: Span = Field(
        default=timedelta(days=730), description="W3: no release for so long (the study: two years)."
    )
    maintainers: int = Field(default=20, ge=2, description="W4: this many maintainers or more.")
    contributors: int = Field(default=40, ge=2, description="W5: this many contributors or more.")
    packages_per_maintainer: int = Field(
        default=180, ge=2, description="W6: this many packages of one account or more."
    )
    percentile: float = Field(
        default=99.0, gt=50, lt=100, description="W4-W6: and at or above this percentile of what is watched."
    )
    failing_after: Span = Field(default=timedelta(hours=12), description="target-failing: no good check for so long.")
    source_down_after: Span = Field(default=timedelta(minutes=15), description="source-down: no answer for so long.")
    delivery_failing_after: Span = Field(
        default=timedelta(minutes=30), description="delivery-failing: a channel took no message for so long."
    )
    settle_after: Span = Field(
        default=timedelta(days=30),
        description="An open alert of severity medium or below, about something that happened once, closes by itself "
        "after so long without news.",
    )
    burst_packages: int = Field(
        default=3, ge=2, description="release-burst: so many packages of one account in an hour."
    )
    young_dependency: Duration = Field(
        default=timedelta(days=7), description="dependency-added: a package younger than this is graver."
    )


Weight = Annotated[float, Field(ge=0, le=1000)]


class Risk(Section):
    """What each factor weighs in ``weaklink risk``: it adds its weight times its measure, 0 to 1; weight 0 is off."""

    lapsed_domain: Weight = Field(
        default=40.0,
        description="A published address is on a lapsed domain: 0.5 where it has expired, 1 where it is free.",
    )
    expiring_domain: Weight = Field(
        default=10.0, description="Such a domain expires within 60 days; 1 on the day itself."
    )
    throw_away_address: Weight = Field(default=15.0, description="A published address is on a throw-away mail domain.")
    packages: Weight = Field(
        default=30.0, description="Accounts: watched packages it can publish, on a scale that is 1 from 50 on."
    )
    reach: Weight = Field(default=20.0, description="Your watches that it reaches, on a scale that is 1 from ten on.")
    sole_maintainer: Weight = Field(
        default=10.0,
        description="One account alone can publish it; for an account: how many such, 1 from ten on.",
    )
    install_script: Weight = Field(
        default=15.0, description="It runs an install script that reads as harmless (0.3), unclear (0.6), alarming (1)."
    )
    silence: Weight = Field(
        default=15.0,
        description="W3 holds, or an account published nothing itself for so long: 0.5 from the "
        "threshold on, and more with every year, up to 1.",
    )
    silent_maintainers: Weight = Field(
        default=10.0,
        description="Packages: the share of the maintainers for whom W3 holds, or who published nothing for so long.",
    )
    maintainers: Weight = Field(default=5.0, description="W4 holds.")
    contributors: Weight = Field(default=2.0, description="W5 holds.")
    overloaded: Weight = Field(default=5.0, description="W6 holds, for the account or for one of the maintainers.")


class Heartbeat(Section):
    """Says regularly that the watch is alive, so that silence is information."""

    channel: str = Field(default="", description="Channel that hears that weaklink is alive; empty: none.")
    url: Url = Field(
        default="", repr=False, description="URL that is requested at each heartbeat, for a dead man's switch."
    )
    at: Annotated[str, AfterValidator(values.check_cron)] = Field(default="0 9 * * *", description="Cron expression.")


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


class Settings(Section):
    """The whole of ``weaklink.toml``."""

    include: tuple[Pattern, ...] = Field(
        default=(), examples=[["watch.d/*.toml"]], description='More files with [[watch]] tables: ["watch.d/*.toml"].'
    )
    database: Database = Field(default=Database(), description="Where everything is kept.")
    workers: Workers = Field(default=Workers(), description="How work is shared between processes; on PostgreSQL only.")
    schedule: Schedule = Field(default=Schedule(), description="How often things are checked.")
    registries: Registries = Field(default=Registries(), description="Where packages come from.")
    domains: Domains = Field(default=Domains(), description="How domains are looked up.")
    advisories: Advisories = Field(default=Advisories(), description="Published advisories, from OSV.")
    web: Web = Field(default=Web(), description="The local pages.")
    log: Log = Field(default=Log(), description="What the daemon says of its work, and how.")
    thresholds: Thresholds = Field(default=Thresholds(), description="When a signal holds.")
    risk: Risk = Field(default=Risk(), description="What each factor weighs in the ranking of weaklink risk.")
    severity: dict[str, SeverityName] = Field(
        default={}, description="Another severity for a kind: { release-published = 'low' }."
    )
    watch: tuple[Watch, ...] = Field(default=(), description="What is watched: one [[watch]] table for each project.")
    channel: tuple[Channel, ...] = Field(default=(), description="Where messages go: one [[channel]] table each.")
    route: tuple[Route, ...] = Field(default=(), description="Who hears what: [[route]] tables, the first match wins.")
    compound: tuple[Compound, ...] = Field(
        default=(), description="More rules by which small things together are grave."
    )
    retention: Retention = Field(default=Retention(), description="How long what is over is kept.")
    heartbeat: Heartbeat | None = Field(default=None, description="Says regularly that the watch is alive.")
