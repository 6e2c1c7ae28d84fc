"""The daemon: APScheduler triggers the recurring work, everything else reacts to it.

Each job is short and idempotent, so one that was late or missed is made good by the next.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from alerts import heartbeat
from alerts.lifecycle import holding
from alerts.round import tell_due
from config.clock import Clock, Elapsed, system_elapsed
from config.load import Configuration
from config.log import log_of
from config.problems import ConfigError
from config.reload import Reloaded, Reloader
from config.settings import Settings
from monitor.assembly import Assembly, check_channels
from monitor.changes.kinds import KINDS
from monitor.engine.alone import Alone, Engine
from monitor.health import (
    CONFIGURATION,
    MANIFEST,
    config_accepted,
    config_rejected,
    heartbeat_words,
    manifest_findings,
    watch_findings,
)
from monitor.sparing import Sparing
from monitor.store import health as health_rows
from monitor.store.engine import StoreError, StoreRefused
from monitor.systemd import ServiceManager
from monitor.ticking import Scheduler, Ticking
from monitor.timekeeping import Timekeeper, behind, move_waits
from monitor.upcoming import upcoming
from monitor.web.app import Pages
from monitor.web.site import Site

log = log_of("daemon")

TICK = 1.0
"""Seconds between looks at what is due."""
HEALTH_EVERY = 15.0
SURVEY_EVERY = 2.0
KEEP_EVERY = 5.0
"""Seconds between looks at what workers left behind."""
REVIEW_EVERY = 60.0
"""Seconds between looks at which signals came to hold by the passing of time."""
GRACE = 8.0
"""Seconds for what is under way when the daemon is told to stop; ten pass before it is killed."""
RESTS_AT_MOST = 5.0
"""Seconds between two looks at the manifests, however long one takes."""
MOVES_AFTER = 5.0
"""Seconds for what is at work to end when the clock was set."""
STUCK_AFTER = 120.0
"""Seconds; a part of the daemon that has not advanced for so long keeps the watchdog hungry."""


class Daemon:
    """Runs until it is told to stop."""

    def __init__(
        self,
        assembly: Assembly,
        clock: Clock,
        manager: ServiceManager | None = None,
        engine: Engine | None = None,
        *,
        elapsed: Elapsed = system_elapsed,
        on_taken_up: Callable[[Settings], None] = lambda _settings: None,
    ) -> None:
        """``engine``: how checks and deliveries get done; None: in this process.

        ``on_taken_up`` is told of the settings that an edit brought.
        """
        self._on_taken_up = on_taken_up
        self._parts = assembly
        self._engine = engine or Alone(assembly, clock)
        self._clock = clock
        self._manager = manager or ServiceManager()
        self._stop = asyncio.Event()
        self.told_to_stop = False
        """By a signal, which means the process."""
        self._started = clock()
        self._elapsed = elapsed
        self._timekeeper = Timekeeper(clock, elapsed)
        self._behind = timedelta(0)
        """By how much the clock was set without what waits having gone along yet."""
        self._moving = asyncio.Lock()
        self._working: set[asyncio.Task[Any]] = set()
        self._advanced = {"checks": elapsed(), "messages": elapsed()}
        self._rejected = False
        self._told: dict[str, str] = {}
        """Manifests that were told of as unreadable, by subject, with what was said."""
        self._noted: frozenset[str] = frozenset()
        self._brief: Sparing[dict[str, Any]] = Sparing(elapsed)
        self._web = Pages(
            Site(
                assembly.store,
                lambda: assembly.settings,
                clock,
                metrics=assembly.metrics,
                advancing=self._advancing,
            )
        )

    def stop(self) -> None:
        self._stop.set()

    def _asked_to_stop(self) -> None:
        self.told_to_stop = True
        self.stop()

    async def run(self) -> None:
        """Work until ``stop`` or SIGTERM; then finish or release what is held, within ten seconds."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_stop)
        reloader = Reloader(self._parts.configuration, kinds=frozenset(KINDS))
        loop.add_signal_handler(signal.SIGHUP, reloader.trigger)
        scheduler = Scheduler()
        self._schedule(scheduler)
        await self._go_along(await self._parts.store.read(lambda session: behind(session, self._clock())))
        self._parts.store.trouble.logged = True
        await self._engine.start(self._messages.nudge)
        reloading = asyncio.create_task(self._reload(reloader))
        following = asyncio.gather(self._parts.following.run(), self._parts.advisories.run())
        scheduler.start()
        await self._web.keep()
        self._manager.ready(f"watching {len(self._parts.settings.watch)} watches")
        try:
            await self._stop.wait()
        finally:
            self._manager.stopping()
            reloading.cancel()
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            scheduler.remove_all_jobs()
            await asyncio.gather(self._engine.stop(GRACE), self._web.close())
            scheduler.shutdown(wait=False)
            await asyncio.gather(reloading, return_exceptions=True)
            await self._parts.close()

    def _schedule(self, scheduler: Scheduler) -> None:
        checks = Ticking(scheduler, self._guarded("checks", self._engine.check_due), TICK)
        self._messages = Ticking(scheduler, self._guarded("messages", self._deliver), TICK)
        # What a feed made due, what a check found, and what waits for its channel need not wait for the next tick.
        self._parts.following.on_due = self._parts.watcher.on_room = checks.nudge
        self._parts.advisories.ledger.on_findings = self._messages.nudge
        scheduler.every(KEEP_EVERY, self._guarded("keeping", self._engine.keep))
        scheduler.every(HEALTH_EVERY, self._guarded("health", self._health))
        scheduler.every(REVIEW_EVERY, self._guarded("signals", self._review))
        scheduler.every(SURVEY_EVERY, self._guarded("accounts", self._survey))
        if self._manager.watchdog:
            scheduler.every(self._manager.watchdog.total_seconds() / 3, self._feed_watchdog)

    def _guarded(self, part: str, job: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        """A job whose failure is logged and whose success is remembered for the watchdog."""

        async def run() -> None:
            try:
                await self._go_along(self._timekeeper.moved())
                with self._at_work():
                    await job()
            except StoreRefused:
                log.exception("a part broke", part=part)
                return
            except StoreError:
                # Said by the store. That counts as an advance: a restart mends no disk and no server, and forgets
                # which messages were taken.
                pass
            except Exception:  # the outermost loop: a bug in one part must not stop the others
                log.exception("a part broke", part=part)
                return
            self._advanced[part] = self._elapsed()

        run.__qualname__ = part
        return run

    async def _go_along(self, moved: timedelta) -> None:
        """Before anything else looks at the time, what waits goes along with a clock that was set."""
        self._behind += moved
        async with self._moving:  # whoever comes meanwhile waits for it
            if not (moved := self._behind):
                return
            # What is at work goes by the clock as it was, and would find everything late or early by so much.
            if self._working:
                await asyncio.wait(self._working, timeout=MOVES_AFTER)
            now = self._clock()
            self._started = min(self._started, now)
            await self._parts.store.write(lambda session: move_waits(session, moved, now))
            self._behind -= moved
        log.warning("the clock was set; what waits goes along", by=_signed(moved))

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        task = asyncio.current_task()
        assert task is not None
        self._working.add(task)
        try:
            yield
        finally:
            self._working.discard(task)

    async def _deliver(self) -> None:
        await tell_due(self._parts.store, self._parts.policy, self._engine.deliver_due, self._clock(), upcoming)

    async def _review(self) -> None:
        recorder, now = self._parts.recorder, self._clock()
        await self._parts.store.write(lambda session: recorder.review(session, now))

    async def _survey(self) -> None:
        await self._parts.survey.step()

    async def _health(self) -> None:
        now = self._clock()
        await self._web.keep()
        hosts = await self._engine.hosts()
        await self._parts.store.write(lambda session: self._write_health(session, now))
        settings = self._parts.settings
        await self._parts.tell(
            await self._parts.store.read(lambda session: watch_findings(session, hosts, settings, now))
        )
        status, _ = await self._parts.store.read(
            lambda session: self._brief.get(lambda: health_rows.brief(session, now))
        )
        words = f"{status['fresh']} of {status['targets']} targets fresh, {status['failing_count']} failing"
        self._manager.status(words)
        await self._beat(status, now)

    def _write_health(self, session: Session, now: datetime) -> None:
        health_rows.save(session, [*self._parts.health(), *self._parts.search_health()], now)
        health_rows.say_alive(session, now)

    async def _beat(self, status: dict[str, Any], now: datetime) -> None:
        """Say that the watch is alive, when it is time and as long as that is true."""
        asked, settings = self._parts.settings.heartbeat, self._parts.settings
        if asked is None or not self._advancing():
            return

        def work(session: Session) -> None:
            planned = heartbeat.due_since(session, asked, settings.schedule.timezone, self._started, now)
            if planned is not None:
                heartbeat.owe(session, asked, heartbeat_words(status), planned, now)

        await self._parts.store.write(work)

    async def _feed_watchdog(self) -> None:
        if self._advancing():
            self._manager.alive()

    def _advancing(self) -> bool:
        moves = all(self._elapsed() - at < STUCK_AFTER for at in self._advanced.values())
        return moves and self._engine.advancing

    async def _reload(self, reloader: Reloader) -> None:
        await self._take_back()
        reloader.watch_folders(self._parts.reading.folders)
        async for news in reloader.events():
            began = time.monotonic()
            await self._heed(news)
            reloader.watch_folders(self._parts.reading.folders)
            # A folder in which something is always going on may be looked at a tenth of the time.
            await asyncio.sleep(min(RESTS_AT_MOST, 9 * (time.monotonic() - began)))

    async def _heed(self, news: Reloaded) -> None:
        """Take up an edit, or reject it, as soon as the database can be written."""
        while True:
            try:
                await self._read_again(news)
                return
            except Exception as error:  # the outermost loop: a bug that one edit meets must not end it
                if not isinstance(error, StoreError) or isinstance(error, StoreRefused):
                    log.exception("a part broke", part="reload")
                    return
                log.error("edit not taken up yet", error=error)
                await asyncio.sleep(RESTS_AT_MOST)

    async def _read_again(self, news: Reloaded) -> None:
        try:
            if news.error is not None:
                raise news.error
            if news.configuration is not None:
                check_channels(news.configuration)
                await self._take_up(news.configuration)
            elif news.stirred:
                await self._look()
        except ConfigError as error:
            await self._reject(error)

    async def _take_back(self) -> None:
        """What an earlier run found wrong with the configuration and its manifests holds no more, or still does."""
        try:
            subjects = await self._parts.store.read(lambda session: holding(session, "config-rejected:"))
            self._rejected = CONFIGURATION in subjects
            self._told = {subject: "" for subject in subjects if subject.startswith(MANIFEST)}
            await self._accept()
            await self._tell_manifests()
        except StoreError as error:
            log.error("the database cannot be used", part="reload", error=error)

    async def _look(self) -> None:
        reconciled = await self._parts.look()
        if reconciled is not None:
            log.info("manifests taken up", added=reconciled.added, removed=reconciled.removed)
            await self._tell_manifests()

    async def _tell_manifests(self) -> None:
        """Say which manifests cannot be read, once each, and which are good again."""
        owners = {watch.name: watch.owner for watch in self._parts.settings.watch}
        found, told = manifest_findings(self._parts.reading.broken, owners, self._told, self._clock())
        for finding in found:
            if finding.clears:
                log.info("manifest in order again", manifest=finding.subject)
            else:
                log.error("manifest cannot be read", manifest=finding.subject, problem=finding.after)
        for note in self._parts.reading.notes:
            if note not in self._noted:
                log.warning("entry leads to nothing", problem=note)
        self._noted = frozenset(self._parts.reading.notes)
        await self._parts.tell(found)
        self._told = told

    async def _reject(self, error: ConfigError) -> None:
        for problem in str(error).splitlines():
            log.error("configuration rejected", problem=problem)
        self._rejected = True
        await self._parts.tell([config_rejected(str(error), self._parts.configuration.path.name, self._clock())])

    async def _take_up(self, configuration: Configuration) -> None:
        reconciled = await self._parts.take_up(configuration)
        await self._web.keep()
        self._on_taken_up(configuration.settings)
        log.info("configuration taken up", added=reconciled.added, removed=reconciled.removed)
        await self._accept()
        await self._tell_manifests()

    async def _accept(self) -> None:
        if self._rejected:
            self._rejected = False
            await self._parts.tell([config_accepted(self._clock())])


def _signed(moved: timedelta) -> str:
    return f"{'-' if moved < timedelta(0) else '+'}{abs(moved)}"
