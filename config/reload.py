"""Takes up edits of the configuration, and says when to look at the manifests again, within seconds.

Folders are watched rather than files, so that a save by rename is seen, as are links that are turned to another file.
What counts is the content: an event that leaves every file as it was is no news. A look every now and then covers file
systems that send no events.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from watchfiles import awatch

from config.load import ConfigError, Configuration, load, resolved
from config.log import log_of
from config.sources import LARGEST_FILE, Environment, digest_of

log = log_of("reload")

_MOST_FOLDERS: Final = 2000
_BLOCK: Final = 1 << 20

_Identity = tuple[Path, int, int]

_Stamp = tuple[int, int, int, int] | None
"""Device, inode, size and time of change of a file; None where there is none."""


@dataclass(frozen=True)
class Reloaded:
    """What an edit came to. The configuration in force is the last one that was good."""

    configuration: Configuration | None = None
    """A new good configuration, if its files changed or a reload was asked for."""
    error: ConfigError | None = None
    """Why the changed files cannot be used."""
    stirred: bool = False
    """Something happened where the manifests lie, or nobody has looked there for a while."""


class Reloader:
    """Watches the files of ``configuration`` and the folders that it is told of."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        kinds: frozenset[str] | None = None,
        env: Environment = os.environ,
        debounce: float = 1.0,
        look_every: float = 30.0,
    ) -> None:
        """``debounce``: seconds within which several events are one. ``look_every``: seconds between looks without."""
        self.configuration = configuration
        self._kinds = kinds
        self._env = env
        self._debounce = debounce
        self._look_every = look_every
        self._files = set(configuration.files)
        self._extra: frozenset[Path] = frozenset()
        self._stirred = False
        # What was loaded, not what is there now: a file may be edited before the first look, too.
        self._seen: dict[Path, tuple[_Stamp, bytes]] = {one.file: (None, one.digest) for one in configuration.sources}
        self._wake = asyncio.Event()
        self._asked = False
        self._told_many = False
        self._last_trouble = ""

    def trigger(self) -> None:
        """Read the configuration again even if no file changed (SIGHUP); call it in the event loop."""
        self._asked = True
        self._wake.set()

    def watch_folders(self, folders: Iterable[Path]) -> None:
        """From now on, tell when anything happens in these folders, those below left out; call it in the event loop."""
        fresh = frozenset(folders)
        if fresh != self._extra:
            self._extra = fresh
            self._wake.set()

    async def events(self) -> AsyncIterator[Reloaded]:
        """Every change since the configuration was loaded, until cancelled. Only one iteration at a time."""
        pump: asyncio.Task[None] | None = None
        pumped: set[_Identity] = set()
        try:
            while True:
                folders, extra, standing = await asyncio.to_thread(self._folders)
                if pump is None or pump.done() or standing != pumped:
                    await _end(pump)
                    pumped = standing
                    pump = asyncio.create_task(self._pump(folders | extra, extra))
                try:
                    async with asyncio.timeout(self._look_every):
                        await self._wake.wait()
                except TimeoutError:
                    self._stirred = bool(extra)
                self._wake.clear()
                news = await self._news()
                if news:
                    yield news
        finally:
            await _end(pump)

    async def _news(self) -> Reloaded | None:
        asked, self._asked = self._asked, False
        stirred, self._stirred = self._stirred, False
        if not await asyncio.to_thread(self._changed) and not asked:
            return Reloaded(stirred=True) if stirred else None
        try:
            fresh = await asyncio.to_thread(load, self.configuration.path, kinds=self._kinds, env=self._env)
        except ConfigError as error:
            self._files = {*self.configuration.files, *error.files}
            return Reloaded(error=error, stirred=stirred)
        self.configuration = fresh
        self._files = set(fresh.files)
        return Reloaded(configuration=fresh, stirred=stirred)

    def _changed(self) -> bool:
        """Whether any file has another content than at the last look; a new file is one that was included meanwhile."""
        watched = self._files
        now = {*watched, *self.configuration.included()}
        changed = False
        for file in now:
            stamp = _stamp(file)
            before = self._seen.get(file)
            if before and before[0] == stamp and stamp is not None:
                continue
            content = _digest(file)
            if before is None:
                changed = changed or file not in watched
            else:
                changed = changed or before[1] != content
            self._seen[file] = (stamp, content)
        for file in self._seen.keys() - now:
            del self._seen[file]
        return changed

    def _folders(self) -> tuple[frozenset[Path], frozenset[Path], set[_Identity]]:
        """The folders in which a change of the configuration, and of what else is watched, can show, as they exist.

        And what each is: a folder that was made anew under its old name has to be watched anew.
        """
        patterns = (resolved(self.configuration.folder, pattern) for pattern in self.configuration.settings.include)
        spellings = {one for file in (*self._files, *patterns) for one in (file, Path(os.path.realpath(file)))}
        folders = {_existing(one.parent) for one in spellings}
        extra = {_existing(folder) for folder in islice(sorted(self._extra), _MOST_FOLDERS)}
        if len(self._extra) > _MOST_FOLDERS and not self._told_many:
            self._told_many = True
            log.warning("too many folders: the rest is looked at now and then", watched=_MOST_FOLDERS)
        return frozenset(folders), frozenset(extra), {_identity(one) for one in folders | extra}

    async def _pump(self, folders: frozenset[Path], extra: frozenset[Path]) -> None:
        """Wake the reader when anything happens in the folders."""
        milliseconds = max(1, int(self._debounce * 1000))
        where = {os.fspath(folder) for folder in extra}

        def look() -> None:
            self._stirred = bool(extra)
            self._wake.set()

        # Runs once the watcher stands: whatever happened before it did is found by a look.
        asyncio.get_running_loop().call_soon(look)
        try:
            async for changes in awatch(
                *folders,
                watch_filter=None,
                debounce=milliseconds,
                step=max(1, milliseconds // 4),
                recursive=False,
                ignore_permission_denied=True,
            ):
                self._stirred = self._stirred or any(os.path.dirname(path) in where for _, path in changes)
                self._wake.set()
        except (OSError, RuntimeError) as error:
            # No more inotify watches, or a folder that went away: the looks go on.
            if str(error) != self._last_trouble:
                log.warning("files are not watched, only looked at", every_seconds=self._look_every, error=error)
            self._last_trouble = str(error)


def _identity(folder: Path) -> _Identity:
    stamp = _stamp(folder)
    return (folder, stamp[0], stamp[1]) if stamp else (folder, 0, 0)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder


def _stamp(file: Path) -> _Stamp:
    try:
        status = file.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _digest(file: Path) -> bytes:
    """A digest of the content; empty where there is none to read. A huge file counts by its stamp alone."""
    stamp = _stamp(file)
    if stamp is None or not file.is_file():
        return b""
    if stamp[2] > 64 * LARGEST_FILE:
        return repr(stamp).encode()
    try:
        with file.open("rb") as stream:
            return digest_of(iter(lambda: stream.read(_BLOCK), b""))
    except OSError:
        return b""


async def _end(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
