"""Whether the registries have what a person wants to watch, and what was probably meant where they do not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import Final

from msgspec import Struct, field

from config.names import BadName, package_purl, short_form, split_purl
from monitor.check import PackageSource
from monitor.errors import SourceError
from monitor.observations import Standing

AT_ONCE: Final = 8
MOST_NAMED: Final = 3


class Verified(Struct):
    """What the registries said of some packages."""

    absent: list[str] = field(default_factory=list)
    """Purls that the registry does not have."""
    unverified: dict[str, str] = field(default_factory=dict)
    """Purls of which no registry told anything, each with the reason."""


async def verify(sources: Mapping[str, PackageSource], purls: Iterable[str]) -> Verified:
    """Ask the registry of each package whether it has it; a registry that does not answer says nothing."""
    verified = Verified()
    room = asyncio.Semaphore(AT_ONCE)

    async def one(purl: str) -> None:
        ecosystem, name = split_purl(purl)
        async with room:
            try:
                package = (await sources[ecosystem].fetch(name)).package
            except SourceError as error:
                verified.unverified[purl] = str(error)
                return
        if package is not None and package.standing is Standing.REMOVED:
            verified.absent.append(purl)

    async with asyncio.TaskGroup() as group:
        for purl in purls:
            group.create_task(one(purl))
    return verified


def nearest_names(purl: str, known: Iterable[str], offered: Sequence[str] = ()) -> list[str]:
    """What was probably meant, in short form: of the same ecosystem, the nearest spelling first.

    ``known`` are purls; ``offered`` are names that the registry's own search gave.
    """
    ecosystem, name = split_purl(purl)
    names = {found for one in known for kind, found in (split_purl(one),) if kind == ecosystem} | {*offered}
    near = get_close_matches(name, sorted(names), n=MOST_NAMED, cutoff=0.7)
    found = []
    for one in near:
        with suppress(BadName):  # a registry offers what it likes
            found.append(short_form(package_purl(ecosystem, one)))
    return found
