"""``Pipfile.lock``: categories, sources, and what the ``Pipfile`` beside it says is direct."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from config.manifests.files import Files
from config.manifests.model import Entry, ManifestError
from config.manifests.pipfile_lock import read_pipfile_lock


def read(folder: Path, lock: Any) -> dict[str, Entry]:
    text = lock if isinstance(lock, str) else json.dumps(lock, indent=1)
    (folder / "Pipfile.lock").write_text(text)
    entries = read_pipfile_lock(Files().open(folder / "Pipfile.lock", "Pipfile.lock"))
    return {one.purl.removeprefix("pkg:pypi/"): one for one in entries}


LOCK = {
    "_meta": {"pipfile-spec": 6},
    "default": {
        "Flask_Login": {"version": "==0.6.3", "index": "pypi"},
        "werkzeug": {"version": "==3.0.1"},
        "both": {"version": "==1.0"},
        "any": {"version": "*"},
        "repo": {"git": "https://git.example/repo", "ref": "aa"},
        "here": {"path": ".", "editable": True},
        "wheel-file": {"file": "https://files.example/x.whl"},
    },
    "develop": {"pytest": {"version": "==8.0"}, "both": {"version": "==1.1"}},
    "docs": {"sphinx": {"version": "==7.0"}},
    "gpu": {"torch": {"version": "==2.0"}},
}


def test_categories_versions_and_sources(tmp_path: Path) -> None:
    found = read(tmp_path, LOCK)
    assert {name: (one.versions, one.dev) for name, one in found.items()} == {
        "flask-login": (("0.6.3",), False),
        "werkzeug": (("3.0.1",), False),
        "both": (("1.0", "1.1"), False),
        "any": ((), False),
        "pytest": (("8.0",), True),
        "sphinx": (("7.0",), True),
        "torch": (("2.0",), False),
    }


def test_direct_is_what_the_pipfile_asks_for(tmp_path: Path) -> None:
    (tmp_path / "Pipfile").write_text(
        '[[source]]\nname = "pypi"\n[packages]\n"flask-login[extra]" = "*"\n[dev-packages]\nPytest = "*"\n'
    )
    assert {name for name, one in read(tmp_path, LOCK).items() if one.direct} == {"flask-login", "pytest"}


def test_without_a_pipfile_nothing_is_called_transitive(tmp_path: Path) -> None:
    assert all(one.direct for one in read(tmp_path, LOCK).values())


@pytest.mark.parametrize(
    ("text", "problem", "line"),
    [
        ('{"name": "shop", "lockfileVersion": 3}', "no Pipfile.lock", None),
        ('{"_meta": {},\n "default": []}', "'default' is no mapping", 2),
        ('{"_meta": {},\n "default": {\n  "a": "==1"}}', "'a' is no mapping", 3),
        ('{"_meta": {},\n "default": {\n  "a\\u001b[31m": {"version": "==1"}}}', "no name of a Python project", 3),
        ('{"_meta": {},\n "default": {\n  "a": {"version": 1}}}', "version of 'a'", 3),
        ('{"_meta": {},\n "default": {\n  "a": {},\n  "a": {}}}', "twice", 4),
        ('{"_meta": {},\n "default": {\n  "a": {"vers', "ends too early", 3),
    ],
)
def test_bad_ones_are_told_with_their_line(tmp_path: Path, text: str, problem: str, line: int | None) -> None:
    with pytest.raises(ManifestError) as caught:
        read(tmp_path, text)
    assert problem in str(caught.value)
    assert caught.value.line == line
    assert str(caught.value).isprintable()
