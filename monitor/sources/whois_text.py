"""What a WHOIS reply says, by the labels and phrases that registries use, and by python-whois where they fail. Pure.

A reply says that a domain is free only in a line that says nothing else; a limit, a refusal or a page of terms never
does. A date that could be read in two ways is not read.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

import whois
from msgspec import UNSET
from whois.exceptions import PywhoisError

from monitor.expiry import publishes_no_expiry
from monitor.observations import Outcome, Registration
from monitor.sources.whois_dates import whois_date

LARGEST: Final = 256 * 1024
LARGEST_FOR_PYTHON_WHOIS: Final = 12 * 1024
MOST_LINES: Final = 3000
LONGEST_LINE: Final = 400
_MANY_BLANKS: Final = re.compile(r"\s{9,}")
"""Labels have room for blanks in several places: over a long run they would try every way of sharing it out."""

_EXPIRY: Final = (
    r"(?:domain )?registry expir(?:y|ation) (?:date|time)",
    r"registry registration expiration date",
    r"(?:domain |record )?expir(?:y|ation)(?:[ -_]?(?:date|time))?",
    r"(?:domain |record )?expires?(?:[ -]?(?:on|at|date))?",
    r"(?:domain )?exp(?:\.|ire)?[ -]?date",
    r"expired? ?(?:on|date)",
    r"paid[- ]till",
    r"valid(?:ity)?[- ]?(?:until|till|to|date)?",
    r"renewal(?:[ -]date)?",
    r"registered until",
    r"(?:data de expira[cç][aã]o|fecha de (?:expiraci[oó]n|vencimiento)|date d'expiration|scadenza)[^:]{0,40}",
    r"registrar registration expiration date",
)
_CREATED: Final = (
    r"(?:domain )?creat(?:ion|ed)(?:[ -_]?(?:date|on|at|time))?",
    r"(?:domain |record )?(?:created|registered|registration)(?: ?(?:on|date|time))?",
    r"domain (?:name )?commencement date",
    r"(?:record )?activated|assigned|entered|commenced",
    r"(?:data de (?:registo|cria[cç][aã]o)|fecha de (?:registro|creaci[oó]n)|date de cr[eé]ation)[^:]{0,40}",
)
_REGISTRAR: Final = (
    r"(?:sponsoring )?registrar(?: name| organi[sz]ation)?",
    r"registration service provider",
    r"current registar",
)
_HANDLE: Final = (r"registry domain id", r"domain id", r"roid")
_STATUS: Final = (r"(?:domain )?(?:status|state)", r"registration status", r"eppstatus")
_NAMESERVER: Final = (
    r"name ?servers?(?:\s*\d+)?", r"nserver", r"dns(?:\s*\d+)?", r"nameservers?", r"host ?name", r"ns\s*\d*", r"p|s",
)  # fmt: skip


def _label(names: tuple[str, ...]) -> re.Pattern[str]:
    joined = "|".join(f"(?:{name})" for name in names)
    return re.compile(
        rf"^\s*(?:\[?[a-z]\.\s*)?\[?\s*(?:{joined})\s*(?:\([^)]{{0,30}}\))?\s*\]?[\s.]*"
        r"(?::|\]|\.\.+|\t|(?<=\bon) |(?<=\]) )\s*(?P<value>\S.*)$",
        re.IGNORECASE,
    )


_LABELS: Final = {
    "expiry": _label(_EXPIRY),
    "created": _label(_CREATED),
    "registrar": _label(_REGISTRAR),
    "handle": _label(_HANDLE),
    "status": _label(_STATUS),
    "nameserver": _label(_NAMESERVER),
}

_FREE: Final = re.compile(
    r"(?!.*\b(?:now|wait|later|moment|limit|exceeded)\b)"
    r"(?:error[: -]*\d*\s*)?(?:sorry,?\s*)?(?:the |this |requested |queried )*"
    r"(?:domain(?: name)?|object|query|record)?\s*:?\s*"
    r"[\"'“«]?[\w.-]*[\"'”»]?\s*[:,-]?\s*(?:"
    r"no (?:match(?:es|ing)?(?: (?:record|object|domain)s?)?|entries|entry|data|object|objects|records?|such domain|"
    r"information available)"
    r"(?: was| were)?(?: found)?\b.*|"
    r"(?:domain |domain name |object |data |record |entry |query |nothing )*(?:is |was |has |have )*not (?:be(?:en)? )?"
    r"(?:found|registered|registred|exist(?:s|ing)?|in (?:the|our) (?:database|registry)|assigned|delegated)\b.*|"
    r"(?:domain |object |name )*does(?: not|n't) exist\b.*|nothing found\b.*|"
    r"(?:is |status: ?)*(?:free|available)(?: for (?:registration|purchase).*)?\.?|"
    r"we do not have an entry in our database matching.*|"
    r"(?:domain )?status: no object found|not registered|the queried object does not exist.*|"
    r"\d{3} (?:available|no match|not found|object not found|domain not found).*|available\.?|"
    r"nincs talalat.*|no se encuentra.*|objeto no encontrado.*|dominio (?:non|no) .*|n[aã]o (?:encontrado|existe).*"
    r")$",
    re.IGNORECASE,
)
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
    r"\b(?:reserved|prohibited|not available for registration|cannot be registered|can not be registered|blocked|"
    r"restricted|forbidden|not allowed|invalid|premium|unavailable)\b",
    re.IGNORECASE,
)
_STATUSES: Final = {
    "redemption period": "redemption period",
    "redemptionperiod": "redemption period",
    "redemption": "redemption period",
    "pendingdelete": "pending delete",
    "pending delete": "pending delete",
    "pending-delete": "pending delete",
    "to be suspended": "redemption period",
    "suspended": "server hold",
    "clienthold": "client hold",
    "client hold": "client hold",
    "serverhold": "server hold",
    "server hold": "server hold",
    "expired": "expired",
    "quarantine": "redemption period",
    "in quarantine": "redemption period",
    "inactive": "inactive",
    "autorenewperiod": "auto renew period",
}


def parse_whois(reply: bytes | str, domain: str, server: str, at: datetime) -> Registration:
    """The reply of a WHOIS server about ``domain`` (A-labels) as a ``Registration``. Never raises."""
    text = reply if isinstance(reply, str) else decode(reply[:LARGEST], domain)
    lines = [_bearable(line) for line in text[:LARGEST].splitlines()[:MOST_LINES]]
    tld = domain.rpartition(".")[2].lower()
    told = _fields(lines)
    facts = _facts(told, lines, domain, tld)
    outcome, reason = _outcome(lines, told, facts)
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


def _fields(lines: list[str]) -> dict[str, list[str]]:
    """Values by what they are labelled as; a label alone on its line speaks for the indented lines after it."""
    found: dict[str, list[str]] = {}
    for line in lines:
        if line.lstrip().startswith(("%", "#", ">>>")) or line.lstrip().lower().startswith(("notice", "option ")):
            continue
        for name, pattern in _LABELS.items():
            if (match := pattern.match(line)) is not None:
                found.setdefault(name, []).append(match["value"].strip())
                break
    return found


def _facts(told: dict[str, list[str]], lines: list[str], domain: str, tld: str) -> dict[str, Any]:
    expires = _first_date(told.get("expiry", []), tld)
    created = _first_date(told.get("created", []), tld)
    registrar = next(iter(told.get("registrar", [])), "")
    entry: dict[str, Any] = {}
    if not (expires and created and registrar):
        entry = _python_whois(lines, domain)
        expires = expires or _one_date(entry.get("expiration_date"))
        created = created or _one_date(entry.get("creation_date"))
        registrar = registrar or _text(entry.get("registrar"))
    facts: dict[str, Any] = {}
    if expires is not None:
        facts["expires_at"] = expires
    elif publishes_no_expiry(domain):
        facts["expires_at"] = None
    if created is not None and (expires is None or created <= expires):
        facts["registered_at"] = created
    if registrar:
        facts["registrar"] = registrar[:200]
    if told.get("handle"):
        facts["handle"] = told["handle"][0][:100]
    statuses = {word for value in told.get("status", []) if (word := _status(value))}
    if told.get("status"):
        facts["statuses"] = tuple(sorted(statuses))
    servers = {name for value in told.get("nameserver", []) if (name := _host(value))}
    servers |= {name for value in _list(entry.get("name_servers")) if (name := _host(str(value)))}
    if servers:
        facts["nameservers"] = tuple(sorted(servers))
    return facts


def _outcome(lines: list[str], told: dict[str, list[str]], facts: dict[str, Any]) -> tuple[Outcome, str]:
    known = facts.keys() & {"expires_at", "registered_at", "registrar", "nameservers", "handle"}
    known -= {"expires_at"} if facts.get("expires_at", UNSET) is None else set()
    bare = [line.strip().lstrip("%#*>;-! ").strip() for line in lines]
    bare = [line for line in bare if line]
    limited = next((line for line in bare if len(line) < 200 and _LIMITED.search(line)), None)
    free = next((line for line in bare if len(line) < 160 and _FREE.fullmatch(line)), None)
    if known - {"registrar"} or len(known) > 1:
        return Outcome.FOUND, ""
    if free is not None and (limited is None or bare.index(free) < bare.index(limited)):
        return Outcome.NOT_FOUND, free[:200]
    if limited is not None and len(bare) < 60:
        return Outcome.UNAVAILABLE, f"the server limits us: {limited[:150]}"
    if known or any(_RESERVED.search(value) or _status(value) for value in told.get("status", [])):
        return Outcome.FOUND, "; ".join(told.get("status", []))[:200]
    return Outcome.UNAVAILABLE, "the reply says neither that it is registered nor that it is free"


def _first_date(values: list[str], tld: str) -> datetime | None:
    for value in values:
        if (found := whois_date(value, tld)) is not None:
            return found
    return None


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


def _one_date(value: Any) -> datetime | None:
    """A date of python-whois; where it found several that differ by more than a day, none."""
    dates = [one if one.tzinfo else one.replace(tzinfo=UTC) for one in _list(value) if isinstance(one, datetime)]
    if not dates or (max(dates) - min(dates)).days > 1 or not 1980 <= dates[0].year < 2100:
        return None
    return dates[0].astimezone(UTC)


def _text(value: Any) -> str:
    return next((one.strip() for one in _list(value) if isinstance(one, str) and one.strip()), "")


def _status(value: str) -> str:
    word = value.split("http")[0].split("(")[0].strip().lower()
    if word in _STATUSES:
        return _STATUSES[word]
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", value.split("http")[0].split("(")[0].strip()).lower()
    return (
        spaced
        if re.fullmatch(r"(?:client|server) [a-z]+ prohibited|ok|active|registered|connect(?:ed)?", spaced)
        else ""
    )


def _host(value: str) -> str:
    name = value.strip().split()[0].strip(".,;[]()").lower() if value.strip() else ""
    return name if re.fullmatch(r"(?=.{4,253}$)(?:[a-z0-9_-]{1,63}\.)+[a-z0-9-]{2,63}", name) else ""
