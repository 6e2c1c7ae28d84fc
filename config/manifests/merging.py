"""One entry for each package of a watch, from all the files that name it."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from config.manifests.model import Entry


def merged(entries: Iterable[Entry], *, depth: str = "all", dev: bool = True) -> tuple[Entry, ...]:
    """Every package once, in the order in which they were first named.

    ``depth`` ``direct`` leaves out what only dependencies ask for, ``dev`` false what only development does. Of several
    entries of a package the versions count together; how it came in, and the file, are those of the shortest way.
    """
    found: dict[str, Entry] = {}
    for entry in entries:
        if (entry.dev and not dev) or (depth == "direct" and not entry.direct):
            continue
        known = found.get(entry.purl)
        found[entry.purl] = entry if known is None else _joined(known, entry)
    return tuple(found.values())


def _joined(known: Entry, other: Entry) -> Entry:
    nearer = min(known, other, key=_distance)
    versions = known.versions
    if other.versions != versions:
        versions = tuple(dict.fromkeys((*versions, *other.versions)))
    if nearer.versions == versions and nearer.dev == (known.dev and other.dev):
        return nearer
    return replace(nearer, versions=versions, dev=known.dev and other.dev)


def _distance(entry: Entry) -> tuple[bool, int, bool]:
    return not entry.direct, len(entry.via), entry.dev
