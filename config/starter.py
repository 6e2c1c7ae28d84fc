"""The configuration that a newcomer begins with."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def starter_text() -> str:
    """The commented starter configuration."""
    return files("config").joinpath("starter.toml").read_text(encoding="utf-8")


def write_starter(path: Path) -> None:
    """Write the starter to ``path``; FileExistsError if anything is there already, and that stays as it is."""
    with path.open("x", encoding="utf-8") as stream:
        try:
            stream.write(starter_text())
            stream.flush()
        except OSError:
            path.unlink(missing_ok=True)  # a full disk: rather nothing than half a file
            raise
