"""``weaklink.toml`` from the disk to settings that may be relied on, or to everything that is wrong with it."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from config import locate
from config.crosschecks import disagreements
from config.judging import MOST_JUDGED, Judgement, judge, short
from config.problems import ConfigError, Place, Problem, written
from config.settings import Settings, Watch
from config.sources import Environment, Source, Unreadable, expand, read_source

__all__ = ["ConfigError", "Configuration", "find", "load"]

LOOKED_FOR: Final = (Path("weaklink.toml"), Path("/etc/weaklink/weaklink.toml"))
_MOST_INCLUDED: Final = 1000


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """Settings that are valid, and where each of them is written."""

    settings: Settings
    path: Path
    """The main file, absolute; relative paths in it start at its folder."""
    files: tuple[Path, ...]
    """All files that were read: the main one, then the included ones."""
    sources: tuple[Source, ...] = field(default=(), repr=False, compare=False)
    origins: tuple[tuple[int, int], ...] = field(default=(), repr=False, compare=False)
    """Of each watch: which of ``sources`` it stands in, and as which of its watches."""

    @property
    def folder(self) -> Path:
        """Where relative paths of the main file start."""
        return self.path.parent

    def place(self, *path: str | int) -> Place:
        """Where a key is written: ``place("watch", 3, "packages", 0)``."""
        return _place(self.sources, self.origins, path)

    def included(self) -> list[Path]:
        """The files that ``include`` matches at this moment: a new one belongs to the configuration."""
        return [file for pattern in self.settings.include for file in _matches(self.folder, pattern)]

    def watch_file(self, watch: Watch | str) -> Path:
        """The file in which a watch stands: the paths of its manifests start at that file's folder."""
        name = watch if isinstance(watch, str) else watch.name
        for index, candidate in enumerate(self.settings.watch):
            if candidate.name == name:
                return self.sources[self.origins[index][0]].file
        raise KeyError(name)

    def manifest_pattern(self, watch: Watch | str, entry: str) -> Path:
        """An entry of ``manifests`` as an absolute path (``~`` is the user's home); it may still be a glob."""
        return resolved(self.watch_file(watch).parent, entry)


def resolved(folder: Path, entry: str) -> Path:
    """A path of the configuration, relative to the folder of the file in which it is written; ``~`` is the home."""
    with suppress(RuntimeError):  # a home that nobody has
        entry = str(Path(entry).expanduser())
    # `..` leads out of where a folder really is, as in a shell.
    base = os.path.realpath(folder) if ".." in Path(entry).parts else folder
    return Path(os.path.normpath(os.path.join(base, entry)))


def _matches(folder: Path, pattern: str) -> list[Path]:
    """What a pattern of ``include`` matches; the folder's own name may have brackets, which are none of the pattern."""
    relative = pattern[0] not in "/~"
    found = glob.glob(pattern, root_dir=folder) if relative else glob.glob(str(resolved(folder, pattern)))
    return [resolved(folder, name) for name in sorted(found)]


def find(folder: Path | None = None) -> Path:
    """The configuration that is used when none is named: ``./weaklink.toml``, then ``/etc/weaklink/weaklink.toml``."""
    here = folder or Path.cwd()
    for candidate in LOOKED_FOR:
        if (here / candidate).exists():
            return here / candidate
    looked = " and ".join(str(candidate) for candidate in LOOKED_FOR)
    problem = Problem(Place(LOOKED_FOR[0]), "", f"no configuration at {looked}", "make one: weaklink init")
    raise ConfigError([problem], [here / candidate for candidate in LOOKED_FOR])


def load(
    path: Path,
    *,
    kinds: frozenset[str] | None = None,
    env: Environment = os.environ,
    instead: Mapping[Path, bytes] | None = None,
) -> Configuration:
    """Read and judge a configuration with everything it includes; ConfigError names every problem of it.

    ``kinds`` are the kinds that severities, routes and compound rules may name (None: not judged). ``instead`` gives
    the content that some files would have, by absolute path: so an edit is judged before it is written.
    """
    return _Reading(path.expanduser().absolute(), kinds, env, instead or {}).configuration()


class _Reading:
    def __init__(
        self, path: Path, kinds: frozenset[str] | None, env: Environment, instead: Mapping[Path, bytes]
    ) -> None:
        self.path = Path(os.path.normpath(path))
        self.kinds = kinds
        self.env = env
        self.instead = instead
        self.files: list[Path] = []
        self.sources: list[Source] = []
        self.problems: list[Problem] = []
        self.origins: list[tuple[int, int]] = []

    def configuration(self) -> Configuration:
        main = self.read(self.path)
        if main is None:
            raise ConfigError(self.problems, self.files)
        tree = dict(main.tree)
        own = tree.get("watch")
        if isinstance(own, list):
            self.origins += ((0, index) for index in range(len(own)))
        for file in self.included(main):
            self.read(file)
        watches = [watch for number in range(1, len(self.sources)) for watch in self.watches_of(number)]
        if watches and isinstance(own, list | None):
            tree["watch"] = [*(own or []), *watches]
        settings = self.judged(tree)
        return Configuration(
            settings=self.with_absolute_database(settings),
            path=self.path,
            files=tuple(self.files),
            sources=tuple(self.sources),
            origins=tuple(self.origins),
        )

    def read(self, file: Path) -> Source | None:
        self.files.append(file)
        try:
            source = read_source(file, self.instead.get(file))
        except Unreadable as error:
            self.problems.append(error.problem)
            return None
        self.sources.append(source)
        self.problems += expand(source, self.env)
        return source

    def included(self, main: Source) -> Iterator[Path]:
        """The files that ``include`` names, each once, in the order of the patterns and then of their names."""
        patterns = main.tree.get("include")
        seen = {_identity(self.path)}
        count = 0
        for index, pattern in enumerate(patterns if isinstance(patterns, list) else []):
            if not isinstance(pattern, str) or not pattern or "\0" in pattern:
                continue
            for file in self.matching(main, index, pattern):
                if _identity(file) == _identity(self.path):
                    self.tell(main, ("include", index), "this includes the file itself", "use a folder: watch.d/*.toml")
                elif _identity(file) not in seen:
                    seen.add(_identity(file))
                    count += 1
                    if count > _MOST_INCLUDED:
                        self.tell(main, ("include", index), f"more than {_MOST_INCLUDED} files", "include fewer")
                        return
                    yield file

    def matching(self, main: Source, index: int, pattern: str) -> list[Path]:
        where: locate.Path = ("include", index)
        if "**" in pattern:
            self.tell(main, where, "** is not followed here", 'name the folder: "watch.d/*.toml"')
            return []
        if not glob.has_magic(pattern):
            file = resolved(self.path.parent, pattern)
            if not file.exists():
                self.files.append(file)
                name = "what the ${…} here gives:" if where in main.expanded else f"{short(str(file))}:"
                self.tell(main, where, f"{name} there is no such file", "make it, or take it out of include")
                return []
            return [file]
        return _matches(self.path.parent, pattern)

    def watches_of(self, number: int) -> list[Any]:
        """The watches of an included file; anything else in it is told."""
        source = self.sources[number]
        for key in source.tree.keys() - {"watch"}:
            self.tell(source, (key,), "only [[watch]] tables may stand in an included file", f"move it to {self.path}")
        watches = source.tree.get("watch", [])
        if not isinstance(watches, list):
            self.tell(source, ("watch",), "expects a list of tables", "write [[watch]]")
            return []
        self.origins += ((number, index) for index in range(len(watches)))
        return watches

    def judged(self, tree: Mapping[str, Any]) -> Settings:
        expanded = self.expanded()
        verdict = judge(tree, expanded)
        wrong = verdict if isinstance(verdict, list) else []
        wrong += islice(disagreements(tree, self.kinds, self.place), MOST_JUDGED)
        self.problems += (self.problem(judgement, expanded) for judgement in wrong)
        if self.problems or isinstance(verdict, list):
            order = {file: number for number, file in enumerate(self.files)}
            told = {(problem.place, problem.key): problem for problem in reversed(self.problems)}
            raise ConfigError(
                sorted(told.values(), key=lambda problem: (order.get(problem.place.file, 0), problem.place.line or 0)),
                self.files,
            )
        return verdict

    def expanded(self) -> set[locate.Path]:
        """Paths of the whole tree whose values came from the environment."""
        whole = {origin: index for index, origin in enumerate(self.origins)}
        found: set[locate.Path] = set()
        for number, source in enumerate(self.sources):
            for path in source.expanded:
                if len(path) > 1 and path[0] == "watch" and isinstance(path[1], int):
                    found.add(("watch", whole.get((number, path[1]), path[1]), *path[2:]))
                elif number == 0:
                    found.add(path)
        return found

    def problem(self, judgement: Judgement, expanded: set[locate.Path]) -> Problem:
        path, problem, mend = judgement
        if path in expanded:
            problem = "what the ${…} here gives cannot be used"
        return Problem(self.place(path), self.key(path), problem, mend)

    def key(self, path: locate.Path) -> str:
        """A key as it stands in its own file, whose watches are counted from 0."""
        return written(_own(self.origins, path)[1])

    def place(self, path: locate.Path) -> Place:
        return _place(self.sources, self.origins, path)

    def tell(self, source: Source, path: locate.Path, problem: str, mend: str) -> None:
        self.problems.append(Problem(source.place(path), written(path), problem, mend))

    def with_absolute_database(self, settings: Settings) -> Settings:
        """A relative SQLite file belongs beside the configuration, wherever the program was started."""
        scheme, _, rest = settings.database.url.partition(":///")
        file, question, options = rest.partition("?")
        if not scheme.startswith("sqlite") or not file or file.startswith(("/", ":memory:", "file:")):
            return settings
        # A folder may be called anything; in a URL these two characters would be something else.
        place = str(resolved(self.path.parent, unquote(file))).replace("%", "%25").replace("?", "%3F")
        url = f"{scheme}:///{place}{question}{options}"
        return settings.model_copy(update={"database": settings.database.model_copy(update={"url": url})})


def _own(origins: Sequence[tuple[int, int]], path: locate.Path) -> tuple[int, locate.Path]:
    """Which source a path of the whole tree stands in, and its path there."""
    if len(path) > 1 and path[0] == "watch" and isinstance(path[1], int) and path[1] < len(origins):
        number, index = origins[path[1]]
        return number, ("watch", index, *path[2:])
    return 0, path


def _place(
    sources: Sequence[Source],
    origins: Sequence[tuple[int, int]],
    path: locate.Path,
) -> Place:
    number, own = _own(origins, path)
    return sources[number].place(own)


def _identity(file: Path) -> str:
    return os.path.realpath(file)
