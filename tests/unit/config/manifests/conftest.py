from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from config.manifests.files import Files
from config.manifests.formats import format_of
from config.manifests.model import Entry

ReadProject = Callable[[dict[str, Any]], dict[str, Entry]]


@pytest.fixture
def read_npm(tmp_path: Path) -> ReadProject:
    """Writes the files of a project of npm's kind, reads the first one, and gives its entries by package name.

    An entry of no registry is under ``elsewhere:NAME``.
    """

    def read(files: dict[str, Any]) -> dict[str, Entry]:
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content, indent=1))
        name = next(iter(files))
        found = format_of(Path(name).name)
        assert found is not None
        entries = found.read(Files().open(tmp_path / name, name))
        named = [(one.purl.removeprefix("pkg:npm/").replace("%40", "@"), one) for one in entries]
        return {name if one.registry else f"elsewhere:{name}": one for name, one in named}

    return read
