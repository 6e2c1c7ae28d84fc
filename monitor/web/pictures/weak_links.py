"""All dependencies as one field, the weakest first, and below it how many have each of the six weak links."""

from __future__ import annotations

from collections.abc import Iterator
from math import floor, sqrt
from typing import Final

from markupsafe import Markup

from monitor.queries.weak_links import WeakLink, WeakLinks

WIDTH: Final = 960
FIELD: Final = 84
"""Height that the field of all packages fills at most."""
LARGEST: Final = 14
SMALLEST: Final = 3
LEFT: Final = 236
RIGHT: Final = 232
ROW: Final = 24
MOST: Final = 3
"""This many weak links and more share a shade."""


def weak_links_picture(found: WeakLinks, base: str = "") -> Markup:
    """The picture; nothing where nothing is watched."""
    if not found.packages.total:
        return Markup("")
    size = _size(found.packages.total)
    columns = WIDTH // size
    shades = list(_shades(found))
    parts: list[Markup] = []
    place = 0
    for style, count in shades:
        parts += [_cells(style, part) for part in _runs(place, place + count, columns, size)]
        place += count
    y = -(-place // columns) * size + 18
    for link in found.links:
        parts.append(_bar(link, found.packages.total, y, base))
        y += ROW
    return Markup(
        '<svg class="weaklinks" role="group" aria-label="{}" viewBox="0 0 {} {}" width="{}" height="{}">'
        "<defs>{}{}</defs>{}</svg>"
    ).format(_words(found), WIDTH, y + 4, WIDTH, y + 4, _patterns(size), _HATCH, Markup("").join(parts))


def _words(found: WeakLinks) -> str:
    told = [f"{link.name}: {link.packages} packages, {link.accounts} accounts" for link in found.links]
    return f"Weak links of {found.packages.total} packages. " + "; ".join(told)


def _size(total: int) -> int:
    """Side of a package's square, the gap included."""
    return max(SMALLEST, min(LARGEST, floor(sqrt(WIDTH * FIELD / total))))


def _shades(found: WeakLinks) -> Iterator[tuple[str, int]]:
    """The weakest first; what is not known last."""
    by_count = found.packages.by_count
    yield "s3", sum(count for links, count in by_count.items() if links >= MOST)
    yield "s2", by_count.get(2, 0)
    yield "s1", by_count.get(1, 0)
    yield "s0", found.packages.none_found
    yield "unseen", found.packages.unseen


def _runs(start: int, end: int, columns: int, size: int) -> Iterator[tuple[int, int, int, int]]:
    """The squares from ``start`` to ``end``, row by row, as at most three rectangles: x, y, width, height."""
    if start >= end:
        return
    first, last = divmod(start, columns), divmod(end, columns)
    if first[0] == last[0]:
        yield first[1] * size, first[0] * size, (end - start) * size, size
        return
    row = first[0]
    if first[1]:
        yield first[1] * size, row * size, (columns - first[1]) * size, size
        row += 1
    if last[0] > row:
        yield 0, row * size, columns * size, (last[0] - row) * size
    if last[1]:
        yield 0, last[0] * size, last[1] * size, size


def _patterns(size: int) -> Markup:
    gap = 1 if size > SMALLEST else 0.6
    side = round(size - gap, 1)
    shape = Markup(
        '<pattern id="wl-{0}" width="{1}" height="{1}" patternUnits="userSpaceOnUse">'
        '<rect class="{0}" width="{2}" height="{2}"/></pattern>'
    )
    return Markup("").join(shape.format(style, size, side) for style in ("s3", "s2", "s1", "s0", "unseen"))


_HATCH: Final = Markup(
    '<pattern id="wl-unknown" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<line class="unknown" x1="0" y1="0" x2="0" y2="5"/></pattern>'
)


def _cells(style: str, place: tuple[int, int, int, int]) -> Markup:
    x, y, width, height = place
    return Markup('<rect fill="url(#wl-{})" x="{}" y="{}" width="{}" height="{}"/>').format(style, x, y, width, height)


def _bar(link: WeakLink, total: int, y: int, base: str) -> Markup:
    room = WIDTH - LEFT - RIGHT
    of_packages = link.packages or link.unknown or link.signal != "W6"
    held = _length(link.packages, total, room)
    unknown = _length(link.unknown, total, room - held)
    told = [f"{link.packages:,}"] if of_packages else []
    told += [f"{link.accounts:,} {'account' if link.accounts == 1 else 'accounts'}"] if link.accounts else []
    told = told or ["0"]
    told += [f"{link.unknown:,} unknown"] if link.unknown else []
    return Markup(
        '<a href="{base}/signals?signal={id}"><rect class="hit" x="0" y="{top}" width="{width}" height="{row}"/>'
        '<text class="id" x="0" y="{line}">{id}</text><text class="what" x="34" y="{line}">{name}</text>'
        '<rect class="rail" x="{left}" y="{y}" width="{room}" height="10" rx="2"/>'
        '<rect class="held" x="{left}" y="{y}" width="{held}" height="10" rx="2"/>'
        '<rect fill="url(#wl-unknown)" x="{after}" y="{y}" width="{unknown}" height="10"/>'
        '<text class="count" x="{right}" y="{line}">{told}</text></a>'
    ).format(
        base=base,
        id=link.signal,
        name=link.name,
        top=y - 2,
        width=WIDTH,
        row=ROW - 2,
        y=y + 4,
        line=y + 13,
        left=LEFT,
        room=room,
        held=held,
        after=LEFT + held,
        unknown=unknown,
        right=LEFT + room + 14,
        told=" · ".join(told),
    )


def _length(count: int, total: int, room: float) -> float:
    """To scale, and never so short that something looks like nothing."""
    return round(max(count / total * room, 2.0), 1) if count else 0
