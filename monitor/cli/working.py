"""Commands of several processes on one PostgreSQL database: ``worker``, and how ``run`` becomes one of them."""

from __future__ import annotations

import asyncio
import signal
from random import Random
from typing import TYPE_CHECKING

import click

from config.clock import Clock, system_clock, system_elapsed
from config.load import Configuration
from config.log import log_of
from config.problems import ConfigError
from config.reload import Reloader
from config.settings import Settings
from config.values import BadValue, check_listen, is_open
from monitor.assembly import Assembly, check_channels
from monitor.changes.kinds import KINDS
from monitor.cli.app import Call, weaklink
from monitor.cli.logs import LogAs, log_options
from monitor.metrics import of_worker
from monitor.store.clock import clock_of
from monitor.store.engine import Store, StoreError
from monitor.systemd import ServiceManager
from monitor.timekeeping import until_set
from monitor.web.pageless import Health, pageless
from monitor.web.server import WebServer

if TYPE_CHECKING:
    from monitor.engine.worker import Worker

log = log_of("worker")

STUCK_AFTER = 120.0
"""Seconds; a worker of which its database has heard nothing for so long keeps the watchdog hungry."""
KEEP_EVERY = 2.0
"""Seconds between looks at whether metrics are served where they should be."""


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


def _address(_context: click.Context, _option: click.Parameter, listen: str | None) -> str | None:
    try:
        return check_listen(listen) if listen else listen
    except BadValue as error:
        raise click.BadParameter(str(error)) from None


@weaklink.command()
@click.option(
    "--listen",
    metavar="ADDRESS:PORT",
    callback=_address,
    help="Serve /metrics and /healthz there; port 0 takes a free one. Default: workers.listen.",
)
@log_options
@click.pass_obj
def worker(call: Call, log_as: LogAs, listen: str | None) -> None:
    """One more process that checks and delivers, on any machine; the database must be PostgreSQL."""
    configuration = call.configuration()
    if listen and not _may_listen(listen, configuration.settings):
        raise click.UsageError(f"--listen {listen} can be reached by others; add a [[web.token]] that they need")
    check_channels(configuration)
    log_as.asked_for(configuration.settings)
    store = Store(configuration.settings.database.url)
    if not store.distributed:
        raise StoreError(
            f"{store.place}: SQLite serves one process, which is weaklink run; for workers, move to PostgreSQL: "
            "weaklink db migrate-to postgresql://…, and set database.url to it everywhere"
        )
    asyncio.run(_work(configuration, store, clock_of(store), log_as, listen))
    store.close()


def _may_listen(listen: str, settings: Settings) -> bool:
    return bool(settings.web.token or settings.web.proxy) or not is_open(listen)


async def _work(configuration: Configuration, store: Store, clock: Clock, log_as: LogAs, listen: str | None) -> None:
    try:
        from monitor.engine.worker import Worker
    except ModuleNotFoundError:
        raise _needs_driver() from None
    manager = ServiceManager()
    await until_set(system_clock, manager)
    parts = Assembly(configuration, store, clock, Random())
    working = Worker(parts, clock)
    store.trouble.logged = True
    began = system_elapsed()

    def beaten() -> None:
        other = ", configured otherwise than the leader" if working.condition.differs else ""
        manager.status(f"doing {working.doing}{other}")

    def ready() -> None:
        log.info("taking jobs", worker=working.name)
        manager.ready("taking jobs")

    async def feed_watchdog() -> None:
        while manager.watchdog is not None:
            now = working.condition
            unheard = system_elapsed() - began if now.unheard is None else now.unheard
            if unheard < STUCK_AFTER and now.advancing:
                manager.alive()
            await asyncio.sleep(manager.watchdog.total_seconds() / 3)

    working.on_beat, working.on_ready = beaten, ready
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, working.stop)
    reloader = Reloader(configuration, kinds=frozenset(KINDS))
    loop.add_signal_handler(signal.SIGHUP, reloader.trigger)
    serving = _serving(working, parts, listen)
    beside = (_reload(reloader, parts, log_as), feed_watchdog(), _keep(serving))
    side = [asyncio.create_task(one) for one in beside]
    try:
        await working.run()
    finally:
        manager.stopping()
        for task in side:
            task.cancel()
        await asyncio.gather(*side, return_exceptions=True)
        await asyncio.gather(serving.close(), parts.close())
    log.info("stopped")


def _serving(working: Worker, parts: Assembly, listen: str | None) -> WebServer:
    """The worker's metrics and health. ``listen`` goes before what the configuration says."""

    def asked() -> str:
        here = parts.settings.workers.listen if listen is None else listen
        return here if here and _may_listen(here, parts.settings) else ""

    def health() -> Health:
        wrong = working.condition.wrong
        return Health(wrong or "ok", good=not wrong)

    application = pageless(
        lambda: parts.settings, lambda: parts.metrics.exposition(of_worker(working.condition)), health
    )
    return WebServer(application, asked)


async def _keep(serving: WebServer) -> None:
    while True:
        await serving.keep()
        await asyncio.sleep(KEEP_EVERY)


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
        except Exception:  # the outermost loop: a bug that one edit meets must not end it
            log.exception("a part broke", part="reload")
