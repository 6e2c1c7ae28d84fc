"""One line for each event: JSON for machines, words for people; no secret, nothing hostile, nothing without end."""

from __future__ import annotations

import json
import logging
import re
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

from alerts.messages.escape import visible
from config.secrets import masked

LONGEST: Final = 1000
"""Characters of one value."""
MOST_ITEMS: Final = 20
"""Items of one list."""
LONGEST_TRACEBACK: Final = 8000
"""Characters of its end. journald takes lines of up to 48 KB."""

_PRIORITIES: Final = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
_COLOURS: Final = {logging.DEBUG: "2", logging.INFO: "32", logging.WARNING: "33"}
_RED: Final = "1;31"
_WORD: Final = re.compile(r"[^\s\"'=\[\]{}]+")

Event = dict[str, Any]
Render = Callable[[Event, int], str]


class Lines(logging.Formatter):
    """Every record as one line."""

    def __init__(self, render: Render, *, prioritised: bool = False) -> None:
        """``prioritised``: journald takes the priority from the beginning of the line."""
        super().__init__()
        self.render = render
        self._prioritised = prioritised

    def format(self, record: logging.LogRecord) -> str:
        line = self.render(event_of(record), record.levelno)
        return f"<{_PRIORITIES.get(record.levelno, 6)}>{line}" if self._prioritised else line


def event_of(record: logging.LogRecord) -> Event:
    """``time``, ``level``, ``logger``, ``event``, the fields, ``error``, ``traceback``: harmless everywhere."""
    at = datetime.fromtimestamp(record.created, UTC)
    fields: Mapping[str, Any] = getattr(record, "fields", {})
    event: Event = {
        "time": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z",
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": _shown(_words(record)),
        **{name: _value(value) for name, value in fields.items() if value is not None},
    }
    if record.exc_info and record.exc_info[1] is not None:
        kind, error, trace = record.exc_info
        event["error"] = _shown(f"{type(error).__name__}: {error}")
        lines = masked("".join(traceback.format_exception(kind, error, trace))).splitlines()
        event["traceback"] = "\n".join(map(visible, lines))[-LONGEST_TRACEBACK:]
    return event


def _words(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # a library's words that do not fit its arguments
        return str(record.msg)


def _value(value: Any) -> Any:
    if isinstance(value, bool | int | float) and not isinstance(value, Enum):
        return value
    if isinstance(value, Mapping):
        return {_shown(str(name)): _value(one) for name, one in list(value.items())[:MOST_ITEMS]}
    if isinstance(value, list | tuple | set | frozenset):
        return [_value(one) for one in list(value)[:MOST_ITEMS]]
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return _shown(str(value))


def _shown(text: str) -> str:
    # Secrets go first: cut in two, they would not be known again.
    return visible(masked(text), LONGEST)[: 2 * LONGEST]


def as_json(event: Event, _level: int) -> str:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


def as_text(event: Event, _level: int) -> str:
    """``TIME LEVEL part: event name=value …``, for files and pipes."""
    time, level, logger, words, *fields = event.items()
    return (
        f"{time[1]} {level[1].upper()} {_part(logger[1])}: {words[1]}{''.join(f' {n}={_quoted(v)}' for n, v in fields)}"
    )


def for_terminals(*, colours: bool) -> Render:
    """What happened stands out, the rest steps back; only a traceback has more lines."""

    def painted(text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if colours else text

    def render(event: Event, level: int) -> str:
        rest = dict(event)
        time, name, logger, words = (rest.pop(key) for key in ("time", "level", "logger", "event"))
        trace = rest.pop("traceback", "")
        fields = "".join(f" {painted(f'{key}=', '2')}{_quoted(value)}" for key, value in rest.items())
        head = f"{painted(time[11:19], '2')} {painted(f'{name:8}', _COLOURS.get(level, _RED))} {painted(words, '1')}"
        line = f"{head} {fields} {painted(_part(logger), '2')}" if fields else f"{head} {painted(_part(logger), '2')}"
        return f"{line}\n{painted(trace, '2')}" if trace else line

    return render


def _part(logger: str) -> str:
    return logger.removeprefix("weaklink.")


def _quoted(value: Any) -> str:
    """A value as ``name=value`` has it: bare where it is one word."""
    if isinstance(value, list):
        return ",".join(map(_quoted, value)) or "-"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if _WORD.fullmatch(text) else json.dumps(text, ensure_ascii=False)
