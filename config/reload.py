"""Takes up edits of the configuration, and says which manifests changed, within seconds.

Folders are watched rather than files, so that a save by rename is seen, as are links that are turned to another file.
What counts is the content: an event that leaves every file as it was is no news. A look every now and then covers file
systems that send no events.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from watchfiles import awatch

from config.load import ConfigError, Configuration, load, resolved
from config.sources import LARGEST_FILE, Environment

_log = logging.getLogger(__name__)

_MOST_FOLDERS: Final = 2000
_BLOCK: Final = 1 << 20

_Stamp = tuple[int, int, int, int] | None
"""Device, inode, size and time of change of a file; None where there is none."""


@dataclass(frozen=True)
class Reloaded:
    """What an edit came to. The configuration in force is the last one that was good."""

    configuration: Configuration | None = None
    """A new good configuration, if its files changed or a reload was asked for."""
    error: ConfigError | None = None
    """Why the changed files cannot be used."""
    manifests: frozenset[Path] = frozenset()
    """Manifests that changed, came or went."""


class Reloader:
    """Watches the files of ``configuration`` and the manifests that it is told of."""

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
        self._manifests: frozenset[Path] = frozenset()
        self._seen: dict[Path, tuple[_Stamp, bytes]] = {}
        self._wake = asyncio.Event()
        self._asked = False
        self._folders: frozenset[Path] = frozenset()

    def trigger(self) -> None:
        """Read the configuration again even if no file changed (SIGHUP); call it in the event loop."""
        self._asked = True
        self._wake.set()

    def watch_manifests(self, manifests: Iterable[Path]) -> None:
        """From now on, tell of changes of these files, folders left out; call it in the event loop."""
        self._manifests = frozenset(manifests)
        self._wake.set()

    async def events(self) -> AsyncIterator[Reloaded]:
        """Every change from now on, until cancelled. Only one iteration at a time."""
        await asyncio.to_thread(self._changed, self._watched())
        pump: asyncio.Task[None] | None = None
        try:
            while True:
                folders = await asyncio.to_thread(self._folders_of, self._watched())
                if pump is None or folders != self._folders:
                    await _end(pump)
                    self._folders = folders
                    pump = asyncio.create_task(self._pump(folders))
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._look_every):
                        await self._wake.wait()
                self._wake.clear()
                news = await self._news()
                if news:
                    yield news
        finally:
            await _end(pump)

    async def _news(self) -> Reloaded | None:
        asked, self._asked = self._asked, False
        changed = await asyncio.to_thread(self._changed, self._watched())
        manifests = frozenset(changed & self._manifests)
        if not asked and not changed - self._manifests:
            return Reloaded(manifests=manifests) if manifests else None
        try:
            fresh = await asyncio.to_thread(load, self.configuration.path, kinds=self._kinds, env=self._env)
        except ConfigError as error:
            self._files = {*self.configuration.files, *error.files}
            return Reloaded(error=error, manifests=manifests)
        self.configuration = fresh
        self._files = set(fresh.files)
        return Reloaded(configuration=fresh, manifests=manifests)

    def _watched(self) -> frozenset[Path]:
        return frozenset({*self._files, *self._manifests})

    def _changed(self, watched: frozenset[Path]) -> set[Path]:
        """Files whose content is another one than at the last look; a new file is one that was included meanwhile."""
        now = {*watched, *self.configuration.included()}
        changed = set()
        for file in now:
            stamp = _stamp(file)
            before = self._seen.get(file)
            if before and before[0] == stamp and stamp is not None:
                continue
            content = _digest(file)
            if before is None:
                if file not in watched:
                    changed.add(file)
            elif before[1] != content:
                changed.add(file)
            self._seen[file] = (stamp, content)
        for file in self._seen.keys() - now:
            del self._seen[file]
        return changed

    def _folders_of(self, watched: frozenset[Path]) -> frozenset[Path]:
        """The folders in which a change of these files can show, the nearest that exist."""
        patterns = (resolved(self.configuration.folder, pattern) for pattern in self.configuration.settings.include)
        folders: set[Path] = set()
        for file in sorted({*watched, *patterns}):
            for spelling in {file, Path(os.path.realpath(file))}:
                folder = spelling.parent
                while not folder.is_dir() and folder != folder.parent:
                    folder = folder.parent
                folders.add(folder)
            if len(folders) >= _MOST_FOLDERS:
                _log.warning(
                    "only the first %d folders are watched; the others are looked at now and then", len(folders)
                )
                break
        return frozenset(folders)

    async def _pump(self, folders: frozenset[Path]) -> None:
        """Wake the reader when anything happens in the folders."""
        milliseconds = max(1, int(self._debounce * 1000))
        # Runs once the watcher stands: whatever happened before it did is found by a look.
        asyncio.get_running_loop().call_soon(self._wake.set)
        try:
            async for _ in awatch(
                *folders,
                watch_filter=None,
                debounce=milliseconds,
                step=max(1, milliseconds // 4),
                recursive=False,
                ignore_permission_denied=True,
            ):
                self._wake.set()
        except (OSError, RuntimeError) as error:
            # No more inotify watches, or a folder that went away: the looks go on.
            _log.warning("files are not watched, only looked at every %g s: %s", self._look_every, error)


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
    digest = hashlib.blake2b(digest_size=16)
    try:
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    except OSError:
        return b""
    return digest.digest()


async def _end(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
