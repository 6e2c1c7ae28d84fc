"""From bytes to records: whole blocks at once where they are well-formed, line by line where they are not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct

from monitor.observations import Package
from monitor.sources.decode import BadDocument
from monitor.sources.packument import parse_packument
from monitor.study.faults import Fault, Faults, place
from monitor.study.lines import Block
from monitor.study.records import FIELDS, LONGEST_NAME, Name, Record, Seat

_decoder: Final = msgspec.json.Decoder(Record)


class _Outline(Struct, rename={"dist_tags": "dist-tags"}):
    """Enough of an object to tell what it is."""

    name: msgspec.Raw = msgspec.Raw()
    id: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="_id")
    versions: msgspec.Raw = msgspec.Raw()
    dist_tags: msgspec.Raw = msgspec.Raw()
    time: msgspec.Raw = msgspec.Raw()


_outline: Final = msgspec.json.Decoder(_Outline)


def read_block(block: Block, file: int, faults: Faults) -> tuple[list[Record], Sequence[int]]:
    """The records of a block with their places; whatever is wrong in it is noted."""
    first = place(file, block.first_line)
    if block.data is None:
        faults.note(Fault.LONG_LINE, [first])
        return [], []
    if b'"versions"' not in block.data and b'"dist-tags"' not in block.data and b'"unpublished"' not in block.data:
        try:
            records = _decoder.decode_lines(block.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            records = []
        if records and _one_a_line(block.data, len(records)):
            return records, range(first, first + len(records))
    found: list[Record] = []
    places: list[int] = []
    for at, line in enumerate(block.data.split(b"\n"), start=first):
        if line.strip() and (record := read_document(line, at, faults)) is not None:
            found.append(record)
            places.append(at)
    return found, places


def _one_a_line(data: bytes, records: int) -> bool:
    """Whether each line holds one record, so that the line of each is known.

    Between two objects that follow each other stands at most white space, and inside of one no newline can stand
    between ``}`` and ``{``.
    """
    boundaries = data.count(b"}\n{") + data.count(b"}\r\n{")
    return boundaries == records - 1 and data.count(b"\n") == boundaries + data.endswith(b"\n")


def read_document(text: bytes, at: int, faults: Faults) -> Record | None:
    """One flat record or one packument; None for what is neither, which is noted."""
    try:
        outline = _outline.decode(text)
        if outline.versions or outline.dist_tags or outline.time:
            return _packument(text, outline, at, faults)
        return _decoder.decode(text)
    except msgspec.ValidationError:
        return _patiently(text, at, faults)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        faults.note(Fault.BROKEN_LINE, [at], reason=str(error))
    except RecursionError:
        faults.note(Fault.BROKEN_LINE, [at], reason="nested too deep")
    return None


def _patiently(text: bytes, at: int, faults: Faults) -> Record | None:
    """A record of which some value is not what it should be: that value is unknown."""
    try:
        told = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        faults.note(Fault.BROKEN_LINE, [at], reason=str(error))
        return None
    except RecursionError:
        faults.note(Fault.BROKEN_LINE, [at], reason="nested too deep")
        return None
    if not isinstance(told, dict):
        faults.note(Fault.BROKEN_LINE, [at], reason="JSON, but no object")
        return None
    try:
        facts: dict[str, Any] = {"name": msgspec.convert(told.get("name"), Name)}
    except msgspec.ValidationError:
        faults.note(Fault.NO_NAME, [at])
        return None
    for column in told.keys() & FIELDS.keys() - {"name"}:
        try:
            facts[column] = msgspec.convert(told[column], FIELDS[column])
        except msgspec.ValidationError as error:
            faults.note(Fault.WRONG_TYPE, [at], column=column, reason=str(error))
    return Record(**facts)


def _packument(text: bytes, outline: _Outline, at: int, faults: Faults) -> Record | None:
    try:
        name = msgspec.json.decode(outline.name or outline.id or b"null")
        if not isinstance(name, str) or not 1 <= len(name) <= LONGEST_NAME:
            faults.note(Fault.NO_NAME, [at])
            return None
        package = parse_packument(text, name)
    except (BadDocument, msgspec.DecodeError) as error:
        faults.note(Fault.BROKEN_LINE, [at], reason=str(error))
        return None
    if not package.releases:
        faults.note(Fault.NO_VERSIONS, [at])
        return None
    return record_of(package)


def record_of(package: Package) -> Record:
    """What the study reads of a package that was observed.

    The last release is unknown where a served one has no date; one that was taken back counts as well (W3).
    """
    releases = package.releases or {}
    latest = releases.get(package.latest) if package.latest is not UNSET else None
    dates = [release.published_at for release in releases.values()]
    known = [at for at in dates if at is not UNSET]
    if package.withdrawn is not UNSET:
        known += [at for at in package.withdrawn.values() if at is not None]
    runs = None if latest is None or latest.scripts is UNSET else bool(latest.scripts)
    return Record(
        name=package.name,
        maintainers=None
        if package.maintainers is UNSET
        else [Seat(one.name, None if one.email is UNSET else one.email) for one in package.maintainers],
        contributors=None if package.contributors is UNSET else len(package.contributors),
        last_release_at=max(known).isoformat() if known and UNSET not in dates else None,
        install_script=runs,
    )
