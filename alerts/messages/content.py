"""What a message says, whatever it is shown on. Strings are as they came; each medium escapes them for itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct


class Fact(Struct, frozen=True, kw_only=True):
    """One finding: what it was, what it is."""

    kind: str
    subject: str
    title: str
    before: Any = None
    after: Any = None
    at: datetime
    happened_at: datetime | None = None


class Item(Struct, frozen=True, kw_only=True):
    """One alert in a message."""

    alert: int
    severity: str
    state: str
    subject: str
    title: str
    why: str = ""
    advice: str = ""
    reason: str = ""
    """Why it is graver than its parts."""
    facts: tuple[Fact, ...] = ()
    concerns: tuple[str, ...] = ()
    """What else hangs on it: ``accounts: npm:~alice``, ``packages: npm:left-pad and 39 more``."""
    reach: tuple[str, ...] = ()
    """``shop (web-team): direct``, ``api: express -> qs, 1.2.3 in use``."""
    link: str = ""


class Message(Struct, frozen=True, kw_only=True):
    """One message: about one alert, or about several that belong together."""

    kind: str
    """first, update, reminder, resolved, digest, escalation, test or heartbeat."""
    severity: str
    title: str
    items: tuple[Item, ...] = ()
    thread: str = ""
    """The same for all messages about one group: e-mail and chats thread by it."""
    at: datetime
    text: str = ""
    """The whole text of a message that is about no alert."""
    more: int = 0
    """Alerts that are not listed."""
