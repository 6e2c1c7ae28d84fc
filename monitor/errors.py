"""The two ways in which a source fails to give a fact. Nothing else leaves a source."""

from __future__ import annotations

from datetime import timedelta


class SourceError(Exception):
    """A check could not be completed; says which host and why, in one printable line."""

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(f"{host}: {reason}")
        self.host = host
        self.reason = reason


class Unavailable(SourceError):
    """Try later: time-out, 5xx, 429, broken or foreign body. ``retry_after`` is what the server asked for."""

    def __init__(self, host: str, reason: str, retry_after: timedelta | None = None) -> None:
        super().__init__(host, reason)
        self.retry_after = retry_after


class Refused(SourceError):
    """A definite answer that this cannot be served as asked: 401, 403, a name that is not allowed."""
