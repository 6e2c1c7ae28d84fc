"""What an RDAP server's reply says about a domain (RFC 9083, 8056), and how far servers depart from it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from config.clock import http_date
from config.names import BadName, parse_domain
from monitor.observations import Outcome, Registration
from monitor.sources.http import Reply

LAST_YEAR: Final = 2200


def judge(reply: Reply, domain: str, server: str, now: datetime) -> Registration:
    """What a reply means: 404 of the registry is a definite answer, a page of somebody else's is none."""
    if reply.status == 404:
        if not _is_denial(reply.body.strip()):
            return unavailable(server, now, "404 with a page that is not RDAP")
        return Registration(
            source="rdap", server=server, at=now, outcome=Outcome.NOT_FOUND, reason="404, no such domain"
        )
    if reply.status != 200:
        return unavailable(server, now, f"{reply.status}, which is no answer")
    try:
        document = msgspec.json.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return unavailable(server, now, "the answer is no JSON")
    found = parse_rdap(document, domain, server, now)
    dated = http_date(reply.headers.get("date", ""))
    return found if dated is None else replace(found, dated=dated)


def _is_denial(body: bytes) -> bool:
    """Whether a 404 is the registry's: without a body, or with one of RDAP (RFC 9083, 6). A gateway that has lost its
    way to the registry answers 404 too, in JSON of its own."""
    if not body:
        return True
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    if not isinstance(document, dict):
        return False
    return not document or _error(document) == 404 or ("errorCode" not in document and "rdapConformance" in document)


def _error(document: Mapping[str, Any]) -> int | None:
    """The error that a document tells; some servers write the number as text."""
    code = document.get("errorCode")
    if isinstance(code, str) and code.strip().isdecimal() and code.isascii():
        code = int(code[:10])
    return code if isinstance(code, int) else None


def parse_rdap(document: Any, domain: str, server: str, now: datetime) -> Registration:
    """An RDAP domain object as a ``Registration``; UNAVAILABLE for an error or another name. Never raises."""
    if not isinstance(document, dict):
        return unavailable(server, now, "the answer is no RDAP object")
    if _error(document) == 404:
        return Registration(
            source="rdap", server=server, at=now, outcome=Outcome.NOT_FOUND, reason="404, no such domain"
        )
    if "errorCode" in document:
        return unavailable(server, now, f"error {document['errorCode']!r:.20}")
    if _name(document) != domain:
        return unavailable(server, now, "the answer is about another domain")
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
    if isinstance(document.get("status"), list | str):
        facts["statuses"] = tuple(sorted({status(one) for one in _list(document["status"]) if isinstance(one, str)}))
    if (servers := _nameservers(document.get("nameservers"))) is not None:
        facts["nameservers"] = servers
    reason = ""
    sold = events.get("registrar expiration")
    if sold is not None and sold != expires:
        reason = f"the registrar's own expiry is {sold:%Y-%m-%d}"
    return Registration(source="rdap", server=server, at=now, outcome=Outcome.FOUND, reason=reason, **facts)


_STATUSES: Final = {
    word.replace(" ", ""): word
    for word in (
        "add period", "auto renew period", "client delete prohibited", "client hold", "client renew prohibited",
        "client transfer prohibited", "client update prohibited", "pending create", "pending delete", "pending renew",
        "pending restore", "pending transfer", "pending update", "redemption period", "renew period",
        "server delete prohibited", "server renew prohibited", "server transfer prohibited", "server update prohibited",
        "server hold", "transfer period",
    )
}  # fmt: skip
"""RFC 8056's words for EPP's statuses, by how they are written without blanks."""


def status(word: str) -> str:
    """An RDAP status in the words of RFC 8056: lower case, words apart (``pendingDelete`` is ``pending delete``)."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", word.strip()[:60])
    plain = re.sub(r"[\s_-]+", " ", apart).lower()
    return _STATUSES.get(plain.replace(" ", ""), plain)


def _list(value: Any) -> list[Any]:
    """A list, also where a server wrote its single element alone."""
    return value if isinstance(value, list) else [] if value is None else [value]


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
    for event in _list(events):
        if isinstance(event, dict) and isinstance(event.get("eventAction"), str):
            at = moment(event.get("eventDate"))
            if at is not None:
                found.setdefault(" ".join(event["eventAction"].lower().split()), at)
    return found


def moment(text: Any) -> datetime | None:
    """A date of RDAP (RFC 3339, and what servers send instead) in UTC; None for what is none or cannot be true."""
    if not isinstance(text, str) or not 10 <= len(text) <= 40:
        return None
    try:
        found = datetime.fromisoformat(text.strip().upper().replace(" UTC", "Z"))
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if 1980 <= found.year < LAST_YEAR else None


def _registrar(entities: Any) -> str:
    for entity in _list(entities):
        roles = entity.get("roles") if isinstance(entity, dict) else None
        if "registrar" not in {role.lower() for role in _list(roles) if isinstance(role, str)}:
            continue
        card = entity.get("vcardArray")
        rows = card[1] if isinstance(card, list) and len(card) > 1 and isinstance(card[1], list) else []
        named = {row[0]: row[3] for row in rows if isinstance(row, list) and len(row) > 3 and isinstance(row[0], str)}
        for value in (named.get("fn"), named.get("org"), entity.get("handle")):
            texts = [text.strip() for text in _list(value) if isinstance(text, str) and text.strip()]
            if texts:
                return ", ".join(texts)[:200]
    return ""


def _nameservers(servers: Any) -> tuple[str, ...] | None:
    """The servers' names; None where they are not told, or not by name."""
    told = _list(servers)
    names = (one.get("ldhName") or one.get("unicodeName") for one in told if isinstance(one, dict))
    found = {name.lower().rstrip(".")[:253] for name in names if isinstance(name, str) and name.strip(".")}
    return tuple(sorted(found)) if found or servers == [] else None


def unavailable(server: str, now: datetime, reason: str) -> Registration:
    return Registration(source="rdap", server=server, at=now, outcome=Outcome.UNAVAILABLE, reason=reason)
