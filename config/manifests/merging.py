"""One entry for each package of a watch, from all the files that name it."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from config.manifests.model import MOST_RANGES, Entry


def merged(entries: Iterable[Entry], *, depth: str = "all", dev: bool = True) -> tuple[Entry, ...]:
    """Every package once, in the order in which they were first named.

    ``depth`` ``direct`` leaves out what only dependencies ask for, ``dev`` false what only development does. Of several
    entries of a package the versions count together; how it came in, and the file, are those of the shortest way.
    """
    found: dict[tuple[str, bool], Entry] = {}
    for entry in entries:
        if (entry.dev and not dev) or (depth == "direct" and not entry.direct):
            continue
        # What a registry has under the name of a folder or a repository is another package.
        key = entry.purl, entry.registry
        known = found.get(key)
        found[key] = entry if known is None else _joined(known, entry)
    return tuple(found.values())


def _joined(known: Entry, other: Entry) -> Entry:
    nearer = min(known, other, key=_distance)
    versions, ranges = _all(known.versions, other.versions), _all(known.ranges, other.ranges)[:MOST_RANGES]
    dev = known.dev and other.dev
    if (nearer.versions, nearer.ranges, nearer.dev) == (versions, ranges, dev):
        return nearer
    return replace(nearer, versions=versions, ranges=ranges, dev=dev)


def _all(some: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return some if some == more else tuple(dict.fromkeys((*some, *more)))


def _distance(entry: Entry) -> tuple[bool, int, bool]:
    return not entry.direct, len(entry.via), entry.dev
