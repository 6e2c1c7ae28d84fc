"""The models of ``weaklink.toml``: every key, its meaning and its default.

The JSON Schema that editors use and the reference in ``docs/configuration.md`` come from the descriptions here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from config.names import parse_account, parse_domain, parse_package
from config.settings.fields import (
    Pattern,
    PatternOrEmpty,
    Section,
    SeverityName,
    format_duration,
    named,
    parse_duration,
)
from config.settings.judging import Risk, Thresholds
from config.settings.running import Database, Log, LogFormat, LogLevel, Retention, Schedule, Workers
from config.settings.sources import Advisories, Domains, HttpLimits, NpmRegistry, PypiRegistry, Registries
from config.settings.telling import Channel, Compound, Heartbeat, Match, QuietHours, Route
from config.settings.web import Web, WebProxy, WebToken

__all__ = [
    "Advisories",
    "Channel",
    "Compound",
    "Database",
    "Domains",
    "Heartbeat",
    "HttpLimits",
    "Log",
    "LogFormat",
    "LogLevel",
    "Match",
    "NpmRegistry",
    "PypiRegistry",
    "QuietHours",
    "Registries",
    "Retention",
    "Risk",
    "Route",
    "Schedule",
    "Settings",
    "Thresholds",
    "Watch",
    "Web",
    "WebProxy",
    "WebToken",
    "Workers",
    "format_duration",
    "parse_duration",
]


class Watch(Section):
    """A group of dependencies that belong together, usually one project."""

    name: str = Field(min_length=1, max_length=100, examples=["shop"], description="Name of the project or group.")
    owner: str = Field(default="", max_length=100, description="Who looks after it; routes match on it.")
    packages: tuple[Annotated[str, named(parse_package)], ...] = Field(
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
    maintainers: tuple[Annotated[str, named(parse_account)], ...] = Field(
        default=(), examples=[["npm:~some-account"]], description='Accounts: "npm:~some-account".'
    )
    domains: tuple[Annotated[str, named(parse_domain)], ...] = Field(
        default=(), examples=[["example.org"]], description='Domains: "example.org".'
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
