"""Known, known empty, unknown: the three things a source can tell about a fact.

A fact is either its value or ``UNKNOWN``; ``None``, ``""`` and ``()`` are values ("known: there is none"). A mirror
that leaves out ``maintainers`` has said nothing about maintainers, so that fact is ``UNKNOWN`` and nothing may be
concluded from it. msgspec leaves unknown facts out when it encodes and gives them back when it decodes, so what
is stored is exactly what is known.
"""

from __future__ import annotations

from typing import Final, TypeVar

from msgspec import UNSET, UnsetType

T = TypeVar("T")

UNKNOWN: Final = UNSET
"""Nothing was said. The type of a fact is therefore ``T | UnsetType``."""


def known_or(fact: T | UnsetType, otherwise: T) -> T:
    """The value of a known fact, ``otherwise`` for an unknown one."""
    return otherwise if fact is UNSET else fact
