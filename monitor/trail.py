"""The trail that one check leaves: an id from its beginning on, in the log, its changes and the messages about them.

A check that found nothing new leaves one line at debug, and none above: 10,000 of them an hour fill no disk.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from random import Random
from typing import Any, Final

from config.log import log_of
from monitor.record import Outcome
from monitor.results import Failed, Result, Seen, Unchanged

log = log_of("checks")

_DIGITS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: nothing that reads like something else."""


def check_id(at: datetime, rng: Random) -> str:
    """Thirteen characters that sort by time: nine of the milliseconds since 1970, four of chance."""
    number = int(at.timestamp() * 1000) << 20 | rng.getrandbits(20)
    return "".join(_DIGITS[number >> shift & 31] for shift in range(60, -1, -5))


def answered(result: Result, seconds: float) -> None:
    """A check ended, after so long."""
    due, outcome = result.due, _outcome(result)
    failed: dict[str, Any] = {"host": result.host, "reason": result.reason} if isinstance(result, Failed) else {}
    # That it fails still is no news; ``status`` and ``target-failing`` tell of it.
    level = logging.WARNING if failed and not due.failures else logging.DEBUG
    if log.isEnabledFor(level):
        event = "check failed" if failed else "checked"
        log.log(level, event, **_of(result), outcome=outcome, seconds=round(seconds, 3), **failed)


def recorded(results: Sequence[Result], outcome: Outcome) -> None:
    """What these checks came to, besides changes, once it stands in the database."""
    suspected = set(outcome.suspected)
    for result in results:
        if result.due.subject in suspected:
            log.info("grave if true: a second check will tell", **_of(result))
        if result.due.failing_since is not None and not isinstance(result, Failed):
            log.info("checked again after failures", **_of(result), failing_since=result.due.failing_since)


def _of(result: Result) -> dict[str, Any]:
    return {"check": result.due.check, "subject": result.due.subject, "source": result.due.source}


def _outcome(result: Result) -> str:
    return {Unchanged: "unchanged", Seen: "seen", Failed: "failed"}[type(result)]
