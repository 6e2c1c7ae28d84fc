"""What is wrong with a configuration, where, and how to mend it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MOST_TOLD: Final = 200


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file."""

    file: Path
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else str(self.file)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. ``key`` is as people write it: ``watch[2].packages[0]``; never a secret in any of it."""

    place: Place
    key: str
    problem: str
    mend: str

    def __str__(self) -> str:
        key = f"{self.key}: " if self.key else ""
        return f"{printable(str(self.place))}: {key}{self.problem}; {self.mend}"


class ConfigError(Exception):
    """A configuration that cannot be used: every problem of it, one a line."""

    def __init__(self, problems: Sequence[Problem], files: Sequence[Path] = ()) -> None:
        self.problems = tuple(problems)
        self.files = tuple(files)
        """The files that were read, or that should have been: a change of one of them may mend it."""
        lines = [str(problem) for problem in problems[:_MOST_TOLD]]
        if len(problems) > _MOST_TOLD:
            lines.append(f"and {len(problems) - _MOST_TOLD} more problems")
        super().__init__("\n".join(lines))


def written(path: Sequence[str | int]) -> str:
    """A path in the tree as people write it: ``watch[2].packages[0]``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            bare = part.isascii() and part.replace("-", "").replace("_", "").isalnum()
            text += ("." if text else "") + (part if bare and len(part) <= 80 else repr(part[:80]))
    return text


def printable(text: str) -> str:
    """``text`` on one line, with what does not print written out."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
