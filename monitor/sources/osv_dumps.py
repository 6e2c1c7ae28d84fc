"""OSV's dumps: every advisory of an ecosystem in one file, and a list of what was modified lately.

``npm/all.zip`` has a document for each; ``npm/modified_id.csv`` has ``time,id`` lines, the newest first; and
``npm/ID.json`` is one document. What lost its packages, as withdrawn advisories may, lies under ``[EMPTY]/``.
Reading them tells nobody what is watched.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Final
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Struct, UnsetType

from config.names import BadName, package_purl
from monitor.advisories.model import Advisory, Listed
from monitor.errors import Unavailable
from monitor.sources.advisory import LARGEST, is_id, parse_advisory
from monitor.sources.decode import BadDocument, moment
from monitor.sources.http import Http
from monitor.sources.osv import NAMES, Unreadable, fetch, host_of

WITHIN: Final = timedelta(minutes=30)
"""For a whole dump."""
LIST_WITHIN: Final = timedelta(minutes=2)
LARGEST_LIST: Final = 256 * 1024 * 1024
LONGEST_LINE: Final = 300
EXPANDS: Final = 20
"""A dump may be so many times as large when it is expanded; honest ones are about five times."""
_EXPANDS_AT_LEAST: Final = 8 * 1024 * 1024
LARGEST_DIRECTORY: Final = 64 * 1024 * 1024
"""Of a dump: some 800,000 documents; each costs memory before the first is read."""
WRITE_AT_ONCE: Final = 4 * 1024 * 1024
MOST_NEW: Final = 1000
"""More new advisories than this are cheaper to read as one dump."""
NO_PACKAGES: Final = "[EMPTY]"


class Whole(Struct, frozen=True):
    """What a dump says of the packages that are looked for."""

    advisories: list[Advisory]
    ids: frozenset[str]
    """Of all documents that could be read."""
    unreadable: int
    """Documents that are none, or too large."""


class OsvDumps:
    """The dumps at a base URL."""

    def __init__(self, http: Http, url: str, largest: int, folder: Path | None) -> None:
        """``largest``: most bytes of a dump; ``folder``: where it lies while it is read, None for the system's own."""
        self._http = http
        self._url = url if url.endswith("/") else f"{url}/"
        self._largest = largest
        self._folder = folder

    def _place(self, folder: str, file: str) -> str:
        return f"{self._url}{quote(folder)}/{quote(file, safe='.')}"

    async def head(self, ecosystem: str) -> tuple[str, list[str]]:
        """The newest time in the list, as it writes it, and the entries of that time; none where they are many."""
        lines = await self._list(ecosystem, _Lines(None, frozenset()))
        return lines.found[0].modified, [one.id for one in lines.found] if len(lines.found) <= MOST_NEW else []

    async def newest(self, ecosystem: str, until: str, known: Iterable[str]) -> list[Listed] | None:
        """What was modified after ``until``, the newest first; None where that is more than ``MOST_NEW``.

        What was modified at that very time is new too, but for what is ``known`` of it; where nothing is, all is
        taken to be. Reads the list only as far as needed.
        """
        lines = await self._list(ecosystem, _Lines(moment(until), frozenset(known)))
        return lines.found if len(lines.found) <= MOST_NEW else None

    async def _list(self, ecosystem: str, lines: _Lines) -> _Lines:
        url = self._place(NAMES[ecosystem], "modified_id.csv")
        status = await self._http.stream(url, lines.take, most=LARGEST_LIST, within=LIST_WITHIN)
        if status != 200:
            raise Unavailable(host_of(url), f"{status} where the list of {NAMES[ecosystem]} should be")
        if not lines.end():
            raise Unavailable(host_of(url), f"its list of what was modified of {NAMES[ecosystem]} is none")
        return lines

    async def read(self, ecosystem: str, name: str) -> Advisory | Unreadable | None:
        """One advisory, also one that names no package any more; None where there is none."""
        found = await fetch(self._http, self._place(NAMES[ecosystem], f"{name}.json"), name)
        return found if found is not None else await fetch(self._http, self._place(NO_PACKAGES, f"{name}.json"), name)

    async def whole(self, ecosystem: str, wanted: Callable[[str], bool]) -> Whole:
        """All advisories of an ecosystem that name a wanted package. Raises Unavailable where the dump is not whole."""
        url = self._place(NAMES[ecosystem], "all.zip")
        try:
            return await self._through_a_file(url, wanted)
        except OSError as error:
            raise Unavailable("weaklink", f"a dump cannot be kept on disk ({error.strerror})") from None

    async def _through_a_file(self, url: str, wanted: Callable[[str], bool]) -> Whole:
        with tempfile.TemporaryFile(prefix="weaklink-", dir=self._folder) as file:
            waiting = bytearray()

            async def take(chunk: bytes) -> bool:
                waiting.extend(chunk)
                if len(waiting) >= WRITE_AT_ONCE:
                    piece = bytes(waiting)
                    waiting.clear()
                    await asyncio.to_thread(_write, file, piece)
                return True

            status = await self._http.stream(url, take, most=self._largest, within=WITHIN)
            if status != 200:
                raise Unavailable(host_of(url), f"{status} where a dump should be")
            await asyncio.to_thread(_write, file, bytes(waiting))
            ended = threading.Event()
            try:
                return await asyncio.to_thread(read_dump, file, wanted, ended)
            except BadDocument as error:
                raise Unavailable(host_of(url), f"{urlsplit(url).path} cannot be read: {error}") from None
            finally:
                ended.set()


def _write(file: IO[bytes], piece: bytes) -> None:
    try:
        file.write(piece)
    except OSError as error:  # no trouble of the host from which it is read
        raise Unavailable("weaklink", f"a dump cannot be kept on disk ({error.strerror})") from None


class _Lines:
    """The lines of ``modified_id.csv`` as they arrive, down to a moment; without one, those of the newest moment."""

    def __init__(self, until: datetime | None, known: frozenset[str]) -> None:
        self._until = until
        self._head = until is None
        self._known = known
        self._rest = b""
        self._broken = False
        self._read = 0
        self.found: list[Listed] = []

    async def take(self, chunk: bytes) -> bool:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        self._broken = self._broken or len(self._rest) > LONGEST_LINE
        return not self._broken and all(self._line(line) for line in lines)

    def end(self) -> bool:
        """Whether what was read is such a list."""
        if not self._broken and len(self.found) <= MOST_NEW:
            self._line(self._rest)
        return self._read > 0 and not self._broken

    def _line(self, line: bytes) -> bool:
        """Whether what follows this line matters."""
        if not line.strip():
            return True
        stamp, _, name = line.decode("utf-8", "replace").strip().partition(",")
        at, name = moment(stamp), name.rpartition("/")[2]
        if at is None or not is_id(name):
            self._broken = True
            return False
        self._read += 1
        self._until = at if self._until is None else self._until
        if at < self._until or (at == self._until and not self._head and not self._known):
            return False
        if name not in self._known or at > self._until:
            self.found.append(Listed(name, stamp))
        return len(self.found) <= MOST_NEW


class _Package(Struct):
    ecosystem: str | UnsetType = msgspec.UNSET
    name: str | UnsetType = msgspec.UNSET


class _Affected(Struct):
    package: _Package | UnsetType = msgspec.UNSET


class _Named(Struct):
    """What it takes to see that a document is about nobody who is watched."""

    id: str
    affected: list[_Affected] = []


_named: Final = msgspec.json.Decoder(_Named)
_ECOSYSTEMS: Final = {name: ecosystem for ecosystem, name in NAMES.items()}


def read_dump(file: IO[bytes], wanted: Callable[[str], bool], ended: threading.Event) -> Whole:
    """The advisories in a zip file that name a wanted package; BadDocument for no such file. For a thread."""
    size = file.seek(0, 2)
    if _directory_bytes(file, size) > LARGEST_DIRECTORY:
        raise BadDocument("it has too many documents")
    most = max(EXPANDS * size, _EXPANDS_AT_LEAST)
    found: list[Advisory] = []
    ids: set[str] = set()
    unreadable = expanded = 0
    try:
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist():
                if ended.is_set():
                    raise BadDocument("it was given up")
                if entry.file_size > LARGEST:
                    unreadable += 1
                    continue
                body = archive.read(entry)
                expanded += len(body)
                if expanded > most:
                    raise BadDocument(f"it grows past {EXPANDS} times its size")
                try:
                    about = _subjects(body)
                    if about is not None and not any(map(wanted, about[1])):
                        ids.add(about[0])
                        continue
                    advisory = parse_advisory(body)
                except BadDocument:
                    unreadable += 1
                    continue
                ids.add(advisory.id)
                if any(wanted(one.subject) for one in advisory.affected):
                    found.append(advisory)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        if isinstance(error, BadDocument):
            raise
        raise BadDocument("it is no zip file, or a damaged one") from None
    if not ids:
        raise BadDocument("there is no advisory in it")
    return Whole(found, frozenset(ids), unreadable)


def _subjects(body: bytes) -> tuple[str, list[str]] | None:
    """Id and packages of a document that is as the schema wants it; None for one that must be read patiently."""
    try:
        document = _named.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    found = []
    for one in document.affected:
        package = one.package or _Package()
        ecosystem = _ECOSYSTEMS.get(package.ecosystem or "")
        if ecosystem is not None and isinstance(package.name, str):
            with suppress(BadName):
                found.append(package_purl(ecosystem, package.name))
    return document.id, found


def _directory_bytes(file: IO[bytes], size: int) -> int:
    """How long a zip file says that its directory is (APPNOTE, 4.3.14 and 4.3.16); 0 where it says nothing."""
    start = max(0, size - 65_557 - 76)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        return 0
    told = int.from_bytes(tail[at + 12 : at + 16], "little")
    locator = tail[max(0, at - 20) : at]
    if told == 0xFFFFFFFF and locator.startswith(b"PK\x06\x07"):
        file.seek(min(int.from_bytes(locator[8:16], "little"), size))
        record = file.read(56)
        return int.from_bytes(record[40:48], "little") if record.startswith(b"PK\x06\x06") else told
    return told
