"""A change and a kind of change: one entry each in one table (``monitor.changes.kinds``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from config.settings import Thresholds
from config.severity import Severity
from monitor.observations import Domain, Package, Release


class Change(Struct, frozen=True, kw_only=True):
    """One difference between two snapshots of one subject, as a pure comparison finds it."""

    kind: str
    subject: str
    """A purl without version, or ``domain:NAME``."""
    before: Any = None
    after: Any = None
    happened_at: datetime | None = None
    """When it happened at the source, where the source says so."""
    version: str = ""
    """The release it is about."""
    account: str = ""
    """The account it is about (name without ecosystem), never a shared pseudo-account."""
    evidence: Mapping[str, Any] = {}
    severity: Severity | None = None
    """Where the facts make it more or less grave than the kind's default."""


class Context(Struct, frozen=True):
    """What a comparison may know besides the two snapshots."""

    now: datetime
    thresholds: Thresholds
    warn_days: tuple[int, ...] = (60, 30, 14, 7, 1)
    withdrawn: Mapping[str, Release] = {}
    """Releases that were once served and are not in ``before`` any more: one that comes back is compared with these,
    and their publishers are no newcomers."""
    published: Mapping[str, datetime | None] = {}
    """When packages named as new dependencies were first published, where that was looked up."""
    used_since: datetime | None = None
    """For a domain that is looked at for the first time: when the first known release with an address on it came."""


Compare = Callable[[Package, Package, Context], Iterable[Change]]
CompareDomain = Callable[[Domain, Domain, Context], Iterable[Change]]


class Kind(Struct, frozen=True, kw_only=True):
    """One kind of change: what it is called, how grave it is, why it matters and what to do."""

    id: str
    subject: str
    """``package``, ``domain``, ``signal`` or ``watch``."""
    severity: Severity
    title: str
    """A format string over the change: ``{name} has a new maintainer: {after}``."""
    why: str
    advice: str
    clears: str = ""
    """The kind whose alert this one resolves: ``undeprecated`` clears ``deprecated``."""
