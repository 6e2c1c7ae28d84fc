"""From bytes to records: whole blocks at once where they are well-formed, line by line where they are not."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct

from monitor.observations import Package
from monitor.signals.w2_script import runs_on_install
from monitor.signals.w3_silence import last_release
from monitor.signals.w5_contributors import contributors
from monitor.sources.decode import BadDocument
from monitor.sources.packument import parse_packument
from monitor.study.faults import Fault, Faults, place
from monitor.study.lines import Block
from monitor.study.records import COLUMNS, FIELDS, Record, Seat

MOST_VERSIONS: Final = 100_000
"""Versions of one packument; the longest histories of npm have some ten thousand."""
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
"""Dates in the future are not put right here: they are faults of the input."""
_ABSENT: Final = msgspec.Raw()
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_decoder: Final = msgspec.json.Decoder(Record)


class _Outline(Struct, rename={"id": "_id", "dist_tags": "dist-tags"}):
    """An object with its parts still as bytes: enough to tell what it is, and to judge each part alone."""

    name: msgspec.Raw = _ABSENT
    maintainers: msgspec.Raw = _ABSENT
    contributors: msgspec.Raw = _ABSENT
    last_release_at: msgspec.Raw = _ABSENT
    install_script: msgspec.Raw = _ABSENT
    dependents: msgspec.Raw = _ABSENT
    id: msgspec.Raw = _ABSENT
    versions: msgspec.Raw = _ABSENT
    dist_tags: msgspec.Raw = _ABSENT
    time: msgspec.Raw = _ABSENT


_outline: Final = msgspec.json.Decoder(_Outline)
_column: Final = {column: msgspec.json.Decoder(type_) for column, type_ in FIELDS.items()}
_versions: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_block(block: Block, file: int, faults: Faults) -> tuple[list[Record], Sequence[int]]:
    """The records of a block with their places; whatever is wrong in it is noted."""
    first = place(file, block.first_line)
    if block.data is None:
        faults.note(Fault.LONG_LINE, [first])
        return [], []
    if b'"versions"' not in block.data and b'"dist-tags"' not in block.data and b'"unpublished"' not in block.data:
        records: list[Record] = []
        with suppress(*_UNREADABLE):
            records = _decoder.decode_lines(block.data)
        if records and _one_a_line(block.data, len(records)):
            return records, range(first, first + len(records))
    found: list[Record] = []
    places: list[int] = []
    if block.data.isspace():
        return found, places
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
    except msgspec.ValidationError:
        faults.note(Fault.BROKEN_LINE, [at], reason="JSON, but no object")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        faults.note(Fault.BROKEN_LINE, [at], reason=str(error))
    except RecursionError:
        faults.note(Fault.BROKEN_LINE, [at], reason="nested too deep")
    else:
        if outline.versions or outline.dist_tags or outline.time:
            return _packument(text, outline, at, faults)
        return _flat(text, outline, at, faults)
    return None


def _flat(text: bytes, outline: _Outline, at: int, faults: Faults) -> Record | None:
    """A flat record; a value that is not what it should be is unknown."""
    with suppress(*_UNREADABLE):
        return _decoder.decode(text)
    try:
        facts: dict[str, Any] = {"name": _column["name"].decode(outline.name)}
    except _UNREADABLE:
        faults.note(Fault.NO_NAME, [at])
        return None
    for column in COLUMNS[1:]:
        if part := getattr(outline, column):
            try:
                facts[column] = _column[column].decode(part)
            except _UNREADABLE as error:
                faults.note(Fault.WRONG_TYPE, [at], column=column, reason=str(error))
    return Record(**facts)


def _packument(text: bytes, outline: _Outline, at: int, faults: Faults) -> Record | None:
    try:
        name = _column["name"].decode(outline.name or outline.id)
    except _UNREADABLE:
        faults.note(Fault.NO_NAME, [at])
        return None
    try:
        if len(outline.versions) > MOST_VERSIONS and len(_versions.decode(outline.versions)) > MOST_VERSIONS:
            raise BadDocument(f"more than {MOST_VERSIONS:,} versions")
        package = parse_packument(text, name)
    except (BadDocument, *_UNREADABLE) as error:
        faults.note(Fault.BROKEN_LINE, [at], reason=str(error))
        return None
    if not package.releases:
        faults.note(Fault.NO_VERSIONS, [at])
        return None
    return record_of(package)


def record_of(package: Package) -> Record:
    """What the study reads of a package that was observed, as the signals of ``monitor.signals`` see it."""
    last, named, runs = last_release(package, _NEVER), contributors(package), runs_on_install(package)
    return Record(
        name=package.name,
        maintainers=None
        if package.maintainers is UNSET
        else [Seat(one.name, None if one.email is UNSET else one.email) for one in package.maintainers],
        contributors=None if named is UNSET else named,
        last_release_at=None if last is UNSET else last.isoformat(),
        install_script=None if runs is UNSET else runs is not None,
    )
