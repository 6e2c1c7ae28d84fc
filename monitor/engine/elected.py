"""One of several daemons on one PostgreSQL database: it leads while it is elected, and stands by otherwise."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from random import Random

from sqlalchemy import inspect
from sqlmodel import Session

from config.clock import Clock
from config.load import Configuration
from config.log import log_of
from config.problems import ConfigError
from config.settings import Settings
from monitor.assembly import Assembly
from monitor.daemon import Daemon
from monitor.engine.election import EVERY, Election
from monitor.engine.queued import Queued
from monitor.engine.worker import fingerprint, process_name
from monitor.metrics import Metrics, of_standby
from monitor.store.engine import Store, StoreError
from monitor.store.tables import Meta
from monitor.store.terms import Deposed, begin_term, fence, leader
from monitor.store.upgrade import upgrade
from monitor.systemd import ServiceManager
from monitor.timekeeping import until_set
from monitor.web.pageless import Health, pageless
from monitor.web.server import WebServer

log = log_of("daemon")


class Elected:
    """Runs until it is told to stop, term by term."""

    def __init__(
        self,
        configuration: Configuration,
        configure: Callable[[], Configuration],
        store: Store,
        clock: Clock,
        manager: ServiceManager | None = None,
        *,
        on_taken_up: Callable[[Settings], None] = lambda _settings: None,
    ) -> None:
        """``configure`` reads the configuration anew, for each term; ``on_taken_up`` hears what an edit brought."""
        self._on_taken_up = on_taken_up
        self._configuration = configuration
        self._configure = configure
        self._store = store
        self._clock = clock
        self._manager = manager or ServiceManager()
        self._stop = asyncio.Event()
        self._name = process_name()
        self._election = Election(store)
        self._was_reached = False
        self._reached = False
        self._leader = ""
        """Who was last seen to lead."""
        self._metrics = Metrics()
        application = pageless(
            lambda: self._configuration.settings,
            lambda: self._metrics.exposition(of_standby()),
            # As for a daemon with pages: a restart would not bring the database back.
            lambda: Health("standing by" if self._reached else "waiting for the database"),
        )
        self._serving = WebServer(application, self._listen)

    def stop(self) -> None:
        self._stop.set()

    async def run(self) -> None:
        """Stand, lead, step down, stand again, until SIGTERM; StoreError where the database was never reached."""
        await until_set(self._clock, self._manager)
        loop = asyncio.get_running_loop()
        while not self._stop.is_set():
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self.stop)
            loop.add_signal_handler(signal.SIGHUP, lambda: None)  # read anew when it comes to lead
            if await self._won():
                await self._lead()
        await self._election.resign()

    async def _won(self) -> bool:
        """Stand by until this daemon leads; False when it is told to stop first."""
        standing = ""
        try:
            while not self._stop.is_set():
                try:
                    if await self._election.stand():
                        self._was_reached = True
                        return True
                    self._leader = await self._store.read(_who_leads)
                    self._was_reached = self._reached = True
                    words = f"standing by; {self._leader} leads" if self._leader else "standing by"
                except StoreError as error:
                    if not self._was_reached:
                        raise
                    self._reached, words = False, str(error)
                if words != standing:
                    standing = words
                    log.info("standing by", why=words)
                    self._manager.ready(words)
                self._manager.alive()
                await self._serving.keep()
                with suppress(TimeoutError):
                    async with asyncio.timeout(EVERY):
                        await self._stop.wait()
        finally:
            await self._serving.close()
        return False

    def _listen(self) -> str:
        """Where its pages would be; nowhere beside a leader on the same machine, who may have that address."""
        mine, leads = self._name.rpartition(":")[0], self._leader.rpartition(":")[0]
        beside = leads == mine and self._leader != self._name
        return "" if beside else self._configuration.settings.web.listen

    async def _lead(self) -> None:
        """One term: until this daemon is told to stop, or is none that leads any more."""
        losing = asyncio.create_task(self._election.lost())
        stopping = asyncio.create_task(self._stop.wait())
        try:
            daemon = await self._begin()
            leading = asyncio.create_task(daemon.run())
            # SIGTERM may have come before the daemon listened for it itself.
            await asyncio.wait([leading, losing, stopping], return_when=asyncio.FIRST_COMPLETED)
            if not leading.done():
                if losing.done():
                    log.error("this daemon leads no more", why=losing.result())
                daemon.stop()
            await leading
            if daemon.told_to_stop:
                self.stop()
        except StoreError as error:
            if error.__cause__ is None and not isinstance(error, Deposed):
                raise
            log.error("this term has ended", why=error)
        finally:
            losing.cancel()
            stopping.cancel()
            await asyncio.gather(losing, stopping, return_exceptions=True)
            await self._election.resign()

    async def _begin(self) -> Daemon:
        """Make the database ours, and the parts that this term works with."""
        try:
            self._configuration = await asyncio.to_thread(self._configure)
        except ConfigError as error:
            for problem in str(error).splitlines():
                log.error("configuration rejected", problem=problem)
        now = self._clock()
        if done := await asyncio.to_thread(upgrade, self._store, now):
            log.info("database brought up to date", done=done)
        mine = fingerprint(self._configuration.settings)
        term = await self._store.write(lambda session: begin_term(session, self._name, now, mine))
        store = self._store.fenced(fence(term))
        parts = Assembly(self._configuration, store, self._clock, Random(), metrics=self._metrics)
        reconciled = await parts.reconcile()
        log.info("this daemon leads", added=reconciled.added, removed=reconciled.removed)
        queued = Queued(parts, self._clock, name=self._name)
        return Daemon(parts, self._clock, self._manager, queued, on_taken_up=self._on_taken_up)


def _who_leads(session: Session) -> str:
    """The name of the daemon that took the lead last; empty before the first one did."""
    if not inspect(session.connection()).has_table(str(Meta.__tablename__)):
        return ""
    term = leader(session)
    return term.name if term else ""
