"""What a query string asks for. One that makes no sense is answered with one line that says what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from alerts.browsing import AlertFilter
from alerts.reading import STATES
from config.names import BadName
from config.settings import parse_duration
from config.severity import Severity
from monitor.changes.kinds import KINDS
from monitor.queries.changes import ChangeFilter
from monitor.queries.targets import TargetFilter
from monitor.queries.weak_links import SignalFilter
from monitor.signals.table import SIGNALS
from monitor.typed import subject_of

LONGEST: Final = 400
LARGEST: Final = 2**53
"""The largest number that a JSON reader is sure to keep."""


DELIVERY_STATES: Final = ("pending", "sending", "sent", "dead")


class BadInput(ValueError):
    """What somebody sent cannot be used; says what and how to write it."""


Params = Mapping[str, str]


def text(params: Params, name: str) -> str:
    """A short text without NULs, which no database takes."""
    value = params.get(name, "").strip()
    if len(value) > LONGEST:
        raise BadInput(f"{name} has {len(value)} characters; {LONGEST} are read")
    if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise BadInput(f"{name} is no text")
    return value


def choice(params: Params, name: str, among: tuple[str, ...], default: str = "") -> str:
    value = text(params, name) or default
    if value and value not in among:
        raise BadInput(f"{name} is one of {', '.join(among)}")
    return value


def number(params: Params, name: str, default: int | None, most: int = LARGEST) -> int | None:
    value = text(params, name)
    if not value:
        return default
    if not value.isascii() or not value.isdigit() or len(value) > 16 or not 1 <= int(value) <= most:
        raise BadInput(f"{name} is a whole number from 1 to {most}")
    return int(value)


def severity(params: Params, name: str = "severity") -> Severity:
    value = text(params, name).removeprefix(">=")
    try:
        return Severity.parse(value) if value else Severity.INFO
    except ValueError:
        raise BadInput(f"{name} is one of {', '.join(map(str, Severity))}") from None


def since(params: Params, now: datetime, default: str = "") -> datetime | None:
    """``7d``, or an ISO date; ``all`` for no limit."""
    value = text(params, "since") or default
    if not value or value == "all":
        return None
    try:
        return now - parse_duration(value)
    except (ValueError, OverflowError):
        pass
    try:
        found = datetime.fromisoformat(value)
        return (found if found.tzinfo else found.replace(tzinfo=now.tzinfo)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadInput("since is a duration such as 7d, a date such as 2027-01-31, or all") from None


def subjects(params: Params) -> tuple[str, ...]:
    value = text(params, "subject")
    if not value:
        return ()
    if value.startswith(("source:", "watch:", "channel:")):
        return (value,)
    try:
        return (subject_of(value),)
    except BadName as error:
        raise BadInput(str(error)) from None


def alert_filter(params: Params, default_state: str = "unresolved") -> AlertFilter:
    """``state=all`` for every alert."""
    state = choice(params, "state", (*STATES, "unresolved", "all"), default_state)
    return AlertFilter(
        state="" if state == "all" else state,
        severity=severity(params),
        watch=text(params, "watch"),
        owner=text(params, "owner"),
        kind=choice(params, "kind", tuple(KINDS)),
        subjects=subjects(params),
    )


def change_filter(params: Params, now: datetime, default_since: str = "") -> ChangeFilter:
    kind = choice(params, "kind", tuple(KINDS))
    return ChangeFilter(
        since=since(params, now, default_since),
        severity=severity(params),
        kinds=(kind,) if kind else (),
        watch=text(params, "watch"),
        subjects=subjects(params),
    )


def target_filter(params: Params, sort: str) -> TargetFilter:
    return TargetFilter(
        sort=sort,
        source=choice(params, "ecosystem", ("npm", "pypi")),
        watch=text(params, "watch"),
        text=text(params, "q"),
        state=choice(params, "state", ("failing", "stale")),
    )


def signal_filter(params: Params) -> SignalFilter:
    return SignalFilter(
        signal=choice(params, "signal", tuple(SIGNALS)),
        sort=choice(params, "sort", ("package", "maintainer")),
        watch=text(params, "watch"),
    )


def stated(params: Params, *names: str) -> dict[str, Any]:
    """The filters that are set, for links that keep them."""
    return {name: params[name] for name in names if params.get(name)}
