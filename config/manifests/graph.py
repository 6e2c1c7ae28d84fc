"""A lock file's dependency graph: what is direct, what only development needs, and the way each package came in."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from config.manifests.model import MOST_RANGES, Entry

LONGEST_CHAIN: Final = 64
"""Names of one chain; a longer one, which only a made-up file has, keeps its first and its last ones."""


class Node(Struct):
    """One place of the graph: a package at one version, or a folder that only leads on (``purl`` is empty)."""

    name: str
    """What chains call it."""
    purl: str = ""
    version: str = ""
    """Empty where the file does not state one."""
    registry: bool = True
    dev: bool = False
    """What the file itself says; it counts where no root leads here."""
    needs: Iterable[str] = ()
    """Keys of the nodes that it asks for; a key that the graph does not have is passed over."""
    needs_in_development: Iterable[str] = ()
    """What it asks for too where it is developed: a folder beside the project, whose own tools are installed."""
    ranges: Iterable[str] = ()
    """By which it is asked for."""


def entries_of(
    nodes: Mapping[str, Node], production: Iterable[str], development: Iterable[str], source: str
) -> list[Entry]:
    """One entry a package, in the order of ``nodes``, which are keyed in any way that fits the format.

    ``production`` and ``development`` are the keys of what the project itself asks for. A package is development's
    only if nothing in production leads to it, and its chain is a shortest one from there.
    """
    wanted, wanted_too = [*production], [*development]
    lasting = _Ways(nodes, wanted, in_development=False)
    ways = _Ways(nodes, [*wanted, *wanted_too], in_development=True)
    direct = {*wanted, *wanted_too}
    groups: dict[tuple[str, bool], list[str]] = {}
    for key, node in nodes.items():
        if node.purl:
            groups.setdefault((node.purl, node.registry), []).append(key)
    made = []
    for (purl, registry), keys in groups.items():
        dev = all(key not in lasting.before if key in ways.before else nodes[key].dev for key in keys)
        asked_for = not direct.isdisjoint(keys)
        known = ways if lasting.before.keys().isdisjoint(keys) else lasting
        way = () if asked_for else known.to(min(keys, key=known.steps))
        made.append(
            Entry(
                purl=purl,
                versions=tuple(dict.fromkeys(nodes[key].version for key in keys if nodes[key].version)),
                direct=asked_for,
                dev=dev,
                via=way,
                source=source,
                ranges=tuple(dict.fromkeys(one for key in keys for one in nodes[key].ranges))[:MOST_RANGES],
                registry=registry,
            )
        )
    return made


class _Ways:
    """Shortest ways from what the project asks for, breadth first; the first one found is kept."""

    def __init__(self, nodes: Mapping[str, Node], roots: Iterable[str], *, in_development: bool) -> None:
        self._nodes = nodes
        self.before: dict[str, tuple[str, int]] = {}
        """Of each node that was reached: the node before it on its way (itself, where it begins), and the steps."""
        self._start: dict[str, str] = {}
        before, start = self.before, self._start
        queue: deque[str] = deque()
        for root in roots:
            if root in nodes and root not in before:
                before[root], start[root] = (root, 0), root
                queue.append(root)
        while queue:
            key = queue.popleft()
            node, steps = nodes[key], before[key][1] + 1
            for needs in (node.needs, node.needs_in_development if in_development else ()):
                for needed in needs:
                    if needed in nodes and needed not in before:
                        before[needed], start[needed] = (key, steps), start[key]
                        queue.append(needed)

    def steps(self, key: str) -> int:
        """Steps to a node; more than any way has, where it was not reached."""
        return self.before[key][1] if key in self.before else len(self._nodes)

    def to(self, key: str) -> tuple[str, ...]:
        """The names on the way to a node, without its own; empty where it is direct or was not reached."""
        if key not in self.before:
            return ()
        names: list[str] = []
        begin = self._start[key]
        while key != begin:
            key = self.before[key][0]
            if len(names) == LONGEST_CHAIN - 2 and key != begin:
                names.append("…")
                key = begin
            names.append(self._nodes[key].name)
        return tuple(reversed(names))
