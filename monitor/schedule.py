"""When a target is due: as often as configured, spread out, oftener where it moves, later where it fails."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Final

from msgspec import Struct

from config.names import ECOSYSTEMS
from config.settings import Schedule
from monitor.observations import Domain

HOT_FOR = timedelta(days=2)
"""After a change a package is looked at oftener for so long: attacks come in steps."""
QUIET_AFTER = timedelta(days=30)
SOONEST = timedelta(minutes=5)
"""Registries let caches keep a packument for five minutes: looking oftener shows nothing new."""
CONFIRM_AFTER = timedelta(minutes=3)
"""Between the first sight of something grave and the second that confirms it."""
FIRST_RETRY = timedelta(minutes=1)
LATEST_RETRY = timedelta(hours=2)
"""However seldom a target is checked: once its source is back, what was missed is soon made good."""
AWAIT_SOONEST = timedelta(seconds=10)
AWAIT_LATEST = timedelta(minutes=5)
AWAIT_FOR = timedelta(minutes=15)
"""What a feed announced is looked for so long: caches have it after five minutes, seldom later."""
JITTER = 0.1
LATE = timedelta(minutes=5)
"""A check that is late by more is overdue, and what it told last is fresh no more."""
CHECKED: Final = (*ECOSYSTEMS, "domain")
"""The sources of whatever is ever due."""


class Due(Struct, frozen=True, kw_only=True):
    """A target whose check is due, with all that the check and its record need to know of it."""

    id: int
    subject: str
    sort: str
    source: str
    etag: str = ""
    last_modified: str = ""
    digest: str = ""
    failures: int = 0
    failing_since: datetime | None = None
    changed_at: datetime | None = None
    added_at: datetime | None = None
    domain: Domain | None = None
    """What is known of it, for a domain."""
    claim: int | None = None
    """The job that claimed it; its result counts only as long as the claim holds. None: nobody else can check it."""
    told_of: bool = False
    """A live feed tells of changes at its source, as whoever deferred the check knew."""
    check: str = ""
    """The id of its check, once that has begun (``monitor.trail``)."""


def sort_of(source: str) -> str:
    """The sort of targets that a source checks: an account has no source of its own, and is never due."""
    return "domain" if source == "domain" else "package"


def jittered(wait: timedelta, rng: Random) -> timedelta:
    """``wait`` give or take a tenth, so that what began together does not stay together."""
    return wait * (1 + JITTER * (2 * rng.random() - 1))


def interval(due: Due, schedule: Schedule, at: datetime) -> timedelta:
    """Time from one good check of a package or maintainer to the next: shorter when hot, longer when quiet."""
    if due.sort != "package":
        return schedule.maintainers
    moved = due.changed_at or due.added_at or at
    if due.changed_at is not None and at - due.changed_at < HOT_FOR:
        return max(min(SOONEST, schedule.packages), schedule.packages / 4)
    return schedule.packages * 2 if at - moved > QUIET_AFTER else schedule.packages


def after_success(due: Due, schedule: Schedule, at: datetime, rng: Random, wait: timedelta | None = None) -> datetime:
    """When to check again; ``wait`` replaces the usual interval (domains know their own)."""
    return at + jittered(interval(due, schedule, at) if wait is None else wait, rng)


def until_shown(announced_at: datetime, at: datetime) -> timedelta | None:
    """How long to wait for a document that a feed announced and a cache does not have yet; None to wait no more."""
    waited = at - announced_at
    return max(AWAIT_SOONEST, min(waited, AWAIT_LATEST)) if waited < AWAIT_FOR else None


def after_failure(
    due: Due, schedule: Schedule, at: datetime, rng: Random, retry_after: timedelta | None = None
) -> datetime:
    """When to try again: doubling from a minute to the usual interval or two hours; never before the source asked."""
    usual = {"package": schedule.packages, "domain": schedule.domains}.get(due.sort, schedule.maintainers)
    wait = min(usual, LATEST_RETRY, FIRST_RETRY * 2 ** min(due.failures, 16))
    return at + max(jittered(wait, rng), retry_after or timedelta(0))
