"""Where the log goes: one handler on standard error for everybody, libraries too."""

from __future__ import annotations

import logging
import os
import sys
import threading
from types import TracebackType
from typing import TextIO

from config.settings import LogFormat, LogLevel
from monitor.logs.allowance import Allowance
from monitor.logs.lines import Lines, as_json, as_text, for_terminals


def set_up(form: LogFormat = "auto", level: LogLevel = "info", stream: TextIO | None = None) -> None:
    """From now on everything that is logged in this process goes there, in this form; may be called again.

    ``auto`` is JSON for journald, colours for a terminal that has them (https://no-color.org), and plain lines else.
    """
    stream = stream or sys.stderr
    journal = _leads_to_journald(stream)
    if form == "json" or (form == "auto" and journal):
        formatter = Lines(as_json, prioritised=journal)
    elif stream.isatty():
        formatter = Lines(for_terminals(colours=not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"))
    else:
        formatter = Lines(as_text, prioritised=journal)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    handler.addFilter(Allowance())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("weaklink").setLevel(level.upper())
    # A tick that comes while the last one is still at work is left out; on a busy machine that is no news.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    logging.captureWarnings(True)
    sys.excepthook = _broke
    threading.excepthook = lambda one: _broke(one.exc_type, one.exc_value, one.exc_traceback)


def form_in_use() -> str:
    """``json``, ``text``, or ``""`` for a command that keeps no log. With ``json`` diagnostics are events too."""
    formatters = (handler.formatter for handler in logging.getLogger().handlers)
    found = next((one for one in formatters if isinstance(one, Lines)), None)
    return "" if found is None else "json" if found.render is as_json else "text"


def _leads_to_journald(stream: TextIO) -> bool:
    """Systemd says in ``JOURNAL_STREAM`` which file it connected to the journal: a pipe set up later is another."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def _broke(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    """What nobody caught is an event like any other."""
    if error is not None and not issubclass(kind, KeyboardInterrupt | SystemExit):
        logging.getLogger("weaklink.process").critical("weaklink broke", exc_info=(kind, error, trace))
