"""Imports go one way: config <- alerts <- monitor."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {"config": {"config"}, "alerts": {"config", "alerts"}, "monitor": {"config", "alerts", "monitor"}}


def own_imports(module: Path) -> set[str]:
    """The project's packages that a module imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        found |= {name.split(".")[0] for name in names} & set(MAY_IMPORT)
    return found


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_go_one_way(package: str) -> None:
    against = {
        f"{module.relative_to(ROOT)} imports {name}"
        for module in (ROOT / package).rglob("*.py")
        for name in own_imports(module) - MAY_IMPORT[package]
    }
    assert not against
