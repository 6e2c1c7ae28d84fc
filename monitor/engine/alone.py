"""Due work done in this process: the engine of a daemon on SQLite."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from sqlmodel import Session

from alerts.outbox import release_claims
from config.clock import Clock
from monitor.assembly import Assembly
from monitor.schedule import Due
from monitor.sources.politeness import HostHealth
from monitor.store.targets import take_due


class Engine(Protocol):
    """How a daemon gets done what is due."""

    async def start(self, nudge: Callable[[], None]) -> None:
        """Before anything is offered. ``nudge`` is called when messages may have become due."""

    async def check_due(self) -> None:
        """Begin or defer the checks that are due, as far as there is room."""

    async def deliver_due(self, now: datetime) -> None:
        """Begin or defer the sending of what is owed."""

    @property
    def advancing(self) -> bool:
        """Whether what this process has in hand moves."""

    async def hosts(self) -> list[HostHealth]:
        """How the hosts are doing that are asked."""

    async def keep(self) -> None:
        """Whatever has to be seen to every few seconds."""

    async def stop(self, seconds: float) -> None:
        """Finish what is under way, for at most so long, and give the rest back."""


class Alone:
    """Lanes of the watcher and the deliverer of this process."""

    def __init__(self, parts: Assembly, clock: Clock) -> None:
        self._parts = parts
        self._clock = clock

    async def start(self, nudge: Callable[[], None]) -> None:
        self._parts.watcher.on_findings = self._parts.deliverer.on_free = nudge
        if self._parts.store.file is not None:
            # The lock on the file says that we are alone: claims of messages belong to a daemon that was killed.
            await self._parts.store.write(lambda session: release_claims(session, self._clock()))
        await self._parts.watcher.__aenter__()

    async def check_due(self) -> None:
        watcher = self._parts.watcher
        rooms = {lane: room for lane in watcher.lanes if (room := watcher.room(lane)) > 0}
        now, busy = self._clock(), watcher.busy

        def ask(session: Session) -> list[Due]:
            return [due for lane, room in rooms.items() for due in take_due(session, now, room, lane, busy)]

        if rooms:
            watcher.offer(await self._parts.store.read(ask))

    async def deliver_due(self, now: datetime) -> None:
        await self._parts.deliverer.deliver_due(now)

    @property
    def advancing(self) -> bool:
        return True  # its lanes have deadlines of their own

    async def hosts(self) -> list[HostHealth]:
        return self._parts.health()

    async def keep(self) -> None:
        """Nothing is left over here that another would have to see to."""

    async def stop(self, seconds: float) -> None:
        await asyncio.gather(self._parts.watcher.drain(seconds), self._parts.deliverer.drain(seconds))
        await self._parts.watcher.__aexit__()
