"""A fact file of one incident: what public sources state of it, read patiently. No observation is made here."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from monitor.replay.timelines import ReplayError, contents
from monitor.sources.decode import BadDocument, decode

NOON: Final = timedelta(hours=12)
STEP: Final = timedelta(minutes=1)
"""Between things that a source puts into the same period without saying when."""


class Version(Struct):
    """A version that a source names, with its publish time as exactly as the source has it."""

    package: str | None = None
    version: str | None = None
    published_at: str | None = None


class Scripts(Struct):
    """Install scripts by key; a text that is ``None`` is unknown. ``before`` is ``None`` where nothing is said."""

    before: dict[str, str | None] | None = None
    after: dict[str, str | None] | None = None
    dependency: dict[str, Any] | None = None
    implicit: Any = None

    def of_dependency(self, package: str) -> dict[str, str | None]:
        """Scripts of a package that the attack brings along, by key."""
        told = (self.dependency or {}).get(package)
        if isinstance(told, dict):
            return {key: text if isinstance(text, str) else None for key, text in told.items()}
        return dict.fromkeys(key for key in (told if isinstance(told, list) else [told]) if isinstance(key, str))


class People(Struct):
    """Who published one package."""

    before: str | None = None
    after: str | None = None


class DomainFacts(Struct):
    name: str | None = None
    expired_at: str | None = None
    reregistered_at: str | None = None
    registrar: str | None = None
    nameservers: list[str] | None = None


class Detection(Struct):
    first_bad_at: str | None = None


class Event(Struct):
    """One thing that happened; ``fields`` is what of it is told for machines."""

    at: str | None = None
    what: str | None = None
    event: str | None = None
    fields: dict[str, Any] | None = None

    def list_of(self, one: str, many: str) -> list[str]:
        """The names under either key, where they are told; a number of them is no name."""
        told = self.fields or {}
        found = told.get(many) if isinstance(told.get(many), list) else [told.get(one)]
        return [name for name in found or [] if isinstance(name, str)]

    def text(self, key: str) -> str:
        found = (self.fields or {}).get(key)
        return found if isinstance(found, str) else ""


class _Needed(Struct):
    """Without these there is no incident."""

    id: str
    ecosystem: Literal["npm", "pypi"]
    packages: list[str]
    timeline: list[Any]


class Facts(Struct):
    """A fact file; what it leaves out or has as ``null`` is unknown."""

    id: str
    ecosystem: Literal["npm", "pypi"]
    packages: list[str]
    timeline: list[Event]
    title: str | None = ""
    bad_versions: list[Version] | None = None
    last_good: Version | None = None
    publisher_before: str | None = None
    publisher_after: str | None = None
    publishers: dict[str, People] | None = None
    maintainers_before: list[str] | None = None
    maintainers_after: list[str] | None = None
    publisher_email_domain_after: str | None = None
    install_scripts: Scripts | None = None
    dependencies_added: list[str] | None = None
    dependency_ranges: dict[str, dict[str, str | None]] | None = None
    provenance_before: str | None = None
    provenance_after: str | None = None
    domain: DomainFacts | None = None
    detection: Detection | None = None
    expect_strict: list[str] | None = None
    expect_other: list[str] | None = None


_decoder: Final = msgspec.json.Decoder(Facts)


def read_facts(file: Path) -> Facts:
    """The facts in a file; ReplayError says what breaks their shape, and where.

    Of what is not needed, a part of another shape is left out: it is then unknown.
    """
    facts = _decoded(contents(file), file)
    if not facts.packages:
        raise ReplayError(f"{file}: packages: is empty; the first one is the one the incident is about")
    return replace(facts, domain=_domain(facts))


def _decoded(body: bytes, file: Path) -> Facts:
    try:
        msgspec.json.decode(body, type=_Needed)
        return decode(body, _decoder)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, BadDocument) as error:
        raise ReplayError(f"{file}: {error}") from None


def _domain(facts: Facts) -> DomainFacts | None:
    """What is told of a domain, also by the events alone."""
    told = replace(facts.domain) if facts.domain else DomainFacts()
    for event in facts.timeline:
        if event.event == "domain-expire":
            told.expired_at = told.expired_at or event.text("expired_at") or event.at
        elif event.event == "domain-register":
            told.reregistered_at = told.reregistered_at or event.text("registered_at") or event.at
        else:
            continue
        told = replace(
            told, name=told.name or event.text("domain"), registrar=told.registrar or event.text("registrar")
        )
    return told if told.name else None


_PARTIAL: Final = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?")


def moment(text: str | None) -> tuple[datetime, bool] | None:
    """The earliest moment that a source's date can mean (UTC), and whether it tells the minute; None for no date."""
    if not text:
        return None
    try:
        if whole := _PARTIAL.fullmatch(text.strip()):
            year, month, day = (int(part) if part else 1 for part in whole.groups())
            return datetime(year, month, day, tzinfo=UTC), False
        found = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        return None
    return (found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)), True


def times(dates: list[str | None], start: datetime) -> list[datetime]:
    """A moment for each of these dates, in the given order: exact where a source is, else plausible within it.

    A day is taken at noon, unless what comes before or after it leaves less room.
    """
    told = [moment(date) for date in dates]
    found: list[datetime] = []
    last = start
    for index, one in enumerate(told):
        if one is not None and one[1]:
            at = one[0]
        else:
            later = (other[0] for other in told[index + 1 :] if other is not None and other[1])
            bound = min(later, default=None)
            at = max(one[0] + NOON if one else last, last)
            if bound is not None and at >= bound > start:
                at = max(bound - STEP * (len(told) - index), min(last, bound - STEP))
        last = max(last, at + STEP)
        found.append(at)
    return found
