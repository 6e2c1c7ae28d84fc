"""The format of a timeline (docs/replay.md): read patiently, and what breaks it named with file, path and problem."""

from __future__ import annotations

import codecs
import difflib
import gzip
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct

from config.names import BadName, parse_domain
from config.settings import Settings
from monitor.advisories.model import Advisory
from monitor.changes.kinds import KINDS
from monitor.observations import Delegation, Domain, Outcome, Package, Registration
from monitor.sources.advisory import parse_advisory
from monitor.sources.decode import BadDocument, decode
from monitor.sources.packument import parse_packument
from monitor.sources.pypi import parse_pypi
from monitor.sources.rdap_reply import parse_rdap
from monitor.sources.whois_text import parse_whois
from monitor.verdict import verdict

LARGEST: Final = 256 * 1024 * 1024
NOTHING_VISIBLE: Final = "none-visible"
"""Stands in ``expect`` for an incident that neither metadata nor domain data showed."""


class ReplayError(Exception):
    """A file that breaks the format: file, path in it, problem."""


class _Told(Struct):
    """An observation as it stands in the file; a ``null`` is the same as nothing."""

    at: str
    packument: msgspec.Raw | msgspec.UnsetType = UNSET
    pypi: msgspec.Raw | msgspec.UnsetType = UNSET
    domain: msgspec.Raw | msgspec.UnsetType = UNSET
    advisory: msgspec.Raw | msgspec.UnsetType = UNSET


class _File(Struct):
    observations: list[_Told]
    id: str | None = None
    title: str | None = ""
    expect: list[str] | None = None
    quiet_until: str | None = None


class Observation(Struct):
    """One document that was seen at one moment, not yet read."""

    at: datetime
    place: str
    """Where it stands, for errors: ``observations[3]``."""
    sort: str
    """``packument``, ``pypi``, ``domain`` or ``advisory``."""
    document: msgspec.Raw


class Timeline(Struct):
    """What was seen of some packages and domains, in order, and what a watch should have said."""

    id: str
    title: str
    expect: tuple[str, ...]
    quiet_until: datetime | None
    observations: list[Observation]
    origin: str
    """The file it came from, for errors."""


def read(file: Path) -> Timeline:
    """The timeline in a file; ReplayError says what breaks the format, and where in it."""
    return parse(contents(file), str(file))


def contents(file: Path) -> bytes:
    """What is in a file, which may be gzipped; ReplayError where it is too large or damaged."""
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
            body = stream.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ReplayError(f"{file}: {error}") from None
    if len(body) > LARGEST:
        raise ReplayError(f"{file}: is larger than {LARGEST // 1024 // 1024} MB")
    return body.removeprefix(codecs.BOM_UTF8)


def parse(body: bytes, origin: str) -> Timeline:
    """The timeline that these bytes tell; ``origin`` names them in errors."""
    try:
        told = msgspec.json.decode(body, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReplayError(f"{origin}: {_located(error)}{_another_sort(body)}") from None
    if not told.observations:
        raise ReplayError(f"{origin}: observations: is empty; at least one is wanted")
    expect = tuple(told.expect or ())
    for index, kind in enumerate(expect):
        _known(kind, f"{origin}: expect[{index}]")
    observations = [
        one
        for index, several in enumerate(told.observations)
        for one in _seen(several, f"observations[{index}]", origin)
    ]
    return Timeline(
        id=told.id or name_of(Path(origin)),
        title=told.title or "",
        expect=expect,
        quiet_until=_moment(told.quiet_until, f"{origin}: quiet_until") if told.quiet_until else None,
        observations=sorted(observations, key=lambda one: one.at),
        origin=origin,
    )


def _located(error: Exception) -> str:
    """msgspec's words with the place first: ``$.observations[0].at: expected `str```."""
    problem, _, place = str(error).partition(" - at `$.")
    problem = problem[:1].lower() + problem[1:]
    return f"{place.rstrip('`')}: {problem}" if place else problem


def _another_sort(body: bytes) -> str:
    """What the file seems to be instead, and how it is replayed."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    keys = set(found) if isinstance(found, dict) else set()
    if {"ecosystem", "packages", "timeline"} <= keys:
        return "; this looks like the facts of an incident: --from incidents replays those"
    if keys & {"versions", "dist-tags"} or {"info", "urls"} <= keys:
        return "; this looks like a registry's document: --from documents replays those"
    return ""


def _known(kind: str, place: str) -> None:
    names = {*KINDS, NOTHING_VISIBLE}
    if kind not in names:
        near = difflib.get_close_matches(kind, sorted(names), n=1)
        raise ReplayError(f"{place}: {kind!r:.60} is no kind{f'; {near[0]!r} is' if near else ''} (docs/kinds.md)")


def _moment(text: str, place: str) -> datetime:
    """ISO 8601; without an offset it is UTC."""
    try:
        found = datetime.fromisoformat(text.strip().upper())
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ReplayError(f"{place}: {text!r:.60} is no time; write 2026-11-01T12:00:00Z") from None


def name_of(file: Path) -> str:
    return file.name.removesuffix(".gz").removesuffix(".json")


def _seen(told: _Told, place: str, origin: str) -> list[Observation]:
    """What was seen at one moment: one document, or several that stand together."""
    at = _moment(told.at, f"{origin}: {place}.at")
    sorts = ("packument", "pypi", "domain", "advisory")
    documents = {sort: document for sort in sorts if isinstance(document := getattr(told, sort), msgspec.Raw)}
    documents = {sort: document for sort, document in documents.items() if bytes(document) != b"null"}
    if not documents:
        raise ReplayError(f"{origin}: {place}: has none of packument, pypi, domain and advisory; one is wanted")
    return [Observation(at, place, sort, document) for sort, document in documents.items()]


def observe(told: Observation, origin: str) -> Package | Domain | Advisory:
    """The observation through the ordinary normaliser; ReplayError where it is none."""
    place = f"{origin}: {told.place}.{told.sort}"
    try:
        if told.sort == "packument":
            return parse_packument(bytes(told.document), _name(told))
        if told.sort == "pypi":
            return parse_pypi(bytes(told.document), _name(told))
        if told.sort == "advisory":
            return parse_advisory(bytes(told.document))
        document = msgspec.json.decode(told.document)
        if not isinstance(document, dict):
            raise BadDocument("is no JSON object")
        return _domain(document, told.at, place)
    except (BadDocument, BadName, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReplayError(f"{place}: {error}") from None


class _Info(Struct):
    name: str | msgspec.UnsetType | None = UNSET


class _Named(Struct):
    """What a document calls itself; the rest is read by its own reader."""

    name: str | msgspec.UnsetType | None = UNSET
    id: str | msgspec.UnsetType | None = msgspec.field(default=UNSET, name="_id")
    info: _Info | msgspec.UnsetType | None = UNSET


_named = msgspec.json.Decoder(_Named)


def _name(told: Observation) -> str:
    document = decode(bytes(told.document), _named)
    if told.sort == "pypi":
        found = document.info.name if isinstance(document.info, _Info) else None
    else:
        found = document.name if isinstance(document.name, str) and document.name else document.id
    if not isinstance(found, str) or not found:
        raise BadDocument("has no info.name" if told.sort == "pypi" else "has neither name nor _id")
    return found


def _domain(document: Mapping[str, Any], at: datetime, place: str) -> Domain:
    stated = document.get("name")
    if not isinstance(stated, str):
        raise BadDocument("has no name")
    name = parse_domain(stated)
    answer, rdap, whois = document.get("dns"), document.get("rdap"), document.get("whois")
    for key, value, wanted in (("rdap", rdap, dict), ("whois", whois, str), ("dns", answer, dict)):
        if value is not None and not isinstance(value, wanted):
            raise ReplayError(f"{place}.{key}: is neither {'text' if wanted is str else 'an object'} nor null")
    evidence: list[Registration | Delegation] = []
    delegation = _delegation(answer, at) if answer is not None else None
    if rdap is not None:
        named = any(isinstance(rdap.get(key), str) for key in ("ldhName", "unicodeName"))
        evidence.append(parse_rdap(rdap if named else {**rdap, "ldhName": name}, name, "replay", at))
    elif "rdap" in document and delegation is not None and delegation.outcome is Outcome.NOT_FOUND:
        # Asked, and nothing there: beside a DNS that has no such name either, null is the registry's 404.
        evidence.append(
            Registration(source="rdap", server="replay", at=at, outcome=Outcome.NOT_FOUND, reason="no such domain")
        )
    if whois is not None:
        evidence.append(parse_whois(whois, name, "replay", at))
    if delegation is not None:
        evidence.append(delegation)
    return verdict(name, evidence, at, Settings().domains.warn_days)


def _delegation(answer: Mapping[str, Any], at: datetime) -> Delegation:
    told = answer.get("rcode")
    rcode = told.upper() if isinstance(told, str) and told else "NOERROR"
    outcome = {"NOERROR": Outcome.FOUND, "NXDOMAIN": Outcome.NOT_FOUND}.get(rcode, Outcome.UNAVAILABLE)
    if outcome is not Outcome.FOUND:
        return Delegation(at=at, outcome=outcome, rcode=rcode[:20])
    servers, mail = _hosts(answer.get("ns")), _hosts(answer.get("mx"))
    return Delegation(
        at=at,
        outcome=outcome,
        rcode=rcode,
        nameservers=UNSET if servers is None else tuple(sorted(servers)),
        mail_exchangers=UNSET if mail is None else tuple(mail),
    )


def _hosts(told: Any) -> list[str] | None:
    """Host names as the DNS means them, without the preference before an exchanger; a null MX is none.

    A list of which a part cannot be read has not told them.
    """
    if not isinstance(told, list):
        return None
    names = [_host(one) for one in told]
    if any(name is None for name in names):
        return None
    return [name.lower().rstrip(".")[:253] for name in names if name and name.strip(".")]


def _host(one: Any) -> str | None:
    """The host of ``mail.x.org``, ``10 mail.x.org.``, ``[10, "mail.x.org"]`` or ``{"exchange": "mail.x.org"}``."""
    if isinstance(one, dict):
        one = next((one[key] for key in ("exchange", "host", "name", "target", "value") if key in one), None)
    elif isinstance(one, list):
        one = next((part for part in reversed(one) if isinstance(part, str)), None)
    return one.split()[-1] if isinstance(one, str) and one.strip() else None
