"""Commands of several processes on one PostgreSQL database: ``worker``, and how ``run`` becomes one of them."""

from __future__ import annotations

import asyncio
import signal
from random import Random

import click

from config.clock import Clock, system_clock, system_elapsed
from config.load import Configuration
from config.log import log_of
from config.problems import ConfigError
from config.reload import Reloader
from monitor.assembly import Assembly, check_channels
from monitor.changes.kinds import KINDS
from monitor.cli.app import Call, weaklink
from monitor.cli.logs import LogAs, log_options
from monitor.store.clock import clock_of
from monitor.store.engine import Store, StoreError
from monitor.systemd import ServiceManager
from monitor.timekeeping import until_set

log = log_of("worker")

STUCK_AFTER = 120.0
"""Seconds; a worker of which its database has heard nothing for so long keeps the watchdog hungry."""


def _needs_driver() -> StoreError:
    return StoreError("PostgreSQL needs its driver and queues; install weaklink with its extra: weaklink[postgresql]")


def elected(call: Call, configuration: Configuration, log_as: LogAs) -> None:
    """The daemon on PostgreSQL: it leads, or stands by for the one that does."""
    try:
        from monitor.engine.elected import Elected
    except ModuleNotFoundError:
        raise _needs_driver() from None

    def again() -> Configuration:
        found = call.configuration()
        check_channels(found)
        log_as.asked_for(found.settings)
        return found

    store = Store(configuration.settings.database.url)
    asyncio.run(Elected(configuration, again, store, clock_of(store), on_taken_up=log_as.asked_for).run())
    store.close()
    log_of("daemon").info("stopped")


@weaklink.command()
@log_options
@click.pass_obj
def worker(call: Call, log_as: LogAs) -> None:
    """One more process that checks and delivers, on any machine; the database must be PostgreSQL."""
    configuration = call.configuration()
    check_channels(configuration)
    log_as.asked_for(configuration.settings)
    store = Store(configuration.settings.database.url)
    if not store.distributed:
        raise StoreError(
            f"{store.place}: SQLite serves one process, which is weaklink run; for workers, move to PostgreSQL: "
            "weaklink db migrate-to postgresql://…, and set database.url to it everywhere"
        )
    asyncio.run(_work(configuration, store, clock_of(store), log_as))
    store.close()


async def _work(configuration: Configuration, store: Store, clock: Clock, log_as: LogAs) -> None:
    try:
        from monitor.engine.worker import Worker
    except ModuleNotFoundError:
        raise _needs_driver() from None
    manager = ServiceManager()
    await until_set(system_clock, manager)
    parts = Assembly(configuration, store, clock, Random())
    working = Worker(parts, clock)
    store.trouble.logged = True
    heard = system_elapsed()

    def beaten() -> None:
        nonlocal heard
        heard = system_elapsed()
        other = ", configured otherwise than the leader" if working.differs else ""
        manager.status(f"doing {working.doing}{other}")

    def ready() -> None:
        log.info("taking jobs", worker=working.name)
        manager.ready("taking jobs")

    async def feed_watchdog() -> None:
        while manager.watchdog is not None:
            if system_elapsed() - heard < STUCK_AFTER and working.advancing:
                manager.alive()
            await asyncio.sleep(manager.watchdog.total_seconds() / 3)

    working.on_beat, working.on_ready = beaten, ready
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, working.stop)
    reloader = Reloader(configuration, kinds=frozenset(KINDS))
    loop.add_signal_handler(signal.SIGHUP, reloader.trigger)
    side = [asyncio.create_task(_reload(reloader, parts, log_as)), asyncio.create_task(feed_watchdog())]
    try:
        await working.run()
    finally:
        manager.stopping()
        for task in side:
            task.cancel()
        await asyncio.gather(*side, return_exceptions=True)
        await parts.close()
    log.info("stopped")


async def _reload(reloader: Reloader, parts: Assembly, log_as: LogAs) -> None:
    async for news in reloader.events():
        try:
            if news.error is not None:
                raise news.error
            if news.configuration is not None:
                check_channels(news.configuration)
                parts.use(news.configuration)
                log_as.asked_for(news.configuration.settings)
                log.info("configuration taken up")
        except ConfigError as error:
            for problem in str(error).splitlines():
                log.error("configuration rejected", problem=problem)
