"""An advisory as OSV tells it, cut down to what is read here."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import Struct

from config.severity import Severity


class Event(Struct, frozen=True):
    """One step on the line of versions: from here on affected, or not any more."""

    kind: str
    """``introduced``, ``fixed``, ``last_affected`` or ``limit``."""
    version: str


class Range(Struct, frozen=True):
    """Events of one line of versions; none where what is written cannot be read."""

    events: tuple[Event, ...] = ()


class Affected(Struct, frozen=True):
    """What an advisory says of one package."""

    subject: str
    """Its purl."""
    versions: tuple[str, ...] = ()
    ranges: tuple[Range, ...] = ()


class Advisory(Struct, frozen=True, kw_only=True):
    """One advisory. Texts are a stranger's."""

    id: str
    aliases: tuple[str, ...] = ()
    summary: str = ""
    malicious: bool = False
    """It reports the package itself, or releases of it, as malicious."""
    rating: Severity | None = None
    """What the database or the CVSS score says of it; None where neither does."""
    published_at: datetime | None = None
    modified_at: datetime | None = None
    withdrawn_at: datetime | None = None
    affected: tuple[Affected, ...] = ()

    @property
    def key(self) -> str:
        """The same for all advisories about one thing: databases name each other's among their aliases."""
        names = sorted({self.id, *self.aliases})
        return next((name for name in names if name.startswith("CVE-")), names[0])

    def of(self, subject: str) -> tuple[Affected, ...]:
        """What it says of one package."""
        return tuple(one for one in self.affected if one.subject == subject)


class Listed(Struct, frozen=True):
    """An advisory in a list: its id, and when it was last modified, as that list writes it."""

    id: str
    modified: str


def encode(advisory: Advisory) -> bytes:
    return msgspec.json.encode(advisory)


decode = msgspec.json.Decoder(Advisory).decode
