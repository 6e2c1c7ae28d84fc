"""RDAP (RFC 7480 to 9083, 9224): what the registry of a top-level domain says about a domain.

Only the registry is asked, never the registrar that its answer refers to: the registry's statuses and dates are those
that decide when a name becomes free. Its event ``reregistration`` is not used, since registries send it for renewals.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import msgspec
from msgspec.structs import replace
from whoisit.overrides import iana_overrides

from config.clock import http_date
from config.names import BadName, parse_domain
from monitor.errors import SourceError
from monitor.observations import Outcome, Registration
from monitor.sources.http import Http, Reply

IANA: Final = "https://data.iana.org/rdap/dns.json"
FRESH: Final = timedelta(days=7)
LARGEST: Final = 1024 * 1024
MOST_REDIRECTS: Final = 3
LAST_YEAR: Final = 2200

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
            return _unavailable("bootstrap", now, "the table of RDAP servers could not be fetched yet")
        url = f"{base.rstrip('/')}/domain/{domain}"
        server = urlsplit(base).netloc
        try:
            reply = await self._follow(url, base)
        except SourceError as error:
            return _unavailable(error.host, now, error.reason)
        except ValueError as error:
            return _unavailable(server, now, str(error))
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


def judge(reply: Reply, domain: str, server: str, now: datetime) -> Registration:
    """What a reply means: 404 of the registry is a definite answer, a page of somebody else's is none."""
    if reply.status == 404:
        body = reply.body.strip()
        if body and not _is_object(body):
            return _unavailable(server, now, "404 with a page that is not RDAP")
        return Registration(
            source="rdap", server=server, at=now, outcome=Outcome.NOT_FOUND, reason="404, no such domain"
        )
    if reply.status != 200:
        return _unavailable(server, now, f"{reply.status}, which is no answer")
    try:
        document = msgspec.json.decode(reply.body)
    except (msgspec.DecodeError, RecursionError):
        return _unavailable(server, now, "the answer is no JSON")
    found = parse_rdap(document, domain, server, now)
    dated = http_date(reply.headers.get("date", ""))
    return found if dated is None else replace(found, dated=dated)


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(body), dict)
    except (msgspec.DecodeError, RecursionError):
        return False


def parse_rdap(document: Any, domain: str, server: str, now: datetime) -> Registration:
    """An RDAP domain object as a ``Registration``; UNAVAILABLE for an error or another name. Never raises."""
    if not isinstance(document, dict):
        return _unavailable(server, now, "the answer is no RDAP object")
    if document.get("errorCode") == 404:
        return Registration(
            source="rdap", server=server, at=now, outcome=Outcome.NOT_FOUND, reason="404, no such domain"
        )
    if "errorCode" in document:
        return _unavailable(server, now, f"error {document['errorCode']!r:.20}")
    if _name(document) != domain:
        return _unavailable(server, now, "the answer is about another domain")
    events = _events(document.get("events"))
    facts: dict[str, Any] = {}
    if (registered := events.get("registration")) is not None:
        facts["registered_at"] = registered
    if (expires := events.get("expiration")) is not None:
        facts["expires_at"] = expires
    if registrar := _registrar(document.get("entities")):
        facts["registrar"] = registrar
    handle = document.get("handle")
    if isinstance(handle, str) and handle:
        facts["handle"] = handle[:100]
    if isinstance(document.get("status"), list):
        facts["statuses"] = tuple(sorted({status(one) for one in document["status"] if isinstance(one, str)}))
    if isinstance(document.get("nameservers"), list):
        facts["nameservers"] = _nameservers(document["nameservers"])
    reason = ""
    sold = events.get("registrar expiration")
    if sold is not None and sold != expires:
        reason = f"the registrar's own expiry is {sold:%Y-%m-%d}"
    return Registration(source="rdap", server=server, at=now, outcome=Outcome.FOUND, reason=reason, **facts)


def status(word: str) -> str:
    """An RDAP status in the words of RFC 8056: lower case, words apart (``pendingDelete`` is ``pending delete``)."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", word.strip()[:60])
    return re.sub(r"[\s_-]+", " ", apart).lower()


def _name(document: Mapping[str, Any]) -> str:
    for key in ("ldhName", "unicodeName"):
        told = document.get(key)
        if isinstance(told, str):
            try:
                return parse_domain(told)
            except BadName:
                continue
    return ""


def _events(events: Any) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for event in events if isinstance(events, list) else []:
        if isinstance(event, dict) and isinstance(event.get("eventAction"), str):
            at = moment(event.get("eventDate"))
            if at is not None:
                found.setdefault(event["eventAction"].lower(), at)
    return found


def moment(text: Any) -> datetime | None:
    """A date of RDAP (RFC 3339, and what servers send instead) in UTC; None for what is none or cannot be true."""
    if not isinstance(text, str) or not 10 <= len(text) <= 40:
        return None
    try:
        found = datetime.fromisoformat(text.strip().replace(" UTC", "Z"))
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if 1980 <= found.year < LAST_YEAR else None


def _registrar(entities: Any) -> str:
    for entity in entities if isinstance(entities, list) else []:
        roles = entity.get("roles") if isinstance(entity, dict) else None
        if not isinstance(roles, list) or "registrar" not in roles:
            continue
        card = entity.get("vcardArray")
        rows = card[1] if isinstance(card, list) and len(card) > 1 and isinstance(card[1], list) else []
        named = {row[0]: row[3] for row in rows if isinstance(row, list) and len(row) > 3 and isinstance(row[0], str)}
        for value in (named.get("fn"), named.get("org"), entity.get("handle")):
            if isinstance(value, str) and value.strip():
                return value.strip()[:200]
    return ""


def _nameservers(servers: list[Any]) -> tuple[str, ...]:
    names = (one.get("ldhName") for one in servers if isinstance(one, dict))
    return tuple(
        sorted({name.lower().rstrip(".")[:253] for name in names if isinstance(name, str) and name.strip(".")})
    )


def _unavailable(server: str, now: datetime, reason: str) -> Registration:
    return Registration(source="rdap", server=server, at=now, outcome=Outcome.UNAVAILABLE, reason=reason)
