"""Where what was learnt is written: advisories, how far was asked, and what follows, in one transaction each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Final, TypeVar

from msgspec.structs import replace
from sqlmodel import Session

from config.clock import Clock
from monitor.advisories.model import Advisory
from monitor.advisories.record import record, settle
from monitor.errors import SourceError
from monitor.record import Outcome, Recorder
from monitor.sources.osv import Unreadable
from monitor.store import advisories as rows
from monitor.store.engine import Store

T = TypeVar("T")

READ_AT_ONCE: Final = 200
"""Advisories that are read before the first of them is recorded."""
_SETTLED_AT_ONCE: Final = 500

Answer = Advisory | Unreadable | SourceError | None
Read = Callable[[str], Awaitable[Advisory | Unreadable | None]]
Found = dict[str, tuple[Advisory, str]]
"""By id: an advisory, and when its list says that it was modified."""


class Ledger:
    """Writes through the recorder that the checks use: the same settings, routes and rules."""

    def __init__(self, store: Store, recorder: Recorder, clock: Clock) -> None:
        self.store = store
        self._recorder = recorder
        self._clock = clock
        self.on_findings: Callable[[], None] = lambda: None
        """Called when something was recorded that people may have to hear."""
        self.on_outcome: Callable[[Outcome], None] = lambda _outcome: None

    async def record(
        self,
        found: Found,
        gone: Iterable[str],
        asked: Sequence[int],
        covered: Collection[str],
        also: Callable[[Session], None] = lambda _session: None,
    ) -> None:
        """Write advisories, those that are published no more, the packages that were asked for, and ``also`` this.

        ``covered``: the packages that public advisories are about.
        """
        now = self._clock()

        def work(session: Session) -> Outcome:
            held = rows.load(session, gone)
            ended: Found = {name: (replace(one, withdrawn_at=now), "") for name, one in held.items()}
            outcome = record(session, self._recorder, found | ended, asked, covered.__contains__, now)
            also(session)
            return outcome

        await self._write(work)

    async def settle(self) -> None:
        """Weigh what is known by the watches as they are now."""
        for part in parts(await self.store.read(rows.with_standings), _SETTLED_AT_ONCE):
            await self._settle(part)

    async def _settle(self, targets: Sequence[int]) -> None:
        now = self._clock()
        await self._write(lambda session: settle(session, self._recorder, targets, now))

    async def _write(self, work: Callable[[Session], Outcome]) -> None:
        outcome = await self.store.write(work)
        if outcome.findings:
            self.on_outcome(outcome)
            self.on_findings()


async def read_all(read: Read, names: Sequence[str]) -> list[Answer]:
    """What is answered for each of these ids; trouble with one is its answer, and stops no other."""
    return await asyncio.gather(*(_try(read, name) for name in names))


async def _try(read: Read, name: str) -> Answer:
    try:
        return await read(name)
    except SourceError as error:
        return error


def parts(items: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
