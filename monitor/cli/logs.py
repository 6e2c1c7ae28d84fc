"""What commands that run for long are asked about their log; the configuration has the defaults."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, get_args

import click

from config.settings import LogFormat, LogLevel, Settings
from monitor.logs.setup import set_up


class LogAs:
    """What the command line says of the log: it goes before what the configuration says."""

    def __init__(self, form: LogFormat | None, level: LogLevel | None) -> None:
        self._form, self._level = form, level
        # Whatever is wrong with the configuration is said in this form too.
        set_up(form or "auto", level or "info")

    def asked_for(self, settings: Settings) -> None:
        """Take up what the configuration asks for, at the start and after each edit."""
        set_up(self._form or settings.log.format, self._level or settings.log.level)


def log_options(command: Callable[..., None]) -> Callable[..., None]:
    """``--log-format`` and ``--log-level``; the command gets ``log_as``."""

    @click.option("--log-format", type=click.Choice(get_args(LogFormat)), help="Default: log.format.")
    @click.option("--log-level", type=click.Choice(get_args(LogLevel)), help="Default: log.level.")
    @wraps(command)
    def with_log(*args: Any, log_format: LogFormat | None, log_level: LogLevel | None, **options: Any) -> None:
        command(*args, log_as=LogAs(log_format, log_level), **options)

    return with_log
