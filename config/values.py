"""What the words of ``weaklink.toml`` mean: addresses, URLs, times, patterns.

Each checker says what is wrong and how to write it, and never repeats a value that may hold a secret.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from itertools import islice
from operator import eq, ge, gt, le, lt, ne
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from apscheduler.triggers.cron import CronTrigger

from config.severity import Severity

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_COMPARISONS: Final = {">=": ge, "<=": le, ">": gt, "<": lt, "==": eq, "!=": ne, "=": eq, "": eq}
_SEVERITY_MATCH: Final = re.compile(r"(>=|<=|==|!=|>|<|=|)\s*([a-z]+)")
_HOST_NAME: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.(?!-)[A-Za-z0-9_-]{1,63})*\.?")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s]+")
_MOST_COMPARED: Final = 1000
# Any time will do to ask whether an expression ever fires; it begins before a leap day.
_SOME_DAY: Final = datetime(2024, 1, 1, tzinfo=UTC)


class BadValue(ValueError):
    """A value that cannot be used here: the problem, and how to mend it."""

    def __init__(self, problem: str, mend: str) -> None:
        super().__init__(f"{problem}; {mend}")
        self.problem = problem
        self.mend = mend


def parse_address(text: str, default_port: int | None = None, *, least_port: int = 1) -> tuple[str, int]:
    """Host and port of ``127.0.0.1:8330``, ``[::1]:53``, ``localhost:80``; with a default port also without one."""
    mend = "write ADDRESS:PORT, for example 127.0.0.1:8330 or [::1]:8330"
    host, port_text = text, ""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise BadValue(f"{text!r} is no address", mend)
        port_text = rest[1:]
        is_address = _is_ip(host) and ":" in host
    elif text.count(":") > 1:
        is_address = _is_ip(text)
    else:
        host, _, port_text = text.partition(":")
        is_address = _is_ip(host) or (
            len(host) <= 253 and not _looks_numeric(host) and bool(_HOST_NAME.fullmatch(host))
        )
    if not is_address or (text.endswith(":") and text.count(":") == 1):
        raise BadValue(f"{text!r} is no address", mend)
    if not port_text and default_port is not None:
        return host, default_port
    if not re.fullmatch(r"[0-9]{1,5}", port_text) or not least_port <= int(port_text) <= 65535:
        raise BadValue(f"{text!r} has no port from {least_port} to 65535", mend)
    return host, int(port_text)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _looks_numeric(host: str) -> bool:
    return bool(re.fullmatch(r"[0-9.]*", host))


def check_listen(text: str) -> str:
    """ADDRESS:PORT to listen on; port 0 takes a free one."""
    parse_address(text, least_port=0)
    return text


def check_server(text: str) -> str:
    """HOST:PORT of a server."""
    parse_address(text)
    return text


def check_nameserver(text: str) -> str:
    """The IP address of a resolver, with or without a port."""
    host, _ = parse_address(text, 53)
    if not _is_ip(host):
        raise BadValue(f"{text!r} is no IP address", "write for example 192.0.2.53 or [2001:db8::53]:53")
    return text


def check_http_url(text: str) -> str:
    """An http or https URL with a host. The message leaves the URL out: it may hold a password."""
    problem = "this is no http or https URL"
    try:
        parts = urlsplit(text)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good or not text.isprintable() or " " in text:
        raise BadValue(problem, "write for example https://registry.example/")
    return text


def check_token(text: str) -> str:
    """A secret that cannot be guessed and fits into a header."""
    if not 16 <= len(text) <= 500 or not text.isascii() or not text.isprintable() or " " in text:
        raise BadValue(
            "a token has at least 16 printable characters without blanks", "make one with: openssl rand -base64 24"
        )
    return text


def check_network(text: str) -> str:
    """An IP address or a network of them."""
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise BadValue(f"{text!r} is no address or network", "write for example 127.0.0.1 or 10.0.0.0/8") from None
    return text


def check_header_name(text: str) -> str:
    """The name of an HTTP header."""
    if not re.fullmatch(r"[A-Za-z0-9-]{1,100}", text):
        raise BadValue(f"{text!r} is no header", "write for example X-Forwarded-User")
    return text


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    return host == "localhost" or (_is_ip(host) and ipaddress.ip_address(host).is_loopback)


def is_open(listen: str) -> bool:
    """Whether other machines can reach what listens there."""
    return not is_loopback(parse_address(listen, least_port=0)[0])


def check_channel_url(text: str) -> str:
    """The shape of an Apprise URL; which services there are is Apprise's to say."""
    if not _SCHEME.fullmatch(text):
        raise BadValue("this is no Apprise URL", "write for example mailtos://user:password@mail.example")
    return text


def check_database_url(text: str) -> str:
    """SQLite or PostgreSQL, as SQLAlchemy writes them."""
    scheme, separator, _ = text.partition("://")
    if not separator or not re.fullmatch(r"(sqlite|postgresql)(\+\w+)?", scheme) or not text.isprintable():
        raise BadValue("this is no database URL", "write sqlite:///FILE or postgresql://USER@HOST/DATABASE")
    return text


def check_timezone(name: str) -> str:
    """An IANA time zone that this machine knows."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        near = nearest(name, available_timezones())
        mend = f"did you mean {near}?" if near else "write for example UTC or Europe/Berlin"
        raise BadValue(f"{name!r} is no time zone", mend) from None
    return name


class Cron:
    """Planned times by the clocks on the wall of a time zone: each of them once.

    APScheduler's own trigger leaves out what falls into the hour that is skipped when clocks are put ahead, a week's
    digest with it, and fires twice in the one that comes again. Here the first comes an hour later, the second once.
    """

    def __init__(self, fields: str, zone: ZoneInfo) -> None:
        self._wall = CronTrigger.from_crontab(fields, timezone=UTC)
        self._zone = zone

    def next(self, after: datetime, *, exclusive: bool = False) -> datetime | None:
        """The first planned time from ``after`` on; later than that where it is ``exclusive``. In UTC."""
        wall = after.astimezone(self._zone).replace(tzinfo=UTC, fold=0)
        # From before that: what was planned in a skipped hour stands before what the clocks show after it.
        planned = self._wall.get_next_fire_time(None, wall - timedelta(hours=2))
        while planned is not None:
            at: datetime = planned.replace(tzinfo=self._zone).astimezone(UTC)
            if at > after or (at == after and not exclusive):
                return at
            planned = self._wall.get_next_fire_time(planned, planned + timedelta(seconds=1))
        return None


def cron_trigger(expression: str, timezone: str = "UTC") -> Cron:
    """When a cron expression fires in a time zone.

    Days of the week mean what they mean in cron: 0 and 7 are Sunday. (APScheduler's own reading starts at Monday.)
    """
    mend = 'write five fields: minute hour day month weekday, for example "0 8 * * mon-fri"'
    fields = expression.split()
    if len(fields) != 5 or len(expression) > 200:
        raise BadValue(f"{expression[:80]!r} is no cron expression", mend)
    try:
        *others, weekdays = fields
        cron = Cron(" ".join([*others, _weekdays(weekdays)]), ZoneInfo(timezone))
    except (ValueError, KeyError, OSError) as error:
        raise BadValue(f"{expression!r} is no cron expression ({error})", mend) from None
    if cron.next(_SOME_DAY) is None:
        raise BadValue(f"{expression!r} never comes", "choose a day that exists")
    return cron


def _weekdays(field: str) -> str:
    if field == "*":
        return field
    days = sorted(day for part in field.split(",") for day in _weekday_part(part))
    return ",".join(DAYS[day] for day in dict.fromkeys(days))


def _weekday_part(part: str) -> list[int]:
    """Days of one part of cron's fifth field, Monday first: ``sun``, ``mon-fri``, ``5-7``, ``*/2``."""
    span, slash, step_text = part.lower().partition("/")
    step = int(step_text) if slash and re.fullmatch(r"[1-7]", step_text) else 1
    if slash and step_text != str(step):
        raise ValueError(f"step {step_text!r}")
    first, dash, last = span.partition("-")
    if span == "*":
        first, dash, last = "0", "-", "6"
    start = _sunday_first(first)
    end = _sunday_first(last) if dash else start
    if end < start:
        end += 7
    return [(day - 1) % 7 for day in range(start, end + 1, step)]


def _sunday_first(day: str) -> int:
    if day in DAYS:
        return DAYS.index(day) + 1
    if re.fullmatch(r"[0-7]", day):
        return int(day)
    raise ValueError(f"{day!r} is no day")


def check_cron(expression: str) -> str:
    """A cron expression, or nothing."""
    cron_trigger(expression)
    return expression


def parse_days(text: str) -> frozenset[int]:
    """Days of the week (0 is Monday) of ``mon-fri``, ``sat,sun`` or ``fri-mon``."""
    try:
        return frozenset(day for part in text.replace(" ", "").split(",") for day in _weekday_part(part))
    except ValueError as error:
        raise BadValue(f"{text!r} names no days ({error})", "write for example mon-fri or sat,sun") from None


def check_days(text: str) -> str:
    """Days of the week."""
    parse_days(text)
    return text


def severities_matching(text: str) -> frozenset[Severity]:
    """The severities that ``>=high``, ``<medium`` or ``critical`` means."""
    match = _SEVERITY_MATCH.fullmatch(text.strip().lower())
    try:
        if not match:
            raise ValueError(text)
        bound = Severity.parse(match[2])
    except ValueError:
        near = nearest(text.strip("<>=! "), map(str, Severity))
        mend = f"did you mean {near}?" if near else 'write for example ">=high", "critical" or "<medium"'
        raise BadValue(f"{text!r} matches no severity", mend) from None
    holds = _COMPARISONS[match[1]]
    return frozenset(severity for severity in Severity if holds(severity, bound))


def check_severity_match(text: str) -> str:
    """A comparison with a severity."""
    if not severities_matching(text):
        raise BadValue(f"{text!r} matches no severity at all", 'write for example ">=high" or "critical"')
    return text


def check_pattern(text: str) -> str:
    """A glob of subjects or files: something printable, of a length that a person writes."""
    if not text or not text.isprintable():
        raise BadValue("a pattern must be printable text", 'write for example "pkg:npm/%40corp/*" or "sbom/*.json"')
    if len(text) > 1000 or text.count("*") > 20:
        raise BadValue("this pattern is too long", "write several shorter ones")
    return text


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The one of ``words`` that was most likely meant, if any is near."""
    candidates = list(islice(words, _MOST_COMPARED))
    found = get_close_matches(word[:100].lower(), [candidate.lower() for candidate in candidates], n=1, cutoff=0.6)
    return next((candidate for candidate in candidates if found and candidate.lower() == found[0]), None)


def kind_and_least(text: str) -> tuple[str, Severity]:
    """A kind in a compound rule and the severity that it must have by itself: ``maintainer-added>=medium``."""
    kind, compared, least = text.partition(">=")
    try:
        return kind.strip(), Severity.parse(least) if compared else Severity.INFO
    except ValueError as error:
        raise BadValue(str(error), 'write for example "maintainer-added>=medium"') from None
