"""What the watches' manifests say at this moment, read again only where a file changed.

A file that cannot be read keeps what it last said and stands beside the others with its error; the others go on.
One that names files outside its bounds is read without those, and stands there with an error too.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from config.load import Configuration
from config.log import log_of
from config.manifests.bounds import Bounding, Bounds
from config.manifests.discover import Found, discover, without_covered
from config.manifests.files import Files, Stamp, legible, stamp_of
from config.manifests.formats import FORMATS, Format, format_of, format_within
from config.manifests.merging import merged
from config.manifests.model import Entry, ManifestError
from config.settings import Watch

log = log_of("manifests")


class Broken(Struct, frozen=True):
    """A manifest that cannot be read, or not whole, and the watches that name it."""

    name: str
    error: str
    """Which file and line, what is wrong, how to mend it."""
    line: int | None
    mend: str
    watches: tuple[str, ...]
    read: bool = False
    """What it says now is known but for what lies outside its bounds; otherwise it keeps what it last said."""


class Reading(Struct, frozen=True):
    """What all watches' manifests say."""

    entries: dict[str, tuple[Entry, ...]] = {}
    """By watch: each package once, as far as the watch asks for it."""
    broken: tuple[Broken, ...] = ()
    unread: dict[str, frozenset[str]] = {}
    """Watches with a file that was never readable since the start: the sources that were. What an earlier run
    learnt from any other source still holds."""
    notes: tuple[str, ...] = ()
    """Entries of ``manifests`` that lead to nothing or to too much, a line each with their place."""
    files: dict[str, tuple[str, ...]] = {}
    """By watch: the files that were read for it, as the watchlist names them."""
    folders: frozenset[Path] = frozenset()
    """Where changes of all this show."""


class _Known(Struct):
    """One file as it was when it was last looked at."""

    name: str
    stamps: dict[Path, Stamp | None]
    """Of every file that it took to read it, there or not."""
    outside: dict[Path, str]
    """Where the files lie that it names and that are outside its bounds."""
    sources: frozenset[str]
    entries: tuple[Entry, ...] | None
    """What it last said; None where it never could be read."""
    error: ManifestError | None
    left_out: tuple[ManifestError, ...] = ()
    foreign: bool = False
    """Neither name nor content are those of a manifest."""

    def still(self, name: str) -> bool:
        return (
            self.name == name
            and all(stamp_of(file) == stamp for file, stamp in self.stamps.items())
            and all(os.path.realpath(file) == place for file, place in self.outside.items())
        )


class _Listed(Struct):
    """A file of a watch."""

    name: str
    watched: Path
    """The outermost folder around it that an entry names."""
    named: bool = False
    """An entry names the file itself."""


class _Merged(Struct):
    """What a watch's files came to together."""

    depth: str
    dev: bool
    parts: list[tuple[Entry, ...]]
    entries: tuple[Entry, ...]

    def still(self, watch: Watch, parts: list[tuple[Entry, ...]]) -> bool:
        asked = (self.depth, self.dev, len(self.parts)) == (watch.depth, watch.dev, len(parts))
        return asked and all(one is other for one, other in zip(self.parts, parts, strict=True))


class _Place(Struct, frozen=True):
    """A file and how far it may lead."""

    path: Path
    bounds: Bounds

    def folders(self, known: _Known) -> set[Path]:
        """Where a change of a file shows: its folder, and that of the file that a link leads to."""
        spellings = (Path(spelling) for file in known.stamps for spelling in (file, os.path.realpath(file)))
        return {one.parent for one in spellings if self.bounds.hold(one)} | {self.path.parent}


class Manifests:
    """Looks at the manifests of a configuration; by one thread at a time."""

    def __init__(self, formats: Sequence[Format] = FORMATS) -> None:
        self._formats = formats
        self._known: dict[_Place, _Known] = {}
        self._merged: dict[str, _Merged] = {}
        self._last = Reading()

    def look(self, configuration: Configuration) -> Reading:
        """What the manifests say now; the same object as the last time if that is what they said then."""
        files: dict[str, list[_Known]] = {}
        notes: list[str] = []
        folders: set[Path] = set()
        used: dict[_Place, _Known] = {}
        bounding = Bounding()
        for number, watch in enumerate(configuration.settings.watch):
            files[watch.name] = []
            parts: set[tuple[Format | None, Path]] = set()
            root = configuration.manifest_pattern(watch, watch.root) if watch.root else None
            for path, one in self._paths(configuration, number, watch, notes, folders).items():
                place = _Place(path, bounding.of(path, one.watched, root))
                if place not in used:
                    used[place] = self._current(place, one.name)
                    folders |= place.folders(used[place])
                known, form = used[place], format_of(path.name, self._formats)
                # What a glob or a folder led to may be no manifest, gone again, or part of one that was read before:
                # the manifest of a workspace's member, which alone would ask a registry for its neighbours.
                if one.named or not (known.foreign or known.stamps[path] is None or (form, path) in parts):
                    files[watch.name].append(known)
                    parts |= {(form, part) for part in known.stamps if part != path and known.error is None}
        self._known = used
        reading = Reading(
            entries={watch.name: self._entries(watch, files[watch.name]) for watch in configuration.settings.watch},
            broken=_broken(files),
            unread={
                watch: frozenset(source for one in known if one.entries is not None for source in one.sources)
                for watch, known in files.items()
                if any(one.entries is None for one in known)
            },
            notes=tuple(notes),
            files={watch: tuple(one.name for one in known) for watch, known in files.items()},
            folders=frozenset(folders),
        )
        self._merged = {name: kept for name, kept in self._merged.items() if name in files}
        if not _same(reading, self._last):
            self._last = reading
        return self._last

    def _paths(
        self, configuration: Configuration, number: int, watch: Watch, notes: list[str], folders: set[Path]
    ) -> dict[Path, _Listed]:
        """The files of a watch."""
        found: dict[Path, _Listed] = {}
        for index, written in enumerate(watch.manifests):
            pattern = configuration.manifest_pattern(watch, written)
            one: Found = discover(pattern, self._formats)
            place = configuration.place("watch", number, "manifests", index)
            notes += (f"{place}: {written!r} {note}" for note in one.notes)
            folders.update(one.folders)
            absolute = written.startswith(("/", "~"))
            for path in one.files:
                name = str(path) if absolute else os.path.relpath(path, configuration.folder)
                known = found.setdefault(path, _Listed(legible(name), one.watched))
                known.named = known.named or one.named
                known.watched = min(known.watched, one.watched, key=lambda folder: len(folder.parts))
        return {path: found[path] for path in without_covered(list(found), self._formats)}

    def _current(self, place: _Place, name: str) -> _Known:
        path, before = place.path, self._known.get(place)
        if before is not None and before.still(name):
            return before
        if before is not None and before.name != name:
            before = None
        files = Files(place.bounds)
        entries, error, foreign = None, None, False
        try:
            file = files.open(path, name)
            form = format_of(path, self._formats) or format_within(file.data, self._formats)
            if form is None:
                foreign = True
                file.wrong("neither its name nor its content is that of a manifest", "see docs/watchlist.md")
            entries = _text_throughout(tuple(form.read(file)))
        except ManifestError as wrong:
            error = wrong
        except UnicodeEncodeError:
            error = ManifestError(name, "it holds half a character (a lone surrogate)", "make it anew")
        except Exception as broke:  # a reader that stumbles over one file must not keep the others from being read
            log.exception("manifest reader broke", manifest=name)
            error = ManifestError(name, f"it is too odd to be read ({type(broke).__name__})", "make it anew")
        sources = frozenset({name, *(entry.source for entry in entries or ())})
        if before is not None and error is not None:
            entries = before.entries
            sources = before.sources
        elif before is not None and entries == before.entries:
            entries = before.entries  # the same object: nothing has to be merged again
        return _Known(name, files.asked, files.outside, sources, entries, error, tuple(files.left_out), foreign)

    def _entries(self, watch: Watch, files: Sequence[_Known]) -> tuple[Entry, ...]:
        parts = [one.entries or () for one in files]
        known = self._merged.get(watch.name)
        if known is None or not known.still(watch, parts):
            every = (entry for part in parts for entry in part)
            known = _Merged(watch.depth, watch.dev, parts, merged(every, depth=watch.depth, dev=watch.dev))
            self._merged[watch.name] = known
        return known.entries


def _text_throughout(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """The entries; UnicodeEncodeError where one holds what JSON can escape and nothing else can hold."""
    msgspec.json.encode(entries)
    return entries


def _broken(files: dict[str, list[_Known]]) -> tuple[Broken, ...]:
    found: dict[str, tuple[ManifestError, str, bool, list[str]]] = {}
    for watch, known in files.items():
        for one in known:
            wrong = [one.error] if one.error is not None else one.left_out
            if wrong:
                more = f" (and {len(wrong) - 1} more of the kind)" if len(wrong) > 1 else ""
                found.setdefault(one.name, (wrong[0], f"{wrong[0]}{more}", one.error is None, []))[-1].append(watch)
    return tuple(
        Broken(name, text, error.line, error.mend, tuple(watches), read)
        for name, (error, text, read, watches) in found.items()
    )


def _same(one: Reading, other: Reading) -> bool:
    return (
        one.entries.keys() == other.entries.keys()
        and all(entries is other.entries[watch] for watch, entries in one.entries.items())
        and (one.broken, one.unread, one.notes, one.files, one.folders)
        == (other.broken, other.unread, other.notes, other.files, other.folders)
    )
