"""A stream of bytes as blocks of whole lines, whatever is in it: nothing is read further than a bound."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, Protocol

BLOCK: Final = 8 << 20
"""Bytes that are read at once."""
LONGEST_LINE: Final = 64 << 20
"""Most bytes of one line; npm's largest packument is 39 MB."""
FREE_EXPANSION: Final = 256 << 20
MOST_EXPANSION: Final = 200
"""A compressed file that expands to more than ``FREE_EXPANSION`` bytes and so many times its size is a bomb: JSON
expands 10 to 30 times, what gzip can do is 1,030 times."""


class Readable(Protocol):
    """All that is asked of a stream."""

    def read(self, size: int, /) -> bytes: ...


class BrokenStream(Exception):
    """The stream cannot be read further; one line that says why."""


class Block(NamedTuple):
    """Whole lines; the last may lack its newline. None for one line that is too long."""

    first_line: int
    data: bytes | None


def blocks(stream: Readable, *, size: int = BLOCK, longest: int = LONGEST_LINE) -> Iterator[Block]:
    """The stream in blocks of about ``size`` bytes, without a byte order mark; BrokenStream where it breaks off."""
    line, held, length = 1, list[bytes](), 0
    skipping = False
    first = True
    while piece := stream.read(size):
        if first:
            piece, first = piece.removeprefix(b"\xef\xbb\xbf"), False
        end = piece.rfind(b"\n") + 1
        if skipping and end:
            start = piece.find(b"\n") + 1
            piece, end, line, skipping = piece[start:], end - start, line + 1, False
        if skipping:
            continue
        if not end:
            held.append(piece)
            length += len(piece)
            if length > longest:
                yield Block(line, None)
                held, length, skipping = [], 0, True
            continue
        head = piece.find(b"\n") + 1
        if length + head > longest + 1:
            yield Block(line, None)
            data, line = piece[head:end], line + 1
        else:
            data = b"".join([*held, piece[:end]])
        if data:
            yield Block(line, data)
            line += data.count(b"\n")
        held, length = ([piece[end:]], len(piece) - end) if end < len(piece) else ([], 0)
    if held:
        yield Block(line, b"".join(held))


class Expanding:
    """A gzip file as a stream that refuses to expand without end, and gives what stands before a damage."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._gzip = gzip.GzipFile(fileobj=file)
        self._expanded = 0
        self._broken = ""

    def read(self, size: int, /) -> bytes:
        pieces: list[bytes] = []
        left = size
        while left and (piece := self._piece(left)):
            pieces.append(piece)
            left -= len(piece)
        if self._broken and not pieces:
            raise BrokenStream(self._broken)
        return b"".join(pieces)

    def _piece(self, size: int) -> bytes:
        if self._broken:
            return b""
        try:
            piece = self._gzip.read1(size)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            self._broken = f"damaged gzip: {error}"
            return b""
        self._expanded += len(piece)
        if self._expanded > FREE_EXPANSION and self._expanded > MOST_EXPANSION * self._file.tell():
            self._broken = f"expands more than {MOST_EXPANSION}-fold; expand it yourself if it is meant to be so"
        return piece


def content(file: BinaryIO, path: Path) -> Readable:
    """What a file holds: expanded, where its name ends in ``.gz``."""
    return Expanding(file) if path.suffix == ".gz" else file
