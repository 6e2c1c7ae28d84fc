"""Every event that is logged has words that never vary; what varies is a field."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TOP = Path(__file__).parents[3]
FILES = [file for part in ("alerts", "config", "monitor") for file in sorted((TOP / part).rglob("*.py"))]
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


def offences(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in LEVELS
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "log"
            and (len(node.args) != 1 or isinstance(node.args[0], ast.JoinedStr) or "%" in ast.unparse(node.args[0]))
        ):
            yield f"{file.relative_to(TOP)}:{node.lineno}: write log.{node.func.attr}('words', name=value)"


def test_what_varies_is_no_part_of_the_words() -> None:
    assert len(FILES) > 100
    assert [found for file in FILES for found in offences(file)] == []
