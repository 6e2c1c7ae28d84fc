"""Edits of the watchlist that leave comments, order and style of the file as they are.

An edit is made in memory, read back, compared with what was meant, and judged with the whole configuration; only then
does it replace the file, in one step.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from config.load import ConfigError, Configuration, load
from config.names import BadName, parse_account, parse_domain, parse_package, short_form
from config.problems import Place, Problem
from config.sources import Environment
from config.tomltext import NotEditable, TomlText

_LOCK_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Edited:
    """What an edit did."""

    done: tuple[tuple[str, str], ...]
    """Each item that was added or removed, in short form, with the name of its watch."""
    left: tuple[str, ...]
    """Items that were there already, or that were not there to be removed."""
    files: tuple[Path, ...] = ()
    """The files that were written; none where there was nothing to do."""


class EditRefused(Exception):
    """The edit cannot be made as asked; nothing was written."""


def add_items(
    path: Path,
    items: Iterable[str],
    group: str | None = None,
    owner: str | None = None,
    *,
    env: Environment = os.environ,
) -> Edited:
    """Watch packages, accounts (``npm:~alice``) and domains in the watch ``group`` (default: the first one).

    A group that does not exist is made, at the end of the watches. BadName for what cannot be watched, ConfigError for
    a configuration that is not valid before or after.
    """
    wanted = items_of(items)
    with _edited(path, env) as edit:
        index = edit.watch_index(group, owner)
        watch = edit.watches[index]
        known = {(key, subject) for key, subject, _ in _subjects(watch)}
        fresh = list(dict.fromkeys(entry for entry in wanted if entry not in known))
        for key in dict.fromkeys(key for key, _ in fresh):
            edit.append(index, key, [subject for kept, subject in fresh if kept == key])
        if owner is not None and watch.get("owner", "") != owner:
            edit.set_owner(index, owner)
        files = edit.write()
    done = tuple((short_form(subject), watch["name"]) for _, subject in fresh)
    already = tuple(short_form(subject) for key, subject in wanted if (key, subject) in known)
    return Edited(done, already, files)


def remove_items(
    path: Path, items: Iterable[str], group: str | None = None, *, env: Environment = os.environ
) -> Edited:
    """Stop watching items, in the watch ``group`` or in every watch that names them."""
    wanted = items_of(items)
    done: list[tuple[str, str]] = []
    with _edited(path, env) as edit:
        for index, watch in enumerate(edit.watches):
            if group is not None and watch["name"] != group:
                continue
            found = [(key, subject, at) for key, subject, at in _subjects(watch) if (key, subject) in wanted]
            for key, subject, at in reversed(found):
                edit.delete(index, key, at)
                done.append((short_form(subject), watch["name"]))
        files = edit.write()
    gone = {item for item, _ in done}
    missing = [short_form(subject) for _, subject in wanted if short_form(subject) not in gone]
    return Edited(tuple(sorted(done)), tuple(missing), files)


def items_of(items: Iterable[str]) -> list[tuple[str, str]]:
    """The key of a watch that each item belongs to, and its canonical form; BadName for what cannot be watched."""
    return [_entry(item) for item in dict.fromkeys(items)]


def _entry(item: str) -> tuple[str, str]:
    """The key of a watch that an item belongs to, and its canonical form."""
    item = item.strip()
    if ":~" in item:
        return "maintainers", parse_account(item)
    if item.startswith("domain:") or (":" not in item and "." in item.strip(".")):
        return "domains", parse_domain(item)
    return "packages", parse_package(item)


def _subjects(watch: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    """Every item of a watch: its key, its canonical form, its place in the list."""
    for key, parse in (("packages", parse_package), ("maintainers", parse_account), ("domains", parse_domain)):
        for index, item in enumerate(watch.get(key) or ()):
            with suppress(BadName):
                yield key, parse(item), index


@dataclass
class _Edit:
    configuration: Configuration
    env: Environment
    files: dict[Path, TomlText] = field(default_factory=dict)
    watches: list[dict[str, Any]] = field(default_factory=list)
    """The watches with ``${NAME}`` expanded, in the order of the configuration."""
    homes: list[tuple[Path, int]] = field(default_factory=list)
    """The file of each watch, and its number there."""

    def file(self, path: Path) -> TomlText:
        if path not in self.files:
            self.files[path] = TomlText(path.read_bytes())
        return self.files[path]

    def watch_index(self, group: str | None, owner: str | None) -> int:
        names = [watch["name"] for watch in self.watches]
        if group is None and names:
            return 0
        name = (group or "default").strip()
        if name in names:
            return names.index(name)
        table = {"name": name} | ({"owner": owner} if owner else {})
        number = self.file(self.configuration.path).append_table("watch", table)
        self.watches.append(dict(table))
        self.homes.append((self.configuration.path, number))
        return len(self.watches) - 1

    def append(self, index: int, key: str, subjects: Sequence[str]) -> None:
        path, number = self.homes[index]
        present = self.watches[index].get(key) or ()
        as_purl = key == "packages" and bool(present) and all(str(item).startswith("pkg:") for item in present)
        spelled = [subject if as_purl else short_form(subject) for subject in subjects]
        self.file(path).append_values(("watch", number, key), spelled, after="name")

    def delete(self, index: int, key: str, at: int) -> None:
        path, number = self.homes[index]
        self.file(path).delete_value(("watch", number, key, at))

    def set_owner(self, index: int, owner: str) -> None:
        path, number = self.homes[index]
        self.file(path).set_value(("watch", number, "owner"), owner, after="name")

    def write(self) -> tuple[Path, ...]:
        """Prove the edit, judge the whole, and put the files in place."""
        changed: dict[Path, bytes] = {}
        for path, file in self.files.items():
            try:
                content = file.proven()
            except NotEditable:
                raise EditRefused(f"{path} is written in a way that cannot be edited here; edit it by hand") from None
            if content != file.before:
                changed[path] = content
        if changed:
            load(self.configuration.path, env=self.env, instead=changed)
        for path, content in changed.items():
            _replace(path, self.files[path].before, content)
        return tuple(changed)


@contextmanager
def _edited(path: Path, env: Environment) -> Iterator[_Edit]:
    path = path.expanduser().absolute()
    with _locked(path.parent):
        configuration = load(path, env=env)
        edit = _Edit(configuration, env)
        for index, watch in enumerate(configuration.settings.watch):
            edit.watches.append(watch.model_dump(include={"name", "owner", "packages", "maintainers", "domains"}))
            source, number = configuration.origins[index]
            edit.homes.append((configuration.sources[source].file, number))
        yield edit


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One edit at a time in a folder; another program's lock is waited for a few seconds."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        yield  # there is no folder: reading the configuration says so better
        return
    try:
        deadline = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise EditRefused(f"another program is editing in {folder}; try again") from None
                time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, before: bytes, content: bytes) -> None:
    """Put ``content`` in place of the file that a path leads to (a link stays a link), with its mode and owner."""
    target = Path(os.path.realpath(path))
    try:
        if target.read_bytes() != before:
            raise EditRefused(f"{path} was changed meanwhile; try again")
        old = target.stat()
        descriptor, fresh = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fchmod(stream.fileno(), old.st_mode & 0o7777)
                with suppress(PermissionError):
                    os.fchown(stream.fileno(), old.st_uid, old.st_gid)
                os.fsync(stream.fileno())
            Path(fresh).replace(target)
        except BaseException:
            Path(fresh).unlink(missing_ok=True)
            raise
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        problem = Problem(Place(path), "", f"cannot be written ({reason})", "check its folder's permissions and space")
        raise ConfigError([problem], [path]) from None
