"""OSV's document of one advisory, read patiently and within bounds (schema: https://ossf.github.io/osv-schema/)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from cvss import CVSS2, CVSS3, CVSS4, CVSSError
from msgspec import UNSET, Struct, UnsetType

from config.names import BadName, package_purl
from config.severity import Severity
from monitor.advisories.model import Advisory, Affected, Event, Range
from monitor.sources.decode import BadDocument, bounded_depth, decode, moment

LARGEST: Final = 4 * 1024 * 1024
"""Bytes of one document."""
MOST_PACKAGES: Final = 5000
MOST_VERSIONS: Final = 20_000
MOST_EVENTS: Final = 2000
MOST_ALIASES: Final = 50
LONGEST_SUMMARY: Final = 300
_LONGEST_VERSION: Final = 200

_ID: Final = re.compile(r"[A-Za-z][A-Za-z0-9._:-]{1,99}")
_ECOSYSTEMS: Final = {"npm": "npm", "PyPI": "pypi"}
_EVENTS: Final = ("introduced", "fixed", "last_affected", "limit")
_WORDS: Final = {
    "LOW": Severity.LOW,
    "MODERATE": Severity.MEDIUM,
    "MEDIUM": Severity.MEDIUM,
    "HIGH": Severity.HIGH,
    "CRITICAL": Severity.CRITICAL,
}
_CVSS: Final = {"CVSS_V2": CVSS2, "CVSS_V3": CVSS3, "CVSS_V4": CVSS4}
_MALICIOUS_CODE: Final = "CWE-506"


class _Package(Struct):
    ecosystem: str | UnsetType = UNSET
    name: str | UnsetType = UNSET


class _Score(Struct):
    type: str | UnsetType = UNSET
    score: str | UnsetType = UNSET


class _Database(Struct):
    severity: str | UnsetType = UNSET
    cwe_ids: list[str] | UnsetType = UNSET


class _Range(Struct):
    type: str | UnsetType = UNSET
    events: list[Any] | UnsetType = UNSET


class _Affected(Struct):
    package: _Package | UnsetType = UNSET
    versions: list[str] | UnsetType | None = UNSET
    ranges: list[_Range] | UnsetType | None = UNSET
    severity: list[_Score] | UnsetType | None = UNSET


class _Document(Struct):
    id: str | UnsetType = UNSET
    modified: str | UnsetType = UNSET
    published: str | UnsetType = UNSET
    withdrawn: str | UnsetType | None = UNSET
    aliases: list[str] | UnsetType | None = UNSET
    summary: str | UnsetType | None = UNSET
    details: str | UnsetType | None = UNSET
    severity: list[_Score] | UnsetType | None = UNSET
    affected: list[_Affected] | UnsetType | None = UNSET
    database_specific: _Database | UnsetType | None = UNSET


_decoder: Final = msgspec.json.Decoder(_Document)


def is_id(text: str) -> bool:
    """Whether this can be the id of an advisory; only such ids are asked for."""
    return _ID.fullmatch(text) is not None


def parse_advisory(body: bytes) -> Advisory:
    """The advisory in a document; BadDocument where it is none."""
    if len(body) > LARGEST:
        raise BadDocument(f"the advisory is larger than {LARGEST // 1024**2} MB")
    with bounded_depth():
        document = decode(body, _decoder)
    if not isinstance(document.id, str) or not is_id(document.id):
        raise BadDocument("the advisory has no id")
    aliases = tuple(one for one in (document.aliases or ())[:MOST_ALIASES] if is_id(one))
    affected = tuple(_affected(document.affected or ()))
    database = document.database_specific or _Database()
    weaknesses = database.cwe_ids or ()
    return Advisory(
        id=document.id,
        aliases=aliases,
        summary=_summary(document),
        malicious=any(name.startswith("MAL-") for name in (document.id, *aliases)) or _MALICIOUS_CODE in weaknesses,
        rating=_rating(document, database),
        published_at=moment(document.published),
        modified_at=moment(document.modified),
        withdrawn_at=moment(document.withdrawn),
        affected=affected,
    )


def _summary(document: _Document) -> str:
    told = document.summary or ""
    if not told.strip():
        told = next((line for line in (document.details or "")[:4000].splitlines() if line.strip(" #-=*")), "")
    return " ".join(told[: 4 * LONGEST_SUMMARY].split())[:LONGEST_SUMMARY]


def _affected(told: Iterable[_Affected]) -> Iterable[Affected]:
    versions = events = 0
    for number, one in enumerate(told):
        if number >= MOST_PACKAGES:
            raise BadDocument(f"the advisory names more than {MOST_PACKAGES} packages")
        package = one.package or _Package()
        ecosystem = _ECOSYSTEMS.get((package.ecosystem or "").partition(":")[0])
        if ecosystem is None or not isinstance(package.name, str):
            continue
        try:
            subject = package_purl(ecosystem, package.name)
        except BadName:
            continue
        ranges = tuple(_range(found) for found in one.ranges or () if found.type != "GIT")
        listed = tuple(version for version in one.versions or () if len(version) <= _LONGEST_VERSION)
        versions += len(listed)
        events += sum(len(found.events) for found in ranges)
        if versions > MOST_VERSIONS or events > MOST_EVENTS:
            raise BadDocument("the advisory lists more versions than any honest one")
        yield Affected(subject, listed, ranges)


def _range(told: _Range) -> Range:
    """The events as they stand; none where one of them cannot be read: half a range would say something else."""
    events = []
    for one in told.events or ():
        names = [name for name in _EVENTS if name in one] if isinstance(one, dict) else []
        if len(names) != 1 or not isinstance(one[names[0]], str) or len(one[names[0]]) > _LONGEST_VERSION:
            return Range()
        events.append(Event(names[0], one[names[0]]))
    return Range(tuple(events))


def _rating(document: _Document, database: _Database) -> Severity | None:
    """The word of the database that published it, else the highest CVSS score."""
    if isinstance(database.severity, str) and (word := _WORDS.get(database.severity.upper())) is not None:
        return word
    scores = [*(document.severity or ()), *(score for one in document.affected or () for score in one.severity or ())]
    return max((found for score in scores[:20] if (found := _scored(score)) is not None), default=None)


def _scored(told: _Score) -> Severity | None:
    kind = _CVSS.get(told.type or "")
    if kind is None or not isinstance(told.score, str) or len(told.score) > 300:
        return None
    try:
        word = kind(told.score).severities()[0]
    except (CVSSError, ValueError, ArithmeticError, KeyError, IndexError):
        return None
    return _WORDS.get(str(word).upper(), Severity.LOW)
