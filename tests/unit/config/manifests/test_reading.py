"""What the watches' manifests say, as their files change."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from config.load import Configuration, load
from config.manifests.files import File
from config.manifests.formats import Format
from config.manifests.model import Entry
from config.manifests.reading import Manifests, Reading


class Lines:
    """A format of our own: a package a line, ``+FILE`` includes another file; counts how often it reads."""

    def __init__(self) -> None:
        self.reads: list[str] = []

    def __call__(self, file: File) -> Sequence[Entry]:
        self.reads.append(file.name)
        return list(self.entries(file))

    def entries(self, file: File) -> Sequence[Entry]:
        found: list[Entry] = []
        for number, line in enumerate(file.data.decode().splitlines(), 1):
            if line == "broken":
                file.wrong("this line is broken", "write a name", number)
            if line == "odd":
                raise KeyError(line)
            other = file.beside(line[1:]) if line.startswith("+") else None
            found += self.entries(other) if other else [Entry(purl=f"pkg:npm/{line}", direct=True, source=file.name)]
        return found


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def manifests(lines: Lines) -> Manifests:
    return Manifests((Format("lines", ("*.lines",), lines, marks=(b"%lines",)),))


def configured(folder: Path, *manifests: str, rest: str = "") -> Configuration:
    path = folder / "weaklink.toml"
    path.write_text(f'[[watch]]\nname = "shop"\nmanifests = {list(manifests)!r}\n{rest}')
    return load(path, env={})


def names(reading: Reading, watch: str = "shop") -> list[str]:
    return [entry.purl.removeprefix("pkg:npm/") for entry in reading.entries[watch]]


def test_only_what_changed_is_read_again(tmp_path: Path, manifests: Manifests, lines: Lines) -> None:
    (tmp_path / "a.lines").write_text("express")
    (tmp_path / "b.lines").write_text("qs")
    configuration = configured(tmp_path, "*.lines")
    first = manifests.look(configuration)
    assert names(first) == ["express", "qs"]
    assert manifests.look(configuration) is first
    (tmp_path / "b.lines").write_text("qs\nnext")
    second = manifests.look(configuration)
    assert names(second) == ["express", "qs", "next"]
    assert lines.reads == ["a.lines", "b.lines", "b.lines"]
    assert second.entries["shop"][0] is first.entries["shop"][0]


def test_a_file_that_comes_under_a_glob_counts_and_one_that_goes_does_not(tmp_path: Path, manifests: Manifests) -> None:
    configuration = configured(tmp_path, "*.lines")
    empty = manifests.look(configuration)
    assert empty.notes == (f"{tmp_path / 'weaklink.toml'}:3: '*.lines' leads to no manifest now",)
    (tmp_path / "a.lines").write_text("express")
    assert names(manifests.look(configuration)) == ["express"]
    (tmp_path / "a.lines").unlink()
    assert names(manifests.look(configuration)) == []


@pytest.mark.parametrize("trouble", ["broken", "odd", "gone", "too large"])
def test_a_file_that_cannot_be_read_keeps_what_it_said_and_the_others_go_on(
    tmp_path: Path, manifests: Manifests, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    file = tmp_path / "a.lines"
    file.write_text("express")
    (tmp_path / "b.lines").write_text("qs")
    configuration = configured(tmp_path, "a.lines", "b.lines")
    manifests.look(configuration)
    if trouble in {"broken", "odd"}:
        file.write_text(f"next\n{trouble}")
    elif trouble == "too large":
        monkeypatch.setattr("config.manifests.files.MOST_BYTES", 8)
        file.write_text("next\nmore\n")
    else:
        file.unlink()
    (tmp_path / "b.lines").write_text("qs2")
    reading = manifests.look(configuration)
    assert names(reading) == ["express", "qs2"]
    (broken,) = reading.broken
    assert broken.name == "a.lines"
    assert broken.watches == ("shop",)
    if trouble == "broken":
        assert broken.error == "a.lines:2: this line is broken; write a name"
    assert reading.unread == {}


def test_a_file_that_never_was_readable_is_told_with_the_sources_that_were(
    tmp_path: Path, manifests: Manifests
) -> None:
    (tmp_path / "a.lines").write_text("broken")
    (tmp_path / "b.lines").write_text("+c.part")
    (tmp_path / "c.part").write_text("qs")
    reading = manifests.look(configured(tmp_path, "*.lines"))
    assert names(reading) == ["qs"]
    assert reading.unread == {"shop": frozenset({"b.lines", "c.part"})}


def test_a_file_that_is_included_is_watched_too(tmp_path: Path, manifests: Manifests) -> None:
    (tmp_path / "a.lines").write_text("+part/b.txt")
    configuration = configured(tmp_path, "a.lines")
    assert names(manifests.look(configuration)) == ["+part/b.txt"]
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "b.txt").write_text("qs")
    reading = manifests.look(configuration)
    assert names(reading) == ["qs"]
    assert {tmp_path, tmp_path / "part"} <= reading.folders


def test_what_another_file_of_its_kind_was_read_with_is_no_file_of_its_own(
    tmp_path: Path, manifests: Manifests
) -> None:
    (tmp_path / "a.lines").write_text("+b.lines\nexpress")
    (tmp_path / "b.lines").write_text("qs")
    configuration = configured(tmp_path, "*.lines")
    assert manifests.look(configuration).files == {"shop": ("a.lines",)}
    assert manifests.look(configured(tmp_path, "*.lines", "b.lines")).files == {"shop": ("a.lines", "b.lines")}
    (tmp_path / "a.lines").write_text("+b.lines\nbroken")
    assert manifests.look(configuration).files == {"shop": ("a.lines", "b.lines")}


def test_the_members_of_a_workspace_do_not_ask_a_registry_for_each_other(tmp_path: Path) -> None:
    for folder, text in {
        "p": '{"name": "root", "workspaces": ["packages/*"], "dependencies": {"express": "^4"}}',
        "p/packages/a": '{"name": "a", "dependencies": {"b": "^1.0.0", "qs": "^6"}}',
        "p/packages/b": '{"name": "b", "version": "1.0.0"}',
        "p/example": '{"name": "example", "dependencies": {"ms": "^2"}}',
    }.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "package.json").write_text(text)
        (tmp_path / "p/packages").mkdir(exist_ok=True)
    reading = Manifests().look(configured(tmp_path, "p"))
    assert sorted(names(reading)) == ["express", "ms", "qs"]
    assert reading.files == {"shop": ("p/package.json", "p/example/package.json")}


def test_a_file_is_known_by_its_content_where_its_name_says_nothing(tmp_path: Path, manifests: Manifests) -> None:
    (tmp_path / "one.txt").write_text("%lines")
    (tmp_path / "README.txt").write_text("hello")
    assert names(manifests.look(configured(tmp_path, "*.txt"))) == ["%lines"]
    (broken,) = manifests.look(configured(tmp_path, "README.txt")).broken
    assert "neither its name nor its content" in broken.error


def test_two_watches_share_a_file_and_each_has_its_own_depth(
    tmp_path: Path, manifests: Manifests, lines: Lines
) -> None:
    (tmp_path / "a.lines").write_text("express")
    rest = '[[watch]]\nname = "api"\nmanifests = ["a.lines", "./a.lines"]\n'
    reading = manifests.look(configured(tmp_path, "a.lines", rest=rest))
    assert names(reading) == names(reading, "api") == ["express"]
    assert lines.reads == ["a.lines"]
    (tmp_path / "a.lines").write_text("broken")
    (broken,) = manifests.look(configured(tmp_path, "a.lines", rest=rest)).broken
    assert broken.watches == ("shop", "api")


def test_a_link_that_is_turned_to_another_file_is_read_again(tmp_path: Path, manifests: Manifests) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.txt").write_text(name)
    link = tmp_path / "a.lines"
    link.symlink_to("one.txt")
    configuration = configured(tmp_path, "a.lines")
    assert names(manifests.look(configuration)) == ["one"]
    link.unlink()
    link.symlink_to("two.txt")
    assert names(manifests.look(configuration)) == ["two"]


def test_a_change_of_depth_counts_without_reading(tmp_path: Path, manifests: Manifests, lines: Lines) -> None:
    (tmp_path / "a.lines").write_text("express")
    assert names(manifests.look(configured(tmp_path, "a.lines"))) == ["express"]
    assert names(manifests.look(configured(tmp_path, "a.lines", rest="dev = false\n"))) == ["express"]
    assert lines.reads == ["a.lines"]


def test_half_a_character_in_a_lock_file_is_an_error_with_its_place(tmp_path: Path) -> None:
    lock = {"lockfileVersion": 3, "packages": {"": {}, "node_modules/qs": {"version": "1.0\ud800", "resolved": "x"}}}
    (tmp_path / "package-lock.json").write_text(json.dumps(lock))
    reading = Manifests().look(configured(tmp_path, "package-lock.json"))
    (broken,) = reading.broken
    assert "surrogate" in broken.error
    assert reading.entries["shop"] == ()


def test_a_file_whose_name_is_in_no_encoding_is_named_by_its_bytes(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    with open(folder + b"/requirements.txt", "w") as file:
        file.write("flask\n")
    reading = Manifests().look(configured(tmp_path, "."))
    assert [entry.source for entry in reading.entries["shop"]] == ["caf\\udce9/requirements.txt"]
