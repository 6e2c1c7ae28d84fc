"""What people type, on the command line and in forms: subjects, matchers, times."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import quote

from alerts.matching import parse_match
from config.names import BadName, parse_account, parse_domain, parse_package
from config.settings import Match, parse_duration
from config.values import BadValue

_SHORT = re.compile(r"subject=(npm|pypi):(?!~)(.+)", re.DOTALL)


def subject_of(item: str) -> str:
    """The subject that a person means: a package, ``npm:~account``, or a domain; BadName otherwise."""
    if ":~" in item:
        return parse_account(item)
    if item.startswith("domain:"):
        return f"domain:{parse_domain(item.removeprefix('domain:'))}"
    try:
        return parse_package(item)
    except BadName:
        if ":" in item:
            raise
        return f"domain:{parse_domain(item)}"


def matcher(words: Iterable[str]) -> Match:
    """A matcher with subjects in short form (``subject=npm:@corp/*``) written as purls; BadValue says what is wrong."""
    return parse_match(
        _SHORT.sub(lambda m: f"subject=pkg:{m[1]}/{quote(m[2], safe='/*?[]!')}", word)
        for part in words
        for word in part.split()
    )


def moment(text: str, now: datetime) -> datetime:
    """``7d`` from now, or an ISO date or time, UTC where it names no zone; BadValue otherwise."""
    try:
        return now + parse_duration(text)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise BadValue(
            f"{text[:40]!r} is no time", "write a duration such as 7d, or a date such as 2027-01-31"
        ) from None
