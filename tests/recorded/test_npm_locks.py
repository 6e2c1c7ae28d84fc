"""Lock files of public projects and of other tools' own tests: every package found, none invented."""

from __future__ import annotations

import gzip
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from config.manifests.files import File, Files
from config.manifests.formats import format_of
from config.manifests.model import Entry, ManifestError
from config.names import split_purl

LOCKS = Path(os.environ.get("RECORDED_DATA", "")) / "locks"
FORMATS = {"package-lock.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock"}
EXPECTED: dict[str, dict[str, Any]] = (
    {
        name: stated
        for name, stated in json.loads((LOCKS / "expected.json").read_text()).items()
        if stated["format"] in FORMATS
    }
    if LOCKS.is_dir()
    else {}
)

THE_PROJECT_ITSELF = {("tmp", "1.0.0"), ("lock-v3-fixture", "1.0.0"), ("c0n-fab_u.laTION", "7.7.7")}
"""One of the tools lists the project among its dependencies; the others do not, and neither do we."""
LEFT_OUT_BY_A_TOOL = {("dev-parent", "1.0.0"), ("dev-nested", "1.0.0"), ("async", "3.2.4")}
"""One of the tools leaves development dependencies out; they are in the file."""


def file_named(name: str) -> File:
    data = (LOCKS / name).read_bytes()
    real_name = EXPECTED[name]["format"]
    return File(Path("/nowhere") / real_name, name, gzip.decompress(data) if name.endswith(".gz") else data, Files())


def entries_in(name: str) -> list[Entry]:
    file = file_named(name)
    found = format_of(file.path.name)
    assert found is not None
    return list(found.read(file))


def pairs(entries: list[Entry]) -> set[tuple[str, str]]:
    return {(split_purl(entry.purl)[1], version) for entry in entries for version in entry.versions or ("",)}


@pytest.mark.parametrize("name", [name for name, one in EXPECTED.items() if one["packages"] is not None])
def test_every_package_that_another_tool_finds_and_no_other(name: str) -> None:
    expected = {(package, version) for package, version in EXPECTED[name]["packages"]}
    found = pairs(entries_in(name))
    assert expected - found <= THE_PROJECT_ITSELF
    assert found - expected <= LEFT_OUT_BY_A_TOOL


@pytest.mark.parametrize("name", [name for name, one in EXPECTED.items() if one.get("error_expected")])
def test_a_file_that_other_tools_refuse_is_one_clear_error(name: str) -> None:
    with pytest.raises(ManifestError) as raised:
        entries_in(name)
    assert raised.value.line
    assert raised.value.mend


@pytest.mark.parametrize("name", [name for name in EXPECTED if name.startswith("real-") and "package-lock" in name])
def test_every_folder_of_a_real_lock_file_of_npm_and_npms_own_word_on_development(name: str) -> None:
    entries = {split_purl(entry.purl)[1]: entry for entry in entries_in(name)}
    counted: dict[str, list[dict[str, Any]]] = {}
    for path, place in json.loads(file_named(name).data)["packages"].items():
        if "node_modules/" in path and not place.get("link"):
            package = place.get("name") or path.rpartition("node_modules/")[2]
            counted.setdefault(package, []).append(place)
    assert entries.keys() == counted.keys()
    for package, places in counted.items():
        entry = entries[package]
        assert set(entry.versions) == {place["version"] for place in places}
        assert entry.dev == all(place.get("dev", False) for place in places)
        assert entry.direct or entry.via


KEYS = {
    "yarn.lock": re.compile(r'^  resolution: "(.+)@npm:([^"]+)"$', re.MULTILINE),
    "pnpm-lock.yaml": re.compile(r"^  '?([^\s(]+)@(\d+\.[^\s()']*?)'?:$", re.MULTILINE),
    "bun.lock": re.compile(r'^    "[^"]+": \["([^"]+)@(\d[^"]*)"', re.MULTILINE),
}
"""What a line looks like that names a package of a registry and its version."""


@pytest.mark.parametrize("name", [name for name in EXPECTED if name.startswith("real-") and "package-lock" not in name])
def test_every_line_of_a_real_lock_file_that_names_a_package_and_how_each_came_in(name: str) -> None:
    entries = entries_in(name)
    text = file_named(name).data.decode()
    counted = set(KEYS[EXPECTED[name]["format"]].findall(text))
    assert len(counted) >= 5
    assert pairs([entry for entry in entries if entry.registry]) == counted
    direct = {split_purl(entry.purl)[1] for entry in entries if entry.direct}
    for entry in entries:
        assert entry.direct or entry.via[0] in direct
