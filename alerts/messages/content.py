"""What a message says, whatever it is shown on. Strings are as they came; each medium escapes them for itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct

from alerts.matching import View


class Fact(Struct, frozen=True, kw_only=True):
    """One finding: what it was, what it is."""

    kind: str
    subject: str
    title: str
    before: Any = None
    after: Any = None
    at: datetime
    happened_at: datetime | None = None
    check: str = ""
    """The check that found it: the log tells of it by this id."""


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
    more_facts: int = 0
    """Facts that are not listed."""
    concerns: tuple[str, ...] = ()
    """What else hangs on it: ``accounts: npm:~alice``, ``packages: npm:left-pad and 39 more``."""
    reach: tuple[str, ...] = ()
    """``shop (web-team): direct``, ``api: express -> qs, 1.2.3 in use``."""
    link: str = ""
    links: tuple[tuple[str, str], ...] = ()
    """Pages to look at next, as ``(words, URL)``."""
    opened_at: datetime | None = None
    ended_by: str = ""
    """Who resolved it, where a person did."""
    note: str = ""


class Coming(Struct, frozen=True, kw_only=True):
    """Something that will happen, with its day: for digests."""

    at: datetime
    subject: str
    title: str
    view: View
    """For the routes: whom it reaches."""


class Line(Struct, frozen=True, kw_only=True):
    """One line of a list in a digest: what is still open, or what comes up."""

    when: datetime
    severity: str
    title: str
    link: str = ""


class Message(Struct, frozen=True, kw_only=True):
    """One message: about one alert, or about several that belong together."""

    kind: str
    """first, update, reopened, reminder, resolved, digest, escalation, test or heartbeat."""
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
    still: tuple[Line, ...] = ()
    """In a digest: what was told before and is open still, by the day on which it was opened."""
    more_still: int = 0
    coming: tuple[Line, ...] = ()
    """In a digest: what comes up in the next weeks, by its day."""
    more_coming: int = 0
    link: str = ""
    """Where all alerts are seen; ``""`` without local pages."""

    @property
    def checks(self) -> list[str]:
        """The checks behind what it lists."""
        return sorted({fact.check for item in self.items for fact in item.facts if fact.check})
