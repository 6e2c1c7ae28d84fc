"""RDAP (RFC 7480 to 9083, 9224): what the registry of a top-level domain says about a domain.

Only the registry is asked, never the registrar that its answer refers to: the registry's statuses and dates are those
that decide when a name becomes free. Its event ``reregistration`` is not used, since registries send it for renewals.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urljoin, urlsplit

import msgspec
from whoisit.overrides import iana_overrides

from monitor.errors import SourceError
from monitor.observations import Registration
from monitor.sources.http import Http, Reply
from monitor.sources.rdap_reply import judge, unavailable

IANA: Final = "https://data.iana.org/rdap/dns.json"
FRESH: Final = timedelta(days=7)
LARGEST: Final = 1024 * 1024
MOST_REDIRECTS: Final = 3

Load = Callable[[], Awaitable[str]]
Save = Callable[[str], Awaitable[None]]


class Bootstrap:
    """Which RDAP server serves a top-level domain: IANA's table, kept with its age, and used when it cannot be renewed.

    Top-level domains that run a server and are missing from the table come from whoisit's list of them.
    """

    def __init__(self, http: Http, url: str, load: Load, save: Save) -> None:
        self._http = http
        self._url = url or IANA
        self._load = load
        self._save = save
        self._table: dict[str, str] | None = None
        self._fetched_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._renewing = asyncio.Lock()

    async def server(self, tld: str, now: datetime) -> str | None:
        """The base URL for a top-level domain; None where it has no RDAP server, or where that cannot be known."""
        async with self._renewing:  # whoever comes while it is fetched waits for it
            if self._table is None:
                self._read(await self._load())
            if not _within(self._fetched_at, now, FRESH) and not _within(self._tried_at, now, timedelta(hours=1)):
                self._tried_at = now
                await self._refresh(now)
        table = self._table or {}
        if tld in table:
            return table[tld]
        # A table of the user's own is the whole truth about where to ask.
        if self._url != IANA:
            return None
        others = iana_overrides["domain"].get(tld)
        return str(others[0]) if others else None

    @property
    def known(self) -> bool:
        """Whether there is a table at all, fresh or old."""
        return bool(self._table)

    def _read(self, kept: str) -> None:
        self._table = {}
        try:
            document = msgspec.json.decode(kept.encode()) if kept else {}
            if isinstance(document, dict) and document.get("url") == self._url:
                self._table = dict(document["table"])
                self._fetched_at = datetime.fromisoformat(document["fetched_at"])
        except (msgspec.DecodeError, KeyError, TypeError, ValueError):
            self._table = {}

    async def _refresh(self, now: datetime) -> None:
        try:
            reply = await self._http.get(self._url, max_body=LARGEST)
            table = parse_bootstrap(reply.body) if reply.status == 200 else {}
        except (SourceError, ValueError):
            return
        if table:
            self._table, self._fetched_at = table, now
            kept = {"url": self._url, "fetched_at": now.isoformat(), "table": table}
            await self._save(msgspec.json.encode(kept).decode())


def _within(moment: datetime | None, now: datetime, span: timedelta) -> bool:
    """Whether it was so lately. A moment of the future was written down by a clock that has been put back since."""
    return moment is not None and timedelta(0) <= now - moment <= span


def parse_bootstrap(body: bytes) -> dict[str, str]:
    """Top-level domain to base URL, from a bootstrap file (RFC 9224); https before http. ValueError for other files."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        raise ValueError("the bootstrap file is no JSON") from None
    services = document.get("services") if isinstance(document, dict) else None
    table: dict[str, str] = {}
    for service in services if isinstance(services, list) else []:
        if (
            not isinstance(service, list)
            or len(service) < 2
            or not all(isinstance(part, list) for part in service[-2:])
        ):
            continue
        urls = sorted(
            (u for u in service[-1] if isinstance(u, str) and u.startswith("http")), key=lambda u: u[:5] != "https"
        )
        for tld in service[-2]:
            if isinstance(tld, str) and urls:
                table[tld.lower()] = urls[0]
    return table


class Rdap:
    """Asks the registry's RDAP server. Trouble is an outcome, never an exception and never a fact."""

    def __init__(self, http: Http, bootstrap: Bootstrap) -> None:
        self._http = http
        self._bootstrap = bootstrap

    async def lookup(self, domain: str, now: datetime) -> Registration | None:
        """What the registry says; None where the top-level domain has no RDAP server."""
        tld = domain.rpartition(".")[2]
        base = await self._bootstrap.server(tld, now)
        if base is None:
            if self._bootstrap.known:
                return None
            return unavailable("bootstrap", now, "the table of RDAP servers could not be fetched yet")
        url = f"{base.rstrip('/')}/domain/{domain}"
        server = urlsplit(base).netloc
        try:
            reply = await self._follow(url, base)
        except SourceError as error:
            return unavailable(error.host, now, error.reason)
        except ValueError as error:
            return unavailable(server, now, str(error))
        return judge(reply, domain, server, now)

    async def _follow(self, url: str, base: str) -> Reply:
        for _ in range(MOST_REDIRECTS + 1):
            reply = await self._http.get(url, headers={"Accept": "application/rdap+json"}, max_body=LARGEST)
            if reply.status not in {301, 302, 303, 307, 308}:
                return reply
            url = _next(url, reply.headers.get("location", ""), base)
        raise ValueError("it redirects without end")


def _next(url: str, location: str, base: str) -> str:
    """Where a redirect may lead: https, or as secure as the configured base; never into a private network."""
    target = urljoin(url, location)
    parts, own = urlsplit(target), urlsplit(base)
    if parts.scheme != "https" and parts.scheme != own.scheme:
        raise ValueError("it redirects to an address that is not https")
    if parts.hostname != own.hostname and _private(parts.hostname or ""):
        raise ValueError("it redirects into a private network")
    return target


def _private(host: str) -> bool:
    """By its spelling. A name that ends in a number is an address in a form of old (``127.1``, ``0x7f.0.0.1``)."""
    host = host.rstrip(".")
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        last = host.rpartition(".")[2]
        numeric = last.isdigit() or last.startswith("0x")
        return "." not in host or numeric or host.endswith((".localhost", ".local", ".internal", ".home.arpa"))
