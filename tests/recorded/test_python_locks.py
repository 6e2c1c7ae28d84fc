"""Python's lock files and requirements, of real projects and of other tools' tests: all found, none invented."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pytest

from config.manifests.files import Files
from config.manifests.formats import format_of
from config.manifests.model import Entry
from config.names import normalise_pypi, package_purl

FORMATS: Final = {"requirements.txt", "Pipfile.lock", "pdm.lock", "poetry.lock", "pylock.toml", "uv.lock"}
WITHOUT_DEVELOPMENT: Final = "syft-pipfile-lock-Pipfile.lock"
"""The other tool passes over the category ``develop``."""
THE_PROJECT_ITSELF: Final = {"syft-uv-simple-deps-uv.lock": ("pkg:pypi/testpkg", "0.1.0")}
"""The other tool lists it; another of the same source project's peers, on files of the same form, does not."""
RANGES: Final = {"keyring", "mopidy-dirble"}
"""Of these the other tool's test takes the lower end of a range for the version."""


def stated(recorded: Path) -> dict[str, dict[str, Any]]:
    every = json.loads((recorded / "locks" / "expected.json").read_bytes())
    return {name: one for name, one in every.items() if one["format"] in FORMATS}


def content(recorded: Path, name: str) -> bytes:
    data = (recorded / "locks" / name).read_bytes()
    return gzip.decompress(data) if name.endswith(".gz") else data


def read(folder: Path, name: str, data: bytes) -> list[Entry]:
    path = folder / name
    path.write_bytes(data)
    form = format_of(name)
    assert form is not None
    return list(form.read(Files().open(path, name)))


def pairs(entries: Iterable[Entry]) -> set[tuple[str, str]]:
    return {(one.purl, version) for one in entries for version in one.versions or ("",)}


def test_every_stated_package_is_found_and_none_invented(recorded: Path, tmp_path: Path) -> None:
    files = {name: one for name, one in stated(recorded).items() if one["packages"] is not None}
    assert files
    for name, one in files.items():
        expected = {
            (package_purl("pypi", package), "" if normalise_pypi(package) in RANGES else version)
            for package, version in one["packages"]
        }
        entries = read(tmp_path, one["format"], content(recorded, name))
        if name == WITHOUT_DEVELOPMENT:
            assert {entry.purl for entry in entries if entry.dev} == {"pkg:pypi/astroid", "pkg:pypi/autopep8"}
            entries = [entry for entry in entries if not entry.dev]
        assert pairs(entries) == expected - {THE_PROJECT_ITSELF.get(name)}, name


def test_a_real_pipfile_lock(recorded: Path, tmp_path: Path) -> None:
    data = content(recorded, "real-dependabot-core-editable-package-Pipfile.lock")
    entries = read(tmp_path, "Pipfile.lock", data)
    counted = re.findall(rb'"([A-Za-z0-9._-]+)": \{\s+"hashes"', data)
    assert [one.purl for one in entries] == [package_purl("pypi", name.decode()) for name in counted]
    assert all(one.dev and one.versions for one in entries)


def test_requirements_with_lines_from_the_wild(recorded: Path, tmp_path: Path) -> None:
    entries = read(tmp_path, "requirements.txt", content(recorded, "syft-requires-requirements.txt"))
    assert {one.purl.removeprefix("pkg:pypi/"): one.versions for one in entries} == {
        "flask": ("4.0.0",),
        "urllib3": ("1.26.20",),
        "sqlalchemy": (),
        "foo": ("1.0.0",),
        "bar": (),
        "someproject": ("5.4",),
        "dots-allowed": ("1.0.0",),
        "coverage": (),
        "numpynew": (),
        "numpy": (),
        "mopidy-dirble": (),
        "argh": ("0.26.2", "0.26.3"),
        "celery": ("4.4.7",),
        "requests": (),
        "friendly-bard": ("1.0.0",),
        "local-version": ("1.2.3+gcr.2",),
    }


@pytest.mark.parametrize(
    ("name", "itself"),
    [("real-poetry-poetry.lock", ""), ("real-guarddog-uv.lock", "guarddog"), ("real-whoisit-uv.lock", "whoisit")],
)
def test_real_locks_beside_an_independent_count(recorded: Path, tmp_path: Path, name: str, itself: str) -> None:
    data = content(recorded, name)
    entries = read(tmp_path, name.rpartition("-")[2], data)
    counted = re.findall(rb'^\[\[package\]\]\nname = "([^"]+)"\nversion = "([^"]+)"$', data, re.MULTILINE)
    assert len(counted) >= data.count(b"[[package]]") - 1  # the project itself may have no version
    expected = {
        (package_purl("pypi", of.decode()), version.decode()) for of, version in counted if of.decode() != itself
    }
    assert pairs(entries) == expected
    assert sum(not one.registry for one in entries) == data.count(b'type = "git"')
    assert any(one.direct for one in entries)
    assert all(one.direct or one.via for one in entries)


def test_what_comes_from_a_repository_is_listed_as_such(recorded: Path, tmp_path: Path) -> None:
    for name, form in (
        ("scalibr-poetrylock-source-git.lock", "poetry.lock"),
        ("scalibr-uvlock-source-git.lock", "uv.lock"),
    ):
        (entry,) = read(tmp_path, form, content(recorded, name))
        assert entry.versions
        assert not entry.registry


def test_extras_and_groups_say_what_is_direct_and_what_is_for_development(recorded: Path, tmp_path: Path) -> None:
    grouped = read(tmp_path, "uv.lock", content(recorded, "scalibr-uvlock-grouped-packages.lock"))
    assert {one.purl for one in grouped if one.direct and not one.dev} == {"pkg:pypi/emoji", "pkg:pypi/click"}
    assert {one.purl for one in grouped if one.direct and one.dev} == {"pkg:pypi/black", "pkg:pypi/flake8"}
    assert {one.purl: one.via for one in grouped}["pkg:pypi/mccabe"] == ("flake8",)
    pdm = {one.purl: one for one in read(tmp_path, "pdm.lock", content(recorded, "syft-pdm-lock-pdm.lock"))}
    assert {purl for purl, one in pdm.items() if one.direct} == {"pkg:pypi/requests", "pkg:pypi/pytest"}
    assert {purl for purl, one in pdm.items() if one.dev} == {
        f"pkg:pypi/{name}" for name in ("pytest", "py", "setuptools", "colorama")
    }
