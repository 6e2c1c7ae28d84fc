"""The line of every key, held against texts whose lines are known."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.locate import TooDeep, locate, spans

KEYS = st.one_of(st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True), st.sampled_from(["a b", "ü", "x.y", 'q"q', "'"]))
SCALARS = st.one_of(
    st.integers(-9, 10**6).map(str),
    st.sampled_from(["true", "1.5", "1979-05-27 07:32:00", "'lit # ]'", '"esc \\" } ,"', '""', "''"]),
    st.sampled_from(['"""one\ntwo "" # ] three"""', "'''x\n''y''\n'''", '"""quote"""""', '"""\\\n  joined"""']),
)


def quoted_key(key: str) -> str:
    bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if bare else '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Writer:
    """Writes TOML and notes the line on which it put each path."""

    def __init__(self) -> None:
        self.text = ""
        self.lines: dict[tuple[str | int, ...], int] = {}

    def put(self, text: str) -> None:
        self.text += text

    def mark(self, path: tuple[str | int, ...]) -> None:
        self.lines.setdefault(path, self.text.count("\n") + 1)


@st.composite
def documents(draw: st.DrawFn) -> Writer:
    writer = Writer()
    gaps = st.sampled_from(["", "\n", "# [not.a] table = 1\n", "\n\n"])
    comments = st.sampled_from(["", " # c", "\t# ]}"])

    def value(path: tuple[str | int, ...], depth: int, inline: bool) -> None:
        kind = draw(st.sampled_from(["scalar", "array", "table"] if depth < 3 else ["scalar"]))
        if kind == "scalar":
            text = draw(SCALARS)
            writer.put(text)
        elif kind == "array":
            writer.put("[")
            for index in range(draw(st.integers(0, 3))):
                writer.put(draw(st.sampled_from(["", " ", "\n  ", " # c [\n"])))
                writer.mark((*path, index))
                value((*path, index), depth + 1, inline)
                writer.put(draw(st.sampled_from([",", " ,", "\n,"])))
            writer.put(draw(st.sampled_from(["]", "\n]"])))
        else:
            writer.put("{ ")
            for number, key in enumerate(draw(st.lists(KEYS, max_size=2, unique=True))):
                writer.put(", " if number else "")
                writer.mark((*path, key))
                writer.put(f"{quoted_key(key)} = ")
                value((*path, key), depth + 1, True)
            writer.put(" }")

    def pairs(path: tuple[str | int, ...]) -> None:
        for key in draw(st.lists(KEYS, max_size=3, unique=True)):
            writer.put(draw(gaps))
            writer.mark((*path, key))
            writer.put(f"{quoted_key(key)} = ")
            value((*path, key), 0, False)
            writer.put(draw(comments) + "\n")

    pairs(())
    for name in draw(st.lists(st.sampled_from(["t1", "t2", "t3"]), max_size=3, unique=True)):
        for index in range(draw(st.integers(1, 2))):
            writer.put(draw(gaps))
            writer.mark((name,))
            writer.mark((name, index))
            writer.put(f"[[{name}]]" + draw(comments) + "\n")
            pairs((name, index))
            if draw(st.booleans()):
                writer.mark((name, index, "sub table"))
                writer.put(f'[{name}."sub table"]\n')
                pairs((name, index, "sub table"))
    return writer


def paths_of(tree: Any, path: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return {found for key, value in items for found in ({(*path, key)} | paths_of(value, (*path, key)))}


@settings(max_examples=150, deadline=None)
@given(documents())
def test_every_key_is_found_on_the_line_where_it_was_written(writer: Writer) -> None:
    tree = tomllib.loads(writer.text)
    places = locate(writer.text)
    assert set(places) == paths_of(tree)
    assert places == writer.lines


@settings(max_examples=60, deadline=None)
@given(documents())
def test_the_span_of_a_value_holds_exactly_that_value(writer: Writer) -> None:
    tree = tomllib.loads(writer.text)
    for path, (start, end) in spans(writer.text).items():
        expected: Any = tree
        for part in path:
            expected = expected[part]
        assert tomllib.loads(f"value = {writer.text[start:end]}")["value"] == expected


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab=[]{}\"'#,.\n\\ 1", max_size=60))
def test_broken_text_gives_places_and_no_error(text: str) -> None:
    for line in locate(text).values():
        assert 1 <= line <= text.count("\n") + 1


@pytest.mark.parametrize("bomb", ["x = " + "[" * 200_000, "x = " + "{a=" * 100_000, "a." * 100_000 + "b = 1"])
def test_nesting_without_end_is_refused_with_its_line(bomb: str) -> None:
    with pytest.raises(TooDeep) as error:
        locate("\n\n" + bomb)
    assert error.value.line == 3
