"""``requirements.txt`` as pip reads it: continuations, comments, options, includes, constraints.

Lines that name no package of a registry (URLs, paths, archives, editable installs) are no entries, and neither are
lines with ``${VARIABLE}``: what those ask for is known only where they are installed. Nothing is fetched: an include by
URL is passed over. Includes that are missing are too, since projects make some of them as they deploy. One that lies
outside the project (``config.manifests.bounds``) is told, and the rest is read.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote

from msgspec import Struct, field, structs

from config.manifests.documents import text_of
from config.manifests.files import File
from config.manifests.graph import Node, entries_of
from config.manifests.model import MOST_RANGES, Entry
from config.manifests.pypi import (
    LONGEST,
    MOST_VERSIONS,
    NAME,
    Asked,
    asked,
    for_development,
    is_elsewhere,
    pinned,
    purl_of,
)
from config.names import normalise_pypi

MOST_FILES: Final = 200
"""Files that one requirements file may lead to."""

_BOMS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CODING: Final = re.compile(rb"#[^\n]{0,200}?coding[:=][ \t]*([-\w.]+)", re.ASCII)
_OWN: Final = ""
"""Who a package stands there for: the project itself."""
_VARIABLE: Final = re.compile(r"\$\{[A-Z0-9_]+\}")
_INCLUDE: Final = re.compile(r"(-r|-c|--requirement|--constraint)(?:\s*=\s*|\s+|(?<=-[rc]))(\S.*)")
_FILE_URL: Final = re.compile(r"file:(?://([^/]*))?(.*)", re.IGNORECASE | re.DOTALL)
_ARCHIVES: Final = (".whl", ".zip", ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tlz", ".tar.lz")


class Line(Struct, frozen=True):
    """One logical line: its number, and its text without the comment."""

    number: int
    text: str
    comment: str


class Listed(Struct):
    """One project, as the files list it."""

    versions: list[str] = field(default_factory=list)
    ranges: dict[str, None] = field(default_factory=dict)
    production: bool = False
    parents: list[list[str]] = field(default_factory=list)
    """For each line, the names of those for which it was compiled into the file; empty for the project itself."""


def read_requirements(file: File) -> Sequence[Entry]:
    """What a requirements file and its includes ask for.

    What they list is direct, but for what pip-compile and uv have marked (``# via flask``). A file is for development
    when its name says so (``requirements-dev.txt``), and a package when all files that list it are.
    """
    reading = _Reading()
    reading.read(file, for_development(PurePosixPath(file.name).stem), ())
    return reading.entries(file)


class _Reading:
    def __init__(self) -> None:
        self._listed: dict[str, Listed] = {}
        self._constraints: dict[str, str] = {}
        self._done: set[tuple[Path, bool]] = set()

    def entries(self, top: File) -> list[Entry]:
        keys: dict[str, list[str]] = {}
        needs: dict[str, list[str]] = {}
        nodes: dict[str, Node] = {}
        for name, one in self._listed.items():
            versions = pinned(one.versions) or pinned([self._constraints.get(name, "")]) or ("",)
            keys[name], purl, needs[name] = [f"{name} {version}" for version in versions], purl_of(top, name), []
            for key, version in zip(keys[name], versions, strict=True):
                nodes[key] = Node(name, purl, version, dev=not one.production, needs=needs[name], ranges=one.ranges)
        roots: dict[bool, list[str]] = {True: [], False: []}
        for name, one in self._listed.items():
            if any(_OWN in parents or keys.keys().isdisjoint(parents) for parents in one.parents):
                roots[one.production] += keys[name]
            for parent in {parent for parents in one.parents for parent in parents if parent in keys}:
                needs[parent] += keys[name][:MOST_VERSIONS]
        return entries_of(nodes, roots[True], roots[False], top.name)

    def read(self, file: File, development: bool, above: tuple[Path, ...]) -> None:
        here = file.path.resolve()
        self._done.add((here, development))
        good, bad = 0, list[int]()
        marks, parents = Marks(), list[str]()
        for line in logical_lines(_text(file)):
            if not line.text:
                marks.read(line.comment, parents)
            elif include := _INCLUDE.fullmatch(line.text):
                self._include(file, line, include, development, (*above, here))
            elif found := _requirement(line.text):
                good += 1
                marks, parents = Marks(), self._list(found, development)
                marks.read(line.comment, parents)
            elif not _is_no_requirement_by_right(line.text):
                bad.append(line.number)
        if len(bad) > good:
            file.wrong("it is no requirement", "write one requirement a line, for example requests==2.32.3", bad[0])

    def _list(self, found: Asked, development: bool) -> list[str]:
        """Enter one line; the list for the names of those for which it stands there."""
        one = self._listed.setdefault(found.name, Listed())
        one.versions.append(found.version)
        if found.range is not None and len(one.ranges) < MOST_RANGES:
            one.ranges[found.range] = None
        one.production = one.production or not development
        one.parents.append([])
        return one.parents[-1]

    def _include(
        self, file: File, line: Line, include: re.Match[str], development: bool, above: tuple[Path, ...]
    ) -> None:
        target = _path_of(include[2].strip().strip("\"'"))
        other = file.beside(target, line.number) if target else None
        if target is None or other is None:
            return
        path = other.path.resolve()
        if path in above:
            file.wrong("its includes lead back to it", "remove one of the includes", line.number)
        if include[1] in {"-c", "--constraint"}:
            self._constrain(other)
            return
        development = development and for_development(PurePosixPath(target).stem)
        if (path, development) in self._done or (path, False) in self._done:
            return
        if len(self._done) >= MOST_FILES:
            file.wrong(f"it leads to more than {MOST_FILES} files", "name those files in the watchlist", line.number)
        self.read(other, development, above)

    def _constrain(self, file: File) -> None:
        for line in logical_lines(_text(file)):
            found = _requirement(line.text)
            if found and found.version:
                self._constraints.setdefault(found.name, found.version)


class Marks:
    """The comments with which pip-compile and uv say for whom they chose a package, on its line or below it."""

    def __init__(self) -> None:
        self._within = False

    def read(self, comment: str, parents: list[str]) -> None:
        """Add the names that a comment gives."""
        bare = comment.strip()
        if bare == "via" or bare.startswith("via "):
            self._within = True
            bare = bare.removeprefix("via").strip()
        elif not comment.startswith("   "):
            self._within = False
        if self._within:
            for one in (part.strip() for part in bare.split(",")):
                name = NAME.match(one)
                if one.startswith("-r") or "(" in one:
                    parents.append(_OWN)
                elif name:
                    parents.append(normalise_pypi(name[0]))


def _path_of(target: str) -> str | None:
    """The path that an include names, also as a ``file:`` URL; None for other URLs and for what only pip can know."""
    if _VARIABLE.search(target) or len(target) > LONGEST:
        return None
    if url := _FILE_URL.fullmatch(target):
        return unquote(url[2]) if url[1] in {None, "", "localhost"} else None
    return None if "://" in target else target


def _text(file: File) -> str:
    """The text, in the encodings that pip knows: by byte order mark, by a ``coding`` comment, else UTF-8."""
    encoding = next((name for mark, name in _BOMS if file.data.startswith(mark)), None)
    if encoding is None and not file.data.startswith(codecs.BOM_UTF8):
        said = next(filter(None, map(_CODING.match, file.data[:4096].split(b"\n")[:2])), None)
        encoding = said[1].decode("ascii") if said else None
    if encoding is None:
        return text_of(file)
    try:
        text = codecs.lookup(encoding).name and file.data.decode(encoding)
    except (LookupError, UnicodeError):
        file.wrong(f"it is not the {encoding[:40]} text that it begins as", "write it as UTF-8", 1)
    return text_of(structs.replace(file, data=text.encode("utf-8", "replace")))


def logical_lines(text: str) -> Iterator[Line]:
    """Lines as pip joins them: a backslash at the end continues a line, a comment ends it. Empty ones are given too."""
    begun, parts = 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        at = _comment(line)
        body, comment = (line, "") if at is None else (line[:at], line[at + 1 :])
        begun = begun or number
        if at is None and line.endswith("\\"):
            parts.append(line.rstrip("\\"))
            continue
        yield Line(begun, "".join([*parts, body]).strip(), comment)
        begun, parts = 0, []
    if parts:
        yield Line(begun, "".join(parts).strip(), "")


def _comment(line: str) -> int | None:
    """Where a comment begins: ``#`` at the start or after white space, so that ``#egg=`` of a URL is none."""
    at = line.find("#")
    while at > 0 and not line[at - 1].isspace():
        at = line.find("#", at + 1)
    return None if at < 0 else at


def _requirement(text: str) -> Asked | None:
    """The requirement of a line, without the options that may follow it (``--hash``)."""
    if not text or text.startswith("-") or _VARIABLE.search(text[:LONGEST]):
        return None
    bare = _bare(text)
    return None if _is_path(bare) else asked(bare)


def _bare(text: str) -> str:
    option = re.search(r"(?<=\s)-", text)
    return text[: option.start()].strip() if option else text


def _is_path(bare: str) -> bool:
    name = bare.partition(";")[0].partition("[")[0].strip()
    return name.startswith((".", "/", "~")) or "/" in name or "\\" in name or name.lower().endswith(_ARCHIVES)


def _is_no_requirement_by_right(text: str) -> bool:
    """Options, variables, URLs, paths and direct references: good lines that ask nothing of a registry."""
    if not text or text.startswith("-") or _VARIABLE.search(text[:LONGEST]):
        return True
    return len(text) <= LONGEST and (bool(is_elsewhere(text)) or _is_path(_bare(text)) or "://" in text)
