"""docs/security.md names no test and no module that is not there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
TEXT = (TOP / "docs" / "security.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[^`]+)`", TEXT)))
ROWS = [line.split(" | ") for line in TEXT.partition("## Threats")[2].splitlines() if line.startswith("| **")]


@cache
def names_in(path: Path) -> frozenset[str]:
    """The tests of a file by the names that pytest gives them."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{one.name}" for one in node.body if isinstance(one, ast.FunctionDef)}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
    return frozenset(found)


@pytest.mark.parametrize("named", NAMED)
def test_a_test_that_the_document_names_is_there(named: str) -> None:
    file, _, test = named.partition("::")
    assert test.rpartition("::")[2].startswith("test_")
    assert test in names_in(TOP / file)


def test_every_threat_has_a_module_that_is_there_and_a_test() -> None:
    assert len(ROWS) > 25
    for threat, stops, shown in ROWS:
        assert "::test_" in shown, threat
        places = re.findall(r"`((?:alerts|config|monitor|\.ci)/[^`]*)`", stops)
        assert places, threat
        assert [place for place in places if not (TOP / place).exists()] == [], threat
