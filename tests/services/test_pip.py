"""What pip says it installed, beside what is read from the files that pip writes: the same versions."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

from config.manifests.files import Files
from config.manifests.formats import format_of
from config.manifests.model import Entry
from config.names import normalise_pypi

ASKED = "requests>=2.32\nJinja2>=3.1\n"


class Environment:
    """A fresh environment for a project that asks for two packages of PyPI."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        venv.create(folder / "env")
        (folder / "requirements.txt").write_text(ASKED)
        self.pip("install", "--quiet", "--requirement", "requirements.txt")

    def pip(self, *words: str) -> str:
        pip = (sys.executable, "-m", "pip", "--python", str(self.folder / "env"), "--disable-pip-version-check")
        return subprocess.run([*pip, *words], cwd=self.folder, check=True, capture_output=True, text=True).stdout

    def read(self, name: str) -> list[Entry]:
        form = format_of(name)
        assert form is not None
        return list(form.read(Files().open(self.folder / name, name)))


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("project"))


def pairs(entries: list[Entry]) -> set[tuple[str, str]]:
    return {(one.purl.removeprefix("pkg:pypi/"), version) for one in entries for version in one.versions}


def named(found: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(normalise_pypi(one["metadata"]["name"]), one["metadata"]["version"]) for one in found}


def test_what_pip_freezes_is_what_pip_inspects(environment: Environment) -> None:
    (environment.folder / "requirements-frozen.txt").write_text(environment.pip("freeze"))
    inspected = json.loads(environment.pip("inspect", "--local"))["installed"]
    assert len(inspected) > 4
    assert pairs(environment.read("requirements-frozen.txt")) == named(inspected)


def test_what_pip_locks_is_what_it_would_install(environment: Environment) -> None:
    asked = ("--requirement", "requirements.txt")
    environment.pip("lock", "--quiet", *asked, "--output", "pylock.toml")
    report = environment.pip("install", "--quiet", "--dry-run", "--ignore-installed", "--report", "-", *asked)
    would = json.loads(report)["install"]
    assert pairs(environment.read("pylock.toml")) == named(would)
    requested = {normalise_pypi(one["metadata"]["name"]) for one in would if one["requested"]}
    direct = {one.purl.removeprefix("pkg:pypi/") for one in environment.read("requirements.txt") if one.direct}
    assert direct == requested
