"""How every part says what happens: one event in our own words, and what it is about as fields beside it.

``log.warning("message not taken", channel=name, attempt=3)``: the event never varies, so that programs can count it;
what strangers wrote stands in fields only. How a line looks is decided in one place (``monitor.logs``).
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any, Final

_LOGGING: Final = ("exc_info", "stack_info", "stacklevel")


class Log(logging.LoggerAdapter[logging.Logger]):
    """A logger whose keyword arguments are the fields of the event."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        passed = {name: kwargs.pop(name) for name in _LOGGING if name in kwargs}
        return msg, {**passed, "extra": {"fields": dict(kwargs)}}


def log_of(part: str) -> Log:
    """The log of one part of weaklink: ``watcher``, ``deliver``."""
    return Log(logging.getLogger(f"weaklink.{part}"), {})
