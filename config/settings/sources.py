"""Where facts come from: registries, domains, advisories."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from config import values
from config.settings.fields import Section, Span, Url, or_empty


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
    whois_server: Annotated[str, or_empty(values.check_server)] = Field(
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
