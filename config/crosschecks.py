"""What must agree between the tables: names that are defined once, names that are defined at all, and kinds.

These work on the plain tree, so that they are told together with whatever else is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Any

from config.judging import Judgement, short
from config.locate import Path
from config.names import ECOSYSTEMS
from config.problems import Place
from config.values import BadValue, is_open, kind_and_least, nearest


def disagreements(
    tree: Mapping[str, Any], kinds: frozenset[str] | None, place: Callable[[Path], Place]
) -> Iterator[Judgement]:
    """Everything in one table that another table or the list of kinds contradicts; ``place`` tells where a path is."""
    yield from _defined_twice(tree, "watch", place)
    yield from _defined_twice(tree, "channel", place)
    yield from _open_to_all(tree)
    yield from _undefined_channels(tree)
    yield from _unknown_ecosystems(tree)
    if kinds is not None:
        yield from _unknown_kinds(tree, kinds)


def _tables(tree: Mapping[str, Any], key: str) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    tables = tree.get(key)
    if isinstance(tables, list):
        for index, table in enumerate(tables):
            if isinstance(table, Mapping):
                yield (key, index), table


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _words(path: Path, value: Any) -> Iterator[tuple[Path, str]]:
    """A word, or each of a list of words."""
    if isinstance(value, str):
        yield path, value.strip()
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, str):
                yield (*path, index), item.strip()


def _defined_twice(tree: Mapping[str, Any], key: str, place: Callable[[Path], Place]) -> Iterator[Judgement]:
    first: dict[str, Path] = {}
    for path, table in _tables(tree, key):
        for where, name in _words((*path, "name"), str(table["name"]) if isinstance(table.get("name"), str) else None):
            if name in first:
                yield Judgement(
                    where, f"this {key} has the name of the one at {place(first[name])}", "rename one of them"
                )
            else:
                first[name] = where


def _open_to_all(tree: Mapping[str, Any]) -> Iterator[Judgement]:
    """Pages and metrics that others can reach, and nobody who is asked for a token."""
    web = _table(tree.get("web"))
    if web.get("token") or web.get("proxy"):
        return
    for table, what in (("web", "the pages"), ("workers", "metrics")):
        listen = _table(tree.get(table)).get("listen")
        with suppress(BadValue):
            if isinstance(listen, str) and listen and is_open(listen):
                yield Judgement(
                    (table, "listen"),
                    f"{short(listen)} can be reached by others, and {what} would ask nobody who they are",
                    "add a [[web.token]] or a [web.proxy], or listen on 127.0.0.1",
                )


def _undefined_channels(tree: Mapping[str, Any]) -> Iterator[Judgement]:
    defined = [name for path, table in _tables(tree, "channel") for _, name in _words(path, table.get("name"))]
    used: list[tuple[Path, str]] = []
    for path, route in _tables(tree, "route"):
        used += _words((*path, "channels"), route.get("channels"))
        used += _words((*path, "escalate", "channels"), _table(route.get("escalate")).get("channels"))
    beat = _table(tree.get("heartbeat")).get("channel")
    used += _words(("heartbeat", "channel"), beat or None)
    known = set(defined)
    for path, name in used:
        if name not in known:
            near = nearest(name, defined)
            mend = f"did you mean {short(near)}?" if near else "define it in a [[channel]] table"
            yield Judgement(path, f"there is no channel {short(repr(name))}", mend)


def _unknown_ecosystems(tree: Mapping[str, Any]) -> Iterator[Judgement]:
    for path, route in _tables(tree, "route"):
        ecosystem = _table(route.get("match")).get("ecosystem")
        for where, name in _words((*path, "match", "ecosystem"), ecosystem or None):
            if name not in ECOSYSTEMS:
                yield Judgement(where, f"{short(repr(name))} is no ecosystem", f"use {' or '.join(ECOSYSTEMS)}")


def _unknown_kinds(tree: Mapping[str, Any], kinds: frozenset[str]) -> Iterator[Judgement]:
    used: list[tuple[Path, str]] = [(("severity", key), key) for key in _table(tree.get("severity"))]
    used += ((("retention", "kinds", key), key) for key in _table(_table(tree.get("retention")).get("kinds")))
    for path, route in _tables(tree, "route"):
        used += _words((*path, "match", "kind"), _table(route.get("match")).get("kind") or None)
    for path, compound in _tables(tree, "compound"):
        for where, either in _words((*path, "all"), compound.get("all") or None):
            for part in either.split("|"):
                try:
                    used.append((where, kind_and_least(part)[0]))
                except BadValue as error:
                    yield Judgement(where, error.problem, error.mend)
    for path, kind in used:
        if kind not in kinds and not ("*" in kind and any(fnmatchcase(known, kind) for known in kinds)):
            near = nearest(kind, sorted(kinds))
            mend = f"did you mean {near}?" if near else "weaklink config schema lists the kinds"
            yield Judgement(path, f"there is no kind {short(repr(kind))}", mend)
