"""What a WHOIS reply says, by the labels and phrases that registries use, and by python-whois where they fail. Pure.

A reply says that a domain is free only in a line that says nothing else; a limit, a refusal or a page of terms never
does. A date that could be read in two ways is not read.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final

import whois
from msgspec import UNSET
from whois.exceptions import PywhoisError

from monitor.expiry import publishes_no_expiry
from monitor.observations import Outcome, Registration
from monitor.sources.whois_absence import absence, bare
from monitor.sources.whois_dates import DateReading
from monitor.sources.whois_layout import Statement, statements
from monitor.sources.whois_status import statuses

Told = dict[str, list[Statement]]

LARGEST: Final = 256 * 1024
LARGEST_FOR_PYTHON_WHOIS: Final = 12 * 1024
MOST_LINES: Final = 3000
LONGEST_LINE: Final = 400
_MANY_BLANKS: Final = re.compile(r"\s{9,}")
"""Labels have room for blanks in several places: over a long run they would try every way of sharing it out."""

_LIMITED: Final = re.compile(
    r"quota\b.{0,60}\bexceeded|(?:limit|number of (?:requests|queries)|connections?)\b.{0,40}\b(?:exceeded|reached)|"
    r"\bexceeded\b.{0,60}\b(?:limit|quota|queries|number|maximum|rate|allow)|too many|try (?:again|later)|go away|"
    r"(?:ip|address|access|you|query|request|connection)\b.{0,40}\b(?:is|are|been|was)\b.{0,20}\b"
    r"(?:blocked|blacklisted|banned|refused|throttled|denied)|"
    r"temporar(?:il)?y?\b.{0,20}\b(?:unavailable|blocked|denied|out of service)|"
    r"service (?:is )?(?:not available|unavailable|busy)|"
    r"excessive (?:query|querying|number)|rate.?limit|denied access|access denied|response_throttled|"
    r"(?:server|system) (?:is )?(?:too )?busy|not authori[sz]ed to (?:make|perform)|please wait",
    re.IGNORECASE,
)
_RESERVED: Final = re.compile(
    r"\b(?:reserved|prohibited|not available|cannot be registered|can not be registered|blocked|"
    r"restricted|forbidden|not allowed|premium|unavailable|taken)\b",
    re.IGNORECASE,
)
_UNTIL: Final = re.compile(r"\b(?:until|till)\b", re.IGNORECASE)
"""A status that says how long it lasts, and so until when the registration is paid."""


def parse_whois(reply: bytes | str, domain: str, server: str, at: datetime) -> Registration:
    """The reply of a WHOIS server about ``domain`` (A-labels) as a ``Registration``. Never raises."""
    text = reply if isinstance(reply, str) else decode(reply[:LARGEST], domain)
    lines = [_bearable(line) for line in text[:LARGEST].splitlines()[:MOST_LINES]]
    told = _told(lines)
    facts = _facts(told, lines, domain)
    outcome, reason = _outcome(lines, told, facts, domain)
    if outcome is not Outcome.FOUND:
        return Registration(source="whois", server=server, at=at, outcome=outcome, reason=reason)
    return Registration(source="whois", server=server, at=at, outcome=outcome, reason=reason, **facts)


def _bearable(line: str) -> str:
    """The line, cut, with few blanks in a row; a tab among them stays one, since it can end a label."""
    return _MANY_BLANKS.sub(lambda found: "\t" if "\t" in found[0] else " " * 8, line.rstrip()[:LONGEST_LINE])


def decode(reply: bytes, domain: str) -> str:
    """The text of a reply: UTF-8 where it is, else what the country's registry uses, else Latin-1."""
    national = {"jp": "iso2022_jp", "kr": "euc_kr", "tw": "big5", "cn": "gb18030", "ru": "koi8_r"}
    for encoding in ("utf-8", national.get(domain.rpartition(".")[2], "utf-8")):
        try:
            return reply.decode(encoding)
        except UnicodeDecodeError:
            continue
    if domain.endswith(".jp"):
        return reply.decode("shift_jis", "replace")
    return reply.decode("latin-1")


def _told(lines: list[str]) -> Told:
    """Statements by fact; what a registration is paid until is its expiry, and a registrar's own date comes last."""
    found: Told = {}
    for statement in statements(lines):
        found.setdefault(statement.fact, []).append(statement)
        if statement.fact == "status" and _UNTIL.search(statement.value):
            found.setdefault("paid until", []).append(statement)
    dated = [found.pop(fact, []) for fact in ("expiry", "paid until", "registrar's expiry")]
    if expiry := list(chain.from_iterable(dated)):
        found["expiry"] = expiry
    return found


def _facts(told: Told, lines: list[str], domain: str) -> dict[str, Any]:
    reading = DateReading.of(lines, domain.rpartition(".")[2].lower())
    expires = _first_date(told.get("expiry", []), reading)
    created = _first_date(told.get("created", []), reading)
    registrar = next((statement.value for statement in told.get("registrar", [])), "")
    entry: dict[str, Any] = {}
    if not (expires and created and registrar):
        entry = _python_whois(lines, domain)
        expires = expires or _one_date(entry.get("expiration_date"), reading, lines)
        created = created or _one_date(entry.get("creation_date"), reading, lines)
        registrar = registrar or _text(entry.get("registrar"))
    facts: dict[str, Any] = {}
    if expires is not None:
        facts["expires_at"] = expires
    elif "expiry" not in told and publishes_no_expiry(domain):
        facts["expires_at"] = None
    if created is not None and (expires is None or created <= expires):
        facts["registered_at"] = created
    if any(character.isalnum() for character in registrar):
        facts["registrar"] = registrar[:200]
    if told.get("handle"):
        facts["handle"] = told["handle"][0].value[:100]
    if told.get("status"):
        named = (statuses(statement.value) for statement in told["status"])
        facts["statuses"] = tuple(sorted(set(chain.from_iterable(named))))
    servers = {name for statement in told.get("nameserver", []) if (name := _host(statement.value))} - {domain}
    if not servers:
        servers = {name for value in _list(entry.get("name_servers")) if (name := _host(str(value)))}
    if servers:
        facts["nameservers"] = tuple(sorted(servers))
    return facts


def _outcome(lines: list[str], told: Told, facts: dict[str, Any], domain: str) -> tuple[Outcome, str]:
    known = facts.keys() & {"expires_at", "registered_at", "registrar", "nameservers", "handle"}
    known -= {"expires_at"} if facts.get("expires_at", UNSET) is None else set()
    said = [sentence for line in lines if (sentence := bare(line))]
    limited = next((line for line in said if len(line) < 200 and _LIMITED.search(line)), None)
    absent = absence(lines, domain)
    if known - {"registrar"} or len(known) > 1:
        return Outcome.FOUND, ""
    if absent is not None and (limited is None or said.index(absent) < said.index(limited)):
        return Outcome.NOT_FOUND, absent[:200]
    if limited is not None and len(said) < 60:
        return Outcome.UNAVAILABLE, f"the server limits us: {limited[:150]}"
    standing = [statement.value for statement in told.get("status", [])]
    if known or any(_RESERVED.search(value) or statuses(value) for value in standing):
        return Outcome.FOUND, "; ".join(standing)[:200]
    return Outcome.UNAVAILABLE, "the reply says neither that it is registered nor that it is free"


def _first_date(said: list[Statement], reading: DateReading) -> datetime | None:
    return next((found for statement in said if (found := reading.date(statement.value)) is not None), None)


def _python_whois(lines: list[str], domain: str) -> dict[str, Any]:
    """python-whois's reading, for what the labels did not give; its expressions need seconds for some long replies."""
    text = "\n".join(line[:200] for line in lines)
    if len(text) > LARGEST_FOR_PYTHON_WHOIS:
        return {}
    try:
        entry = whois.WhoisEntry.load(domain, text)
    except (PywhoisError, ValueError, TypeError, AttributeError, KeyError, IndexError, OverflowError, RecursionError):
        return {}
    return dict(entry)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _one_date(value: Any, reading: DateReading, lines: list[str]) -> datetime | None:
    """A date of python-whois; where it found several that differ by more than a day, none."""
    dates = [one if one.tzinfo else one.replace(tzinfo=UTC) for one in _list(value) if isinstance(one, datetime)]
    if not dates or (max(dates) - min(dates)).days > 1 or not 1980 <= dates[0].year < 2100:
        return None
    return reading.confirmed(dates[0].astimezone(UTC), lines)


def _text(value: Any) -> str:
    return next((one.strip() for one in _list(value) if isinstance(one, str) and one.strip()), "")


def _host(value: str) -> str:
    name = re.split(r"\sNS\s", value)[-1].strip()  # a line as a zone file has it names the domain before its server
    name = name.split()[0].strip(".,;[]()").lower() if name else ""
    return name if re.fullmatch(r"(?=.{4,253}$)(?:[a-z0-9_-]{1,63}\.)+[a-z0-9-]{2,63}", name) else ""
