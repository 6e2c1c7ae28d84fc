"""What a feed tells, and the little that is asked of one."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class Announced(Struct, frozen=True):
    """A package that changed at its registry."""

    subject: str
    """Its purl."""
    revision: str = ""
    """What the registry's document will say once caches have it: npm's ``_rev``, PyPI's serial."""


class Page(Struct, frozen=True):
    """What a feed told after a cursor."""

    announced: tuple[Announced, ...]
    """In the order of the feed; one package may stand in it more than once."""
    cursor: int
    """Where to go on."""
    told: int
    """Entries of the feed, those included that name no package of ours to watch."""
    full: bool = False
    """There is more to be had at once."""


class Feed(Protocol):
    """One registry's feed. Every method raises Unavailable or Refused where the feed does not answer as a feed."""

    source: str
    """``npm`` or ``pypi``."""

    async def head(self) -> int:
        """The newest place in the feed now."""
        ...

    async def after(self, cursor: int) -> Page:
        """What was announced after ``cursor``."""
        ...


def reached(seen: str, announced: str) -> bool:
    """Whether a document of revision ``seen`` is as new as the ``announced`` one.

    Both kinds of revision begin with a number that only grows; others are compared as they are.
    """
    one, other = _generation(seen), _generation(announced)
    return one >= other if one is not None and other is not None else bool(seen) and seen == announced


def _generation(revision: str) -> int | None:
    number = revision.partition("-")[0]
    return int(number) if number.isascii() and number.isdigit() and len(number) < 19 else None
