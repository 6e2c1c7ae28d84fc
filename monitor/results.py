"""What becomes of one check, before it is recorded."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

from monitor.observations import Domain, Package
from monitor.schedule import Due
from monitor.validators import Validators


class Unchanged(Struct, frozen=True, kw_only=True):
    """The source says that nothing has changed since the last check, or sent the same bytes again."""

    due: Due
    at: datetime
    validators: Validators


class Seen(Struct, frozen=True, kw_only=True):
    """The source told something that has to be compared."""

    due: Due
    at: datetime
    observation: Package | Domain
    validators: Validators = Validators()
    published: dict[str, datetime | None] = {}
    """When new dependencies were first published, where that was looked up."""
    looked_up: bool = False
    """Nothing more can be learned about the age of its new dependencies."""


class Failed(Struct, frozen=True, kw_only=True):
    """The check could not be completed; it says nothing about the target."""

    due: Due
    at: datetime
    host: str
    reason: str
    retry_after: timedelta | None = None


Result = Unchanged | Seen | Failed
