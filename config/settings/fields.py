"""What the keys of ``weaklink.toml`` can hold: durations, severities, addresses, patterns."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    WithJsonSchema,
)

from config import values
from config.severity import Severity

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION: Final = re.compile(r"([0-9]{1,6})\s*([smhdw])")
_LONGEST: Final = timedelta(days=36_500)


def parse_duration(value: Any) -> timedelta:
    """``"30s"``, ``"1h"``, ``"7d"``, also combined (``"1h30m"``); ValueError says how to write one."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and value and not _DURATION.sub("", value).strip():
        seconds = sum(int(number) * _UNITS[unit] for number, unit in _DURATION.findall(value))
        if seconds > _LONGEST.total_seconds():
            raise ValueError(f"{value[:40]!r} is longer than a hundred years; write for example 7d or 52w")
        return timedelta(seconds=seconds)
    raise ValueError(f"{str(value)[:40]!r} is no duration; write for example 30s, 15m, 1h, 7d or 1h30m")


def format_duration(value: timedelta) -> str:
    """The inverse of ``parse_duration``: ``timedelta(minutes=90)`` is ``"1h30m"``."""
    left, parts = int(value.total_seconds()), []
    for unit, seconds in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, seconds)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^(\d{1,6}\s*[smhdw]\s*)+$", "examples": ["30s", "1h", "7d"]}),
]

Span = Annotated[Duration, Field(ge=timedelta(seconds=1))]
"""A duration that is not nothing."""

SeverityName = Annotated[
    Severity,
    BeforeValidator(lambda value: Severity.parse(value) if isinstance(value, str) else value),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "enum": [str(severity) for severity in Severity]}),
]


def named(check: Callable[[str], str]) -> AfterValidator:
    """``check`` judges; what is kept is the user's own spelling."""

    def judged(text: str) -> str:
        check(text)
        return text

    return AfterValidator(judged)


def or_empty(check: Callable[[str], str]) -> AfterValidator:
    return AfterValidator(lambda text: check(text) if text else text)


def secretly(check: Callable[[str], str]) -> AfterValidator:
    """For a ``SecretStr``: ``check`` must not repeat what it is given."""

    def judged(secret: SecretStr) -> SecretStr:
        check(secret.get_secret_value())
        return secret

    return AfterValidator(judged)


Url = Annotated[str, or_empty(values.check_http_url)]
Cron = Annotated[str, or_empty(values.check_cron)]
Pattern = Annotated[str, AfterValidator(values.check_pattern)]
PatternOrEmpty = Annotated[str, or_empty(values.check_pattern)]


class Section(BaseModel):
    """A table of the file: an unknown key is an error, and nothing is changed once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)
