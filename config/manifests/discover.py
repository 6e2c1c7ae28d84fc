"""Which files an entry of ``manifests`` means at this moment: a file, what a glob matches, what lies below a folder.

A folder is walked as git sees it: what git ignores, installed packages and virtual environments are no part of the
project. Links to folders are not followed, so there are no loops, and a link to a file counts only within the folder.
"""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from msgspec import Struct
from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from config.manifests.formats import FORMATS, Format, format_of

MOST_FILES: Final = 2_000
"""Manifests of one entry."""
MOST_FOLDERS: Final = 20_000
MOST_SEEN: Final = 500_000
"""Files and folders that are looked at below one folder."""
_LONGEST_IGNORE: Final = 1024 * 1024

_NOT_THE_PROJECT: Final = frozenset(
    {".git", ".hg", ".svn", "node_modules", "site-packages", "__pycache__", ".tox", ".nox", ".venv", ".pnpm-store"}
)


class Found(Struct):
    """What one entry of ``manifests`` leads to."""

    watched: Path
    """The folder that the entry names, or that its files lie in."""
    files: list[Path] = []
    folders: list[Path] = []
    """Where a file that also belongs to it can appear."""
    notes: list[str] = []
    """What a person should know and that is no error, without the name of the entry."""
    named: bool = False
    """The entry is the name of one file, which must be there and be a manifest."""


def discover(pattern: Path, formats: Sequence[Format] = FORMATS) -> Found:
    """The manifests that an absolute path, which may be a glob, means now; in the order of their names."""
    text = str(pattern)
    found = Found(pattern if pattern.is_dir() else _base(pattern))
    if pattern.is_dir():
        _walk(pattern, found, formats)
    elif pattern.exists() or not glob.has_magic(text):
        return Found(pattern.parent, files=[pattern], folders=[pattern.parent], named=True)
    elif "**" in pattern.parts:
        _deep(pattern, found)
    else:
        _flat(pattern, found, formats)
    if len(found.files) > MOST_FILES:
        found.notes.append(f"has more than {MOST_FILES} manifests; only the first ones are read")
    found.files = found.files[:MOST_FILES]
    if not found.files:
        found.notes.append("leads to no manifest now")
    return found


def _flat(pattern: Path, found: Found, formats: Sequence[Format]) -> None:
    """A glob without ``**``; a folder that it matches is walked."""
    found.folders.append(_base(pattern))
    parents = glob.iglob(str(pattern.parent)) if glob.has_magic(str(pattern.parent)) else []
    found.folders += (Path(one) for one in islice(parents, MOST_FOLDERS) if Path(one).is_dir())
    for match in sorted(islice(glob.iglob(str(pattern)), MOST_SEEN)):
        if Path(match).is_dir():
            _walk(Path(match), found, formats)
        else:
            found.files.append(Path(match))


def _deep(pattern: Path, found: Found) -> None:
    """A glob with ``**``: git's own rules say which files below its fixed part it matches."""
    base = _base(pattern)
    relative = pattern.relative_to(base).as_posix()
    wanted = GitIgnoreSpec.from_lines([f"/{relative}/*" if relative.endswith("**") else f"/{relative}"])
    tree = _Tree(base, found)
    for folder, names in tree.folders():
        inner = folder[len(str(base)) + 1 :]
        matched = [name for name in names if wanted.match_file(os.path.join(inner, name))]
        found.files += tree.own(folder, matched)


def _walk(root: Path, found: Found, formats: Sequence[Format]) -> None:
    """Every lock file and SBOM below a folder; a manifest where there is no lock file that covers it."""
    tree = _Tree(root, found)
    names_of_all = re.compile(
        "|".join(fnmatch.translate(one.rpartition("/")[2]) for form in formats for one in form.files) or "$^"
    )
    covered: dict[str, set[str]] = {}
    for folder, names in tree.folders():
        present = [file.name for file in tree.own(folder, filter(names_of_all.match, names))]
        above = covered.get(os.path.dirname(folder), set())
        covered[folder] = above | {form.name for form in formats if _any(form.members_of, present)}
        here = above | {form.name for form in formats if _any(form.yields_to, present)}
        forms = [(name, format_of(Path(folder, name), formats)) for name in present]
        found.files += (Path(folder, name) for name, form in forms if form is not None and form.name not in here)


def _any(globs: Sequence[str], names: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, one) for one in globs for name in names)


def without_covered(files: Sequence[Path], formats: Sequence[Format] = FORMATS) -> list[Path]:
    """The same files, each once, without manifests beside which one of their lock files is among them."""
    names: dict[Path, set[str]] = {}
    for file in files:
        names.setdefault(file.parent, set()).add(file.name)
    kept = []
    for file in dict.fromkeys(files):
        form = format_of(file, formats)
        if form is None or not _any(form.yields_to, names[file.parent]):
            kept.append(file)
    return kept


def _base(pattern: Path) -> Path:
    """The part of a glob before its first wildcard."""
    parts = []
    for part in pattern.parts[:-1]:
        if glob.has_magic(part):
            break
        parts.append(part)
    return Path(*parts)


class _Tree:
    """What belongs to a project below one folder."""

    def __init__(self, root: Path, found: Found) -> None:
        self._root = root
        self._found = found
        self._ignores = _Ignores(root)

    def folders(self) -> Iterator[tuple[str, list[str]]]:
        """Every folder with the names of its files, ignored ones too; parents first."""
        waiting = [str(self._root)]
        seen = 0
        for _ in range(MOST_FOLDERS):
            if not waiting:
                return
            folder = waiting.pop()
            entries = self._entries(folder, MOST_SEEN - seen)
            seen += len(entries)
            if any(entry.name == "pyvenv.cfg" for entry in entries):
                continue
            self._found.folders.append(Path(folder))
            self._ignores.take(folder)
            yield folder, [entry.name for entry in entries if not entry.is_dir(follow_symlinks=False)]
            if seen >= MOST_SEEN:
                self._found.notes.append(f"has more than {MOST_SEEN} files; only the first ones are looked at")
                return
            waiting += [
                entry.path
                for entry in reversed(entries)
                if entry.is_dir(follow_symlinks=False)
                and entry.name not in _NOT_THE_PROJECT
                and not self._ignores.match(entry.path + "/")
            ]
        if waiting:
            self._found.notes.append(f"has more than {MOST_FOLDERS} folders; only the first ones are looked at")

    def _entries(self, folder: str, most: int) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as listed:
                return sorted(islice(listed, most), key=lambda entry: entry.name)
        except OSError as error:
            reason = os.strerror(error.errno or 0).lower()
            self._found.notes.append(f"has a folder that cannot be read: {folder} ({reason})")
            return []

    def own(self, folder: str, names: Iterable[str]) -> Iterator[Path]:
        """Those that are files of the project: not ignored, and no link that leads out of it."""
        for name in names:
            path = os.path.join(folder, name)
            if self._ignores.match(path):
                continue
            if os.path.islink(path):
                inside = os.path.realpath(self._root) + os.sep
                if not os.path.realpath(path).startswith(inside):
                    continue
            if os.path.isfile(path):
                yield Path(path)


class _Ignores:
    """What git ignores: every ``.gitignore`` from the top of the work tree down, and ``.git/info/exclude``."""

    def __init__(self, root: Path) -> None:
        self._specs: dict[str, GitIgnoreSpec] = {}
        above = [root, *root.parents]
        top = next((folder for folder in above if (folder / ".git").exists()), None)
        if top is not None:
            for folder in above[1 : above.index(top) + 1]:
                self.take(str(folder))
            self._read(str(top), top / ".git" / "info" / "exclude")

    def take(self, folder: str) -> None:
        self._read(folder, Path(folder, ".gitignore"))

    def _read(self, folder: str, file: Path) -> None:
        try:
            if not file.is_file():
                return
            with file.open("rb") as stream:
                lines = stream.read(_LONGEST_IGNORE).decode("utf-8", errors="replace").splitlines()
        except OSError:
            return
        spec = GitIgnoreSpec(filter(None, map(_pattern, lines)))
        known = self._specs.get(folder)
        self._specs[folder] = spec + known if known is not None else spec

    def match(self, path: str) -> bool:
        """Whether git ignores it (a folder's path ends with a slash); the nearest file that names it decides."""
        above = path.rstrip("/")
        while self._specs and (parent := os.path.dirname(above)) != above:
            above = parent
            spec = self._specs.get(above)
            said = spec.check_file(path[len(above.rstrip("/")) + 1 :]).include if spec is not None else None
            if said is not None:
                return said
        return False


def _pattern(line: str) -> GitIgnoreSpecPattern | None:
    """git takes no notice of a line that is no pattern."""
    try:
        return GitIgnoreSpecPattern(line)
    except ValueError:
        return None
