"""Edits of the watchlist: what is asked for, and nothing else."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.edit import EditRefused, add_items, remove_items
from config.load import ConfigError
from config.names import BadName
from config.tomltext import TomlText

STYLED = """\
# top
[[watch]]
name = "shop"  # the shop
packages = [
    "npm:express",   # web
    "npm:qs"  # last
    # the end of the list
]

# about api
[[watch]] # second
name = "api"
packages = ["pkg:pypi/requests"]

# about channels
[[channel]]
name = "z"
url = "json://x"

[[watch]]
name = "late"
owner = "o" # owner

# the end
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "weaklink.toml"
    path.write_text(STYLED)
    return path


def lines_added(path: Path, before: str = STYLED) -> list[str]:
    """New lines; every old line is still there, in order."""
    rest = iter(path.read_text().splitlines())
    added = []
    for old in before.splitlines():
        for line in rest:
            if line == old:
                break
            added.append(line)
        else:
            raise AssertionError(f"lost: {old}")
    return added + list(rest)


def test_packages_join_the_list_in_its_style(path: Path) -> None:
    edited = add_items(path, ["npm:@babel/core", "pkg:npm/left-pad@1.0.0"], "shop", env={})
    assert edited.done == (("npm:@babel/core", "shop"), ("npm:left-pad", "shop"))
    before = STYLED.replace('"npm:qs"  # last', '"npm:qs",  # last')
    assert lines_added(path, before) == ['    "npm:@babel/core",', '    "npm:left-pad"']


def test_neighbours_that_are_purls_make_a_purl(path: Path) -> None:
    add_items(path, ["npm:@babel/core"], "api", env={})
    assert 'packages = ["pkg:pypi/requests", "pkg:npm/%40babel/core"]\n' in path.read_text()


def test_accounts_and_domains_go_to_their_own_lists(path: Path) -> None:
    add_items(path, ["npm:~alice", "example.org", "domain:bücher.example"], "late", env={})
    assert lines_added(path) == ['domains = ["example.org", "xn--bcher-kva.example"]', 'maintainers = ["npm:~alice"]']


def test_a_new_group_stands_behind_the_last_watch(path: Path) -> None:
    add_items(path, ["npm:x"], "fresh", "team", env={})
    assert lines_added(path) == ["[[watch]]", 'name = "fresh"', 'packages = ["npm:x"]', 'owner = "team"', ""]
    assert path.read_text().endswith('owner = "team"\n\n# the end\n')


def test_adding_twice_changes_nothing_the_second_time(path: Path) -> None:
    add_items(path, ["npm:x", "npm:x", "example.org"], env={})
    once = path.read_text()
    again = add_items(path, ["npm:x", "pkg:npm/x", "EXAMPLE.org"], env={})
    assert path.read_text() == once
    assert again.done == ()
    assert again.files == ()
    assert set(again.left) == {"npm:x", "example.org"}


def test_removing_takes_the_line_and_its_comment(path: Path) -> None:
    edited = remove_items(path, ["npm:express", "pypi:requests", "npm:nope"], env={})
    assert edited.done == (("npm:express", "shop"), ("pypi:requests", "api"))
    assert edited.left == ("npm:nope",)
    expected = STYLED.replace('    "npm:express",   # web\n', "").replace('["pkg:pypi/requests"]', "[]")
    assert path.read_text() == expected


def test_a_watch_in_an_included_file_is_edited_there(path: Path, tmp_path: Path) -> None:
    path.write_text('include = ["team.toml"]\n')
    team = tmp_path / "team.toml"
    team.write_text('[[watch]] # ours\nname = "team"\n')
    edited = add_items(path, ["npm:x"], "team", env={})
    assert edited.files == (team,)
    assert team.read_text() == '[[watch]] # ours\nname = "team"\npackages = ["npm:x"]\n'


def test_an_empty_file_and_inline_tables_can_be_added_to(path: Path) -> None:
    path.write_text("")
    add_items(path, ["npm:x"], env={})
    assert path.read_text() == '[[watch]]\nname = "default"\npackages = ["npm:x"]\n'
    path.write_text('watch = [{ name = "a" }]')
    add_items(path, ["npm:x"], "a", env={})
    add_items(path, ["npm:y"], "b", env={})
    assert tomllib.loads(path.read_text())["watch"] == [
        {"name": "a", "packages": ["npm:x"]},
        {"name": "b", "packages": ["npm:y"]},
    ]


def test_mode_line_ends_byte_order_mark_and_link_are_kept(tmp_path: Path) -> None:
    real = tmp_path / "real.toml"
    real.write_bytes(b'\xef\xbb\xbf[[watch]]\r\nname = "a"\r\npackages = [\r\n  "npm:q",\r\n]\r\n')
    real.chmod(0o640)
    link = tmp_path / "weaklink.toml"
    link.symlink_to(real)
    add_items(link, ["npm:x"], "a", "me", env={})
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert real.read_bytes() == (
        b'\xef\xbb\xbf[[watch]]\r\nname = "a"\r\nowner = "me"\r\npackages = [\r\n  "npm:q",\r\n  "npm:x",\r\n]\r\n'
    )


@pytest.mark.parametrize(
    "item", ["express", "cargo:serde", "npm:", "npm:~", "npm:a b", "domain:localhost", "pkg:npm/", ""]
)
def test_what_cannot_be_watched_is_refused_and_nothing_written(path: Path, item: str) -> None:
    with pytest.raises(BadName):
        add_items(path, ["npm:good", item], env={})
    assert path.read_text() == STYLED


def test_a_result_that_is_not_valid_is_never_written(path: Path) -> None:
    with pytest.raises(ConfigError, match="at most 100"):
        add_items(path, ["npm:x"], "n" * 101, env={})
    assert path.read_text() == STYLED
    path.write_text("x = 1")
    with pytest.raises(ConfigError):
        add_items(path, ["npm:x"], env={})
    assert os.listdir(path.parent) == ["weaklink.toml"]


def test_a_file_changed_meanwhile_is_not_overwritten(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prove = TomlText.proven

    def while_another_saves(text: TomlText) -> bytes:
        path.write_text("# saved by another\n")
        return prove(text)

    monkeypatch.setattr(TomlText, "proven", while_another_saves)
    with pytest.raises(EditRefused, match="meanwhile"):
        add_items(path, ["npm:x"], env={})
    assert path.read_text() == "# saved by another\n"


def test_a_full_disk_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="no space left"):
        add_items(path, ["npm:x"], env={})
    assert path.read_text() == STYLED
    assert os.listdir(path.parent) == ["weaklink.toml"]


ELEMENTS = st.sampled_from(["npm:a", "npm:b", "pypi:c", "pkg:npm/d"])
GAPS = st.sampled_from(["", " ", "\n", "\n  ", " # kept {n}\n", "\n# kept {n}\n  "])


@st.composite
def arrays(draw: st.DrawFn) -> tuple[str, list[str]]:
    """An array in some style, with comments wherever TOML lets them stand."""
    elements = draw(st.lists(ELEMENTS, max_size=4, unique=True))
    text, number = "[", 0

    def gap() -> str:
        nonlocal number
        number += 1
        return draw(GAPS).format(n=f"c{number};")

    for index, element in enumerate(elements):
        comma = "," if index < len(elements) - 1 or draw(st.booleans()) else ""
        text += f'{gap()}"{element}"{gap()}{comma}'
    return f"{text}{gap()}]", elements


def kept_comments(text: str) -> list[str]:
    return [part.split(";")[0] for part in text.split("# kept ")[1:]]


@settings(max_examples=200, deadline=None)
@given(arrays(), st.lists(st.sampled_from(["npm:new", "npm:newer"]), min_size=1, unique=True))
def test_appending_to_any_style_keeps_every_comment_and_element(array: tuple[str, list[str]], new: list[str]) -> None:
    text = f'[[watch]]\nname = "a"\npackages = {array[0]} # kept end;\n# kept after;\n'
    edit = TomlText(text.encode())
    edit.append_values(("watch", 0, "packages"), new, after="name")
    after = edit.proven().decode()
    assert tomllib.loads(after)["watch"][0]["packages"] == [*array[1], *new]
    assert kept_comments(after) == kept_comments(text)


@settings(max_examples=200, deadline=None)
@given(arrays().filter(lambda array: array[1]), st.data())
def test_deleting_from_any_style_keeps_the_others_and_their_order(array: tuple[str, list[str]], data: Any) -> None:
    text = f'[[watch]]\nname = "a"\npackages = {array[0]} # kept end;\n# kept after;\n'
    index = data.draw(st.integers(0, len(array[1]) - 1))
    edit = TomlText(text.encode())
    edit.delete_value(("watch", 0, "packages", index))
    after = edit.proven().decode()
    assert tomllib.loads(after)["watch"][0]["packages"] == array[1][:index] + array[1][index + 1 :]
    # At most the comment on the element's own line goes with it.
    lost = set(kept_comments(text)) - set(kept_comments(after))
    assert len(lost) <= 1
    assert not lost & {"end", "after"}
