"""One file of the configuration: its text, its tree of values, the line of each, and the ``${NAME}`` in them."""

from __future__ import annotations

import re
import stat
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from os import strerror
from pathlib import Path
from typing import Any, Final

from config import locate
from config.problems import Place, Problem, written

LARGEST_FILE: Final = 4 * 1024 * 1024
_LARGEST_CREDENTIAL: Final = 1024 * 1024

_REFERENCE: Final = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,200}")
_TOML_PLACE: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")

Environment = Mapping[str, str]


@dataclass(slots=True)
class Source:
    """A file that could be read as TOML."""

    file: Path
    tree: dict[str, Any]
    places: Mapping[locate.Path, int]
    expanded: set[locate.Path] = field(default_factory=set)
    """Values that came from the environment or a credential: they are never shown."""
    digest: bytes = b""
    """Of the content that was read (``digest_of``)."""

    def place(self, path: locate.Path) -> Place:
        """The line of the value at ``path``, or of the nearest thing around it."""
        for length in range(len(path), 0, -1):
            line = self.places.get(path[:length])
            if line:
                return Place(self.file, line)
        return Place(self.file)


class Unreadable(Exception):
    """A file that gives no tree at all."""

    def __init__(self, file: Path, problem: str, mend: str, line: int | None = None) -> None:
        super().__init__(problem)
        self.problem = Problem(Place(file, line), "", problem, mend)


def read_source(file: Path, content: bytes | None = None) -> Source:
    """The tree of a TOML file (or of ``content`` instead of what is on disk); Unreadable says why there is none."""
    content = _content(file) if content is None else content
    text = _decode(file, content)
    try:
        places = locate.locate(text)
        return Source(file, tomllib.loads(text), places, digest=digest_of([content]))
    except locate.TooDeep as error:
        raise Unreadable(file, str(error), "use fewer nested tables", error.line) from None
    except tomllib.TOMLDecodeError as error:
        problem, line = _syntax(str(error), text)
        raise Unreadable(file, problem, "see https://toml.io for how TOML is written", line) from None
    except (ValueError, RecursionError):
        # Beyond TOML's own errors: integers of thousands of digits, impossible dates, brackets without end.
        raise Unreadable(file, "a value is too large or too deep to read", "write it shorter") from None


def digest_of(blocks: Iterable[bytes]) -> bytes:
    """What tells one content of a file from another."""
    digest = blake2b(digest_size=16)
    for block in blocks:
        digest.update(block)
    return digest.digest()


def _content(file: Path) -> bytes:
    try:
        kind = file.stat()
        if stat.S_ISDIR(kind.st_mode):
            raise Unreadable(file, "this is a folder", "name a file")
        if not stat.S_ISREG(kind.st_mode):
            raise Unreadable(file, "this is no regular file", "name a file")
        with file.open("rb") as stream:
            return stream.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise Unreadable(file, "there is no such file", f"make one: weaklink init {file}") from None
    except (OSError, ValueError) as error:
        reason = strerror(error.errno) if isinstance(error, OSError) and error.errno else "bad file name"
        raise Unreadable(file, f"cannot be read ({reason.lower()})", "check the path and its permissions") from None


def _decode(file: Path, content: bytes) -> str:
    if len(content) > LARGEST_FILE:
        megabytes = LARGEST_FILE // 1024**2
        raise Unreadable(file, f"larger than {megabytes} MB", "split the watches over files with include")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Unreadable(file, "this is not UTF-8 text", "save it as UTF-8", line) from None
    nul = text.find("\0")
    if nul >= 0:
        raise Unreadable(file, "there is a NUL byte", "save it as plain text", text.count("\n", 0, nul) + 1)
    return text


def _syntax(message: str, text: str) -> tuple[str, int]:
    """tomllib's message without the place at its end, and the line of that place."""
    match = _TOML_PLACE.search(message)
    line = int(match[1]) if match and match[1] else text.count("\n") + 1
    bare = _TOML_PLACE.sub("", message)
    if bare == "Cannot overwrite a value":
        bare = "a key is written twice"
    elif bare.startswith("Cannot declare"):
        bare = "a table is written twice"
    return f"this is no TOML ({bare})", line


def expand(source: Source, env: Environment) -> list[Problem]:
    """Put environment variables and credentials in place of ``${NAME}`` in every value; what is missing is told."""
    problems: list[Problem] = []

    def expanded(value: Any, path: locate.Path) -> Any:
        if isinstance(value, dict):
            return {key: expanded(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [expanded(item, (*path, index)) for index, item in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        try:
            text = expand_text(value, env)
        except Missing as missing:
            problems.append(Problem(source.place(path), written(path), missing.problem, missing.mend))
            source.expanded.add(path)
            return value
        if text != value.replace("$${", "${"):
            source.expanded.add(path)
        return text

    source.tree = expanded(source.tree, ())
    return problems


class Missing(ValueError):
    """A ``${NAME}`` that has no value."""

    def __init__(self, problem: str, mend: str) -> None:
        super().__init__(f"{problem}; {mend}")
        self.problem = problem
        self.mend = mend


def expand_text(text: str, env: Environment) -> str:
    """``text`` with ``${NAME}`` taken from ``env``, then from systemd's credentials; ``$${`` is a literal ``${``."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        name = match[1]
        if name is None or not _VARIABLE.fullmatch(name):
            raise Missing("a ${ that names no variable", "write ${NAME}, or $${ for a literal ${")
        if name in env:
            return env[name]
        credential = _credential(name, env)
        if credential is None:
            raise Missing(
                f"${{{name}}} is neither in the environment nor a systemd credential",
                f"set {name}, or add LoadCredential={name}:FILE to the unit",
            )
        return credential

    return _REFERENCE.sub(value, text)


def _credential(name: str, env: Environment) -> str | None:
    folder = env.get("CREDENTIALS_DIRECTORY")
    if not folder:
        return None
    try:
        with (Path(folder) / name).open("rb") as stream:
            content = stream.read(_LARGEST_CREDENTIAL)
        return content.decode("utf-8").rstrip("\r\n")
    except (OSError, ValueError):
        return None
