"""The notation of Yarn 1's lock file: blocks of fields and tables, told apart by their indentation."""

from __future__ import annotations

import json
import re
from typing import Final

from msgspec import Struct, field

from config.manifests.documents import text_of
from config.manifests.files import File

_MEND: Final = "make it anew with yarn install"
_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_KEY: Final = rf"{_QUOTED}|[^\s\":,][^\s:,]*"
_HEAD: Final = re.compile(rf"(?:{_KEY})(?:, *(?:{_KEY}))*:")
_KEYS: Final = re.compile(_KEY)
_FIELD: Final = re.compile(rf"(  |    )({_KEY}) +({_QUOTED}|[^\s\"]\S*)")
_TABLE: Final = re.compile(rf"  ({_KEY}):")


class Block(Struct):
    """One package: what led to it (``qs@^6.5.0``), its fields, and its tables of dependencies."""

    line: int
    ranges: list[str]
    fields: dict[str, str] = field(default_factory=dict)
    tables: dict[str, dict[str, str]] = field(default_factory=dict)


def blocks_of(file: File) -> list[Block]:
    """The blocks of a file; ManifestError, with the line, where it is not in this notation."""
    blocks: list[Block] = []
    table: dict[str, str] | None = None
    for number, line in enumerate(text_of(file).split("\n"), 1):
        line = line.rstrip()
        if not line or line.lstrip().startswith("#"):
            continue
        if found := _FIELD.fullmatch(line):
            holder = table if len(found[1]) == 4 else blocks[-1].fields if blocks else None
            table = table if len(found[1]) == 4 else None
        elif (found := _TABLE.fullmatch(line)) and blocks:
            table = blocks[-1].tables.setdefault(_text(file, number, found[1]), {})
            continue
        elif line[0] != " " and _HEAD.fullmatch(line):
            blocks.append(Block(number, [_text(file, number, one) for one in _KEYS.findall(line)]))
            table = None
            continue
        else:
            holder = None
        if found is None or holder is None:
            file.wrong("this line is in no lock file of Yarn", _MEND, number)
        key, value = _text(file, number, found[2]), _text(file, number, found[3])
        if holder.setdefault(key, value) != value:
            file.wrong(f"the key {key[:80]!r} stands twice in one block", _MEND, number)
    _told_apart(file, blocks)
    return blocks


def _text(file: File, number: int, written: str) -> str:
    if not written.startswith('"'):
        return written
    try:
        return str(json.loads(written))
    except ValueError:
        file.wrong(f"{written[:80]} is no text as JSON has it", _MEND, number)


def _told_apart(file: File, blocks: list[Block]) -> None:
    seen: dict[str, Block] = {}
    for block in blocks:
        for one in block.ranges:
            first = seen.setdefault(one, block)
            if (first.fields, first.tables) != (block.fields, block.tables):
                file.wrong(f"{one[:80]!r} stands at the head of two blocks", _MEND, block.line)
