"""One check: ask the target's source, and say what became of it. Recording is another matter (``monitor.record``)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from msgspec import UNSET

from config.clock import Clock
from config.names import split_purl
from monitor.errors import SourceError, Unavailable
from monitor.observations import Domain, Package
from monitor.results import Failed, Result, Seen, Unchanged
from monitor.schedule import Due
from monitor.sources.npm import Fetched
from monitor.validators import Validators

MOST_LOOKUPS = 8
"""New dependencies of one observation whose age is looked up; a release with more of them is news by itself."""
LOOKUP_TIME = 30.0
"""Seconds for these look-ups together."""


class PackageSource(Protocol):
    async def fetch(self, name: str, known: Validators | None = None) -> Fetched: ...


class DomainSource(Protocol):
    async def fetch(self, name: str, now: datetime) -> Domain: ...


class Checker:
    """Knows the sources; knows nothing of the store."""

    def __init__(self, packages: Mapping[str, PackageSource], domains: DomainSource, clock: Clock) -> None:
        self._packages = packages
        self._domains = domains
        self._clock = clock

    def use_domains(self, domains: DomainSource) -> None:
        """From the next check on (a reload)."""
        self._domains = domains

    async def check(self, due: Due) -> Result:
        """What the source says of this target now; a failure is a result too, and never a fact."""
        try:
            if due.sort == "domain":
                return await self._domain(due)
            return await self._package(due)
        except SourceError as error:
            retry_after = error.retry_after if isinstance(error, Unavailable) else None
            return Failed(due=due, at=self._clock(), host=error.host, reason=error.reason, retry_after=retry_after)

    async def _package(self, due: Due) -> Result:
        ecosystem, name = split_purl(due.subject)
        known = Validators(etag=due.etag, last_modified=due.last_modified, digest=due.digest)
        fetched = await self._packages[ecosystem].fetch(name, known)
        if fetched.package is None:
            return Unchanged(due=due, at=self._clock(), validators=fetched.validators)
        return Seen(due=due, at=self._clock(), observation=fetched.package, validators=fetched.validators)

    async def _domain(self, due: Due) -> Result:
        name = due.subject.removeprefix("domain:")
        observed = await self._domains.fetch(name, self._clock())
        return Seen(due=due, at=self._clock(), observation=observed, looked_up=True)

    async def look_up(self, seen: Seen, names: Sequence[str]) -> Seen:
        """The same observation, with the age of its new dependencies where that can be learned."""
        ecosystem, _ = split_purl(seen.due.subject)
        published: dict[str, datetime | None] = {}

        async def one(name: str) -> None:
            try:
                fetched = await self._packages[ecosystem].fetch(name)
            except SourceError:
                return
            if fetched.package is not None:
                published[name] = first_published(fetched.package)

        try:
            async with asyncio.timeout(LOOKUP_TIME), asyncio.TaskGroup() as group:
                for name in names[:MOST_LOOKUPS]:
                    group.create_task(one(name))
        except TimeoutError:
            pass
        return Seen(
            due=seen.due,
            at=seen.at,
            observation=seen.observation,
            validators=seen.validators,
            published=published,
            looked_up=True,
        )


def first_published(package: Package) -> datetime | None:
    """When a package's first release was published; None where that is not known."""
    if package.releases is UNSET:
        return None
    times = [r.published_at for r in package.releases.values() if r.published_at is not UNSET]
    if package.withdrawn is not UNSET:
        times += [at for at in package.withdrawn.values() if at is not None]
    return min(times, default=None)
