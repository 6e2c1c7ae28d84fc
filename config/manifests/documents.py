"""Manifests as data: text, JSON, JSON with comments, YAML and TOML, each bounded and each error with its line.

A manifest is written by whoever can push to the project, and half of it by the authors of its dependencies.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from typing import Any, Final, NoReturn

import yaml

from config.manifests.files import File

DEEPEST: Final = 200
"""Levels of one document; npm's first lock format nests as deep as the folders it describes."""

_CONFLICT: Final = re.compile(r"^(<{7} |>{7} |\|{7} |={7}$)", re.MULTILINE)
# Nothing in these can be matched in two ways: the author of a file must not be able to make them try all of them.
_COMMENT: Final = re.compile(r"""("(?:[^"\\]|\\.)*+"?)|//[^\n]*+|/\*.*?(?:\*/|\Z)""", re.DOTALL)
_LAST_COMMA: Final = re.compile(r"""("(?:[^"\\]|\\.)*+"?)|,(?=\s*+[}\]])""", re.DOTALL)
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


def text_of(file: File) -> str:
    """The file as text. No manifest holds a NUL, is anything but UTF-8, or has the marks of an unfinished merge."""
    try:
        text = file.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = file.data.count(b"\n", 0, error.start) + 1
        file.wrong("it is not UTF-8 text", "write it with the tool that it belongs to", line)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        file.wrong("it has a NUL byte", "write it with the tool that it belongs to", line)
    if "<<<<<<<" in text and (conflict := _CONFLICT.search(text)):
        line = text.count("\n", 0, conflict.start()) + 1
        file.wrong("it has the marks of an unfinished merge", "finish the merge, then make the lock file anew", line)
    return text


def line_of(file: File, word: str) -> int | None:
    """The first line that has a text, in quotes, with escapes or as it stands; for errors in what parsed well."""
    text = text_of(file)
    for written in (json.dumps(word), json.dumps(word, ensure_ascii=False), f"'{word}'", word):
        if (place := text.find(written)) >= 0:
            return text.count("\n", 0, place) + 1
    return None


def json_of(file: File) -> Any:
    """A JSON document; a key that stands twice in one object is an error, since readers differ in which one counts."""
    return _json(file, text_of(file))


def jsonc_of(file: File) -> Any:
    """JSON with comments and trailing commas (``bun.lock``)."""
    bare = _COMMENT.sub(lambda m: m[1] or "\n" * m[0].count("\n"), text_of(file))
    return _json(file, _LAST_COMMA.sub(lambda m: m[1] or "", bare))


def _json(file: File, text: str) -> Any:
    _bounded(file, text)
    try:
        return json.loads(text, object_pairs_hook=_pairs, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        end = " (it ends too early)" if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterm") else ""
        file.wrong(f"it is no JSON: {error.msg}{end}", "make it anew with the tool that it belongs to", error.lineno)
    except _Twice as error:
        line = _line_of_second(text, error.key)
        file.wrong(f"the key {error.key[:80]!r} stands twice in one object", "remove one of them", line)
    except (ValueError, RecursionError) as error:
        file.wrong(f"it is no JSON: {str(error)[:100]}", "make it anew with the tool that it belongs to")


class _Twice(Exception):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen = set()
        for key, _ in pairs:
            if key in seen:
                raise _Twice(key)
            seen.add(key)
    return made


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _line_of_second(text: str, key: str) -> int | None:
    places = [m.start() for m in re.finditer(re.escape(json.dumps(key, ensure_ascii=False)) + r"\s*:", text)]
    return text.count("\n", 0, places[1]) + 1 if len(places) > 1 else None


_ESCAPE: Final = re.compile(rb"\\.", re.DOTALL)
_QUOTED: Final = re.compile(rb'"[^"]*"?')
_NO_MARKS: Final = bytes(set(range(256)) - set(b'[]{}"'))
_BRACKETS: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{]+|[\]}]+', re.DOTALL)


def _bounded(file: File, text: str) -> None:
    """Refuse what nests too deep before anything recurses over it."""
    if _levels(text) <= DEEPEST:
        return
    depth = 0
    for found in _BRACKETS.finditer(text):
        mark = found[0][0]
        if mark in "[{":
            depth += len(found[0])
            if depth > DEEPEST:
                line = text.count("\n", 0, found.start()) + 1
                file.wrong(f"it nests more than {DEEPEST} levels", "no lock file does; make it anew", line)
        elif mark in "]}":
            depth -= len(found[0])


def _levels(text: str) -> int:
    """How deep JSON nests: what is neither a bracket nor in quotes is dropped first, in a few passes of C."""
    bare = _ESCAPE.sub(b"", text.encode()).translate(None, _NO_MARKS)
    depth = deepest = 0
    for mark in _QUOTED.sub(b"", bare):
        depth += 1 if mark in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def yaml_of(file: File, *, alike: bool = False) -> list[Any]:
    """The documents of a YAML file. Scalars stay text, but for null and booleans: ``1.10`` is a version, no number.

    Anchors are followed only as far as they are small; keys that stand twice are an error, unless ``alike`` lets them
    pass where both have the same value.
    """
    text = text_of(file)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        return _Tree(file, loader, alike).documents()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = str(getattr(error, "problem", None) or "it is no YAML").split("\n")[0][:120]
        file.wrong(
            f"it is no YAML: {problem}",
            "make it anew with the tool that it belongs to",
            mark.line + 1 if mark else None,
        )
    finally:
        loader.dispose()


_MOST_NODES: Final = 5_000_000


class _Tree:
    """Plain data from YAML's events, without tags, objects or growth by aliases."""

    def __init__(self, file: File, loader: Any, alike: bool) -> None:
        self._file = file
        self._alike = alike
        self._next: Callable[[], Any] = loader.get_event
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._nodes = 0

    def documents(self) -> list[Any]:
        found = []
        while not isinstance(event := self._next(), yaml.StreamEndEvent):
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors.clear()
                found.append(self._node(self._next(), 0))
        return found

    def _node(self, event: Any, depth: int) -> Any:
        if depth > DEEPEST:
            self._wrong(event, f"it nests more than {DEEPEST} levels")
        self._nodes += 1
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                self._wrong(event, f"*{event.anchor} stands for nothing before it")
            value, size = self._anchors[event.anchor]
            self._nodes += size
            if self._nodes > _MOST_NODES:
                self._wrong(event, "its aliases unfold to more than a lock file holds")
            return value
        before = self._nodes
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = []
            while not isinstance(event_in := self._next(), yaml.SequenceEndEvent):
                value.append(self._node(event_in, depth + 1))
        else:
            value = self._mapping(depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, self._nodes - before + 1)
        return value

    def _mapping(self, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                self._wrong(event, "a key must be text")
            key = event.value
            value = self._node(self._next(), depth + 1)
            if key in made and not (self._alike and made[key] == value):
                self._wrong(event, f"the key {key[:80]!r} stands twice in one mapping")
            made[key] = value
        return made

    def _wrong(self, event: Any, problem: str) -> NoReturn:
        self._file.wrong(problem, "make it anew with the tool that it belongs to", event.start_mark.line + 1)


def _scalar(event: Any) -> str | bool | None:
    value: str = event.value
    if event.style is None or event.style == "":
        if value in _NULLS:
            return None
        return _BOOLEANS.get(value, value)
    return value


def toml_of(file: File) -> dict[str, Any]:
    """A TOML document; the format itself refuses a key that stands twice."""
    text = text_of(file)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        said = re.fullmatch(r"(.*?) \(at (?:line (\d+), column \d+|end of document)\)", str(error), re.DOTALL)
        line = int(said[2]) if said and said[2] else len(text.splitlines())
        problem = (said[1] if said else str(error))[:120]
        file.wrong(f"it is no TOML: {problem}", "make it anew with the tool that it belongs to", line)
    except RecursionError:
        file.wrong("it nests too deep", "make it anew with the tool that it belongs to")
