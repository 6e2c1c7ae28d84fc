"""A worker: takes jobs from the queues and does them with the sources, the recorder and the channels of one process.

It says every two seconds that it lives. One that could not say so for a while stops what it is doing before others
take its work for abandoned, so that no target is checked twice at once; what it still brings is not recorded.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from hashlib import blake2b
from typing import Final

import psycopg
import psycopg_pool
from procrastinate import App, JobContext
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import DeleteJobCondition, Status
from procrastinate.worker import Worker as Hand

from alerts.deliver import AT_ONCE
from config.clock import Clock, system_elapsed
from config.log import log_of
from config.settings import Settings
from monitor.assembly import Assembly
from monitor.engine.condition import DEAD, Condition
from monitor.engine.queues import (
    CHECK,
    DELIVER,
    DELIVERIES,
    TARGETS,
    UNLIKE,
    open_app,
    queue_of,
    require_prepared,
    version,
)
from monitor.store import health as health_rows
from monitor.store.claims import claimed, let_go
from monitor.store.engine import StoreError
from monitor.store.terms import leader
from monitor.store.upgrade import newest, require_newest, unlike

log = log_of("worker")

BEAT: Final = 2.0
"""Seconds between signs of life."""
UNHEARD: Final = 8.0
"""Seconds without a sign of life that the database took, after which a worker drops what it is doing: before ``DEAD``,
when others take its work."""
LOOK_EVERY: Final = 0.5
"""Seconds between looks at a queue that was empty."""
GRACE: Final = 8.0
"""Seconds for what is under way when it is told to stop; ten pass before it is killed."""
OWN: Final = {"include", "database", "web", "log", "workers", "watch", "heartbeat", "retention"}
"""Settings that may differ from the leader's: a worker does not look at them, or they are about one machine."""
TELL_EVERY: Final = 15.0
"""Seconds between looks at how hosts are doing."""
STUCK: Final = 300.0
"""Seconds without a single result although something is under way, after which something is wrong."""
AGAIN: Final = (1.0, 2.0, 5.0, 10.0)
"""Seconds between attempts to reach a database that is away; the last one is repeated."""

TROUBLE: Final = (ConnectorException, psycopg.Error, psycopg_pool.PoolTimeout, OSError, TimeoutError)


class Unfit(StoreError):
    """This process must not work on this database: another version made it."""


class Lost(Exception):
    """The database has not heard of this worker for too long."""


def process_name() -> str:
    """``HOST:PID``."""
    return f"{socket.gethostname()[:180]}:{os.getpid()}"


def fingerprint(settings: Settings) -> str:
    """Stands for the settings that a check, its record and a delivery depend on; secrets are no part of it."""
    told = settings.model_dump_json(exclude=OWN)
    return blake2b(told.encode(), digest_size=8).hexdigest()


class Worker:
    """Works until it is told to stop, whatever becomes of the database meanwhile."""

    def __init__(self, parts: Assembly, clock: Clock, *, name: str = "") -> None:
        self._parts = parts
        self._store = parts.store.plain
        self._clock = clock
        self._stop = asyncio.Event()
        self._started = clock()
        self.name = name or process_name()
        self.on_beat: Callable[[], None] = lambda: None
        """Called whenever the database has heard of it."""
        self.on_ready: Callable[[], None] = lambda: None
        """Called when it begins to take jobs, also after the database was away."""
        self._sending = 0
        self._jobs: set[int] = set()
        self._strange: dict[int, float] = {}
        """Jobs that count as ours and that nobody here is doing, and since when."""
        self._state, self._moved = (0, 0, 0), system_elapsed()
        self._heard: float | None = None
        """When the database last heard of it; None: it never did."""
        self._differs = False

    @property
    def doing(self) -> int:
        """Targets that it is checking, and channels that it is sending to."""
        return len(self._parts.watcher.busy) + self._sending

    @property
    def advancing(self) -> bool:
        """Whether what it has in hand moves; a worker with nothing to do is in order."""
        state = (self._parts.watcher.recorded, self._parts.deliverer.attempts, self.doing)
        now = system_elapsed()
        if self.doing == 0 or state != self._state:
            self._moved, self._state = now, state
        return now - self._moved < STUCK

    @property
    def condition(self) -> Condition:
        """How it is doing."""
        return Condition(
            jobs=len(self._jobs),
            doing=self.doing,
            unheard=None if self._heard is None else system_elapsed() - self._heard,
            advancing=self.advancing,
            differs=self._differs,
        )

    def stop(self) -> None:
        self._stop.set()

    async def run(self) -> None:
        """Work until ``stop``, then finish or give back what is held; Unfit where another version is needed."""
        attempt = 0
        while not self._stop.is_set():
            began = system_elapsed()
            try:
                await self._work()
            except Unfit:
                raise
            except (*TROUBLE, StoreError, Lost) as error:
                log.error("what was under way is dropped, and others take it up", why=_words(error))
                attempt = 0 if system_elapsed() - began > 60 else attempt
                with suppress(TimeoutError):
                    async with asyncio.timeout(AGAIN[min(attempt, len(AGAIN) - 1)]):
                        await self._stop.wait()
                attempt += 1

    async def _work(self) -> None:
        await asyncio.to_thread(self._require_fit)
        app = open_app(self._store.url)
        self._give_tasks(app)
        async with app.open_async(), self._parts.watcher:
            hands = self._hands(app)
            running = [asyncio.create_task(self._take(hand)) for hand in hands]
            beating = asyncio.create_task(self._beat(app, hands))
            telling = asyncio.create_task(self._tell_of_hosts())
            stopping = asyncio.create_task(self._stop.wait())
            try:
                self.on_ready()
                await asyncio.wait([*running, beating, stopping], return_when=asyncio.FIRST_COMPLETED)
                if stopping.done():
                    await self._finish(hands, running)
                else:
                    await asyncio.gather(*(task for task in (*running, beating) if task.done()))
            finally:
                for task in (*running, beating, telling, stopping):
                    task.cancel()
                # What they meet at a database that is away says nothing new.
                await asyncio.gather(self._parts.watcher.__aexit__(), return_exceptions=True)
                await asyncio.gather(*running, beating, telling, stopping, return_exceptions=True)
            await self._sign_off(app)

    async def _take(self, hand: Hand) -> None:
        """Take jobs of one queue, again after the database was away: whether that was too long is told by the beat."""
        while True:
            try:
                await hand.run()  # type: ignore[no-untyped-call]
            except TROUBLE as error:
                log.info(
                    "jobs are taken again as soon as the database answers", hand=hand.worker_name, why=_words(error)
                )
            if self._stop.is_set():
                return
            await asyncio.sleep(AGAIN[0])

    def _require_fit(self) -> None:
        try:
            require_newest(self._store)
            require_prepared(self._store)
        except StoreError as error:
            if error.__cause__ is None:
                raise Unfit(str(error)) from None
            raise

    def _hands(self, app: App) -> list[Hand]:
        jobs = self._parts.settings.workers.jobs
        queues = {queue_of(source): jobs for source in TARGETS} | {DELIVERIES: AT_ONCE}
        return [
            Hand(
                app,
                queues=[queue],
                name=f"{self.name} {queue}",
                concurrency=most,
                fetch_job_polling_interval=LOOK_EVERY,
                abort_job_polling_interval=3600.0,  # nobody aborts jobs
                update_heartbeat_interval=86400.0,  # ``_beat`` does that, and notices when nobody hears it
                stalled_worker_timeout=DEAD,
                shutdown_graceful_timeout=GRACE,
                listen_notify=False,  # a connection for each queue of each process would be too many
                delete_jobs=DeleteJobCondition.ALWAYS,
                install_signal_handlers=False,
            )
            for queue, most in queues.items()
        ]

    async def _finish(self, hands: Sequence[Hand], running: Sequence[asyncio.Task[None]]) -> None:
        for hand in hands:
            hand.stop()  # type: ignore[no-untyped-call]
        await asyncio.gather(self._parts.watcher.drain(GRACE), self._parts.deliverer.drain(GRACE))
        await asyncio.wait(running, timeout=1.0)

    def _give_tasks(self, app: App) -> None:
        app.task(name=CHECK, pass_context=True)(self._check)
        app.task(name=DELIVER, pass_context=True)(self._deliver)

    async def _check(self, context: JobContext, targets: list[int], told_of: bool = False) -> None:
        job = context.job.id
        assert job is not None
        self._jobs.add(job)
        try:
            dues = await self._store.read(lambda session: claimed(session, job, targets, told_of=told_of))
            left = await self._parts.watcher.see_to(dues)
            if left:
                await self._store.write(lambda session: let_go(session, job, left), turns=False)
        except StoreError:
            pass  # said by the store; the targets are due as before
        finally:
            self._jobs.discard(job)

    async def _deliver(self, context: JobContext, channel: str) -> None:
        assert context.job.id is not None
        self._sending += 1
        self._jobs.add(context.job.id)
        try:
            await self._parts.deliverer.deliver_channel(channel)
        except StoreError:
            pass  # said by the store; the messages are owed as before
        finally:
            self._sending -= 1
            self._jobs.discard(context.job.id)

    async def _beat(self, app: App, hands: Sequence[Hand]) -> None:
        """Say that this worker lives, for as long as the database hears it."""
        heard = system_elapsed()
        while True:
            try:
                async with asyncio.timeout(max(0.1, heard + UNHEARD - system_elapsed())):
                    await self._say(app, [hand.worker_id for hand in hands if hand.worker_id is not None])
                heard = self._heard = system_elapsed()
                self.on_beat()
            except TROUBLE as error:
                if system_elapsed() - heard >= UNHEARD:
                    raise Lost(f"the database has not been reached for {UNHEARD:.0f} s ({_words(error)})") from None
            await asyncio.sleep(BEAT)

    async def _say(self, app: App, hands: list[int]) -> None:
        mine = fingerprint(self._parts.settings)
        found = await app.connector.execute_query_one_async(
            _SAY,
            hands=hands,
            name=self.name,
            started=self._started,
            doing=self.doing,
            done=self._parts.watcher.recorded,
            configuration=mine,
            jobs=list(self._jobs),
        )
        if found["schema"] != newest():
            raise Unfit(f"{self._store.place}: {unlike(found['schema'])}")
        if found["queues"] != version():
            raise Unfit(f"{self._store.place}: {UNLIKE}")
        if found["alive"] < len(hands):
            raise Lost("this worker was taken for dead")
        await self._end_strange(app, found["strange"] or [])
        await self._compare(mine)

    async def _end_strange(self, app: App, jobs: Sequence[int]) -> None:
        """End jobs that were fetched or finished just when the database went away, and that wait for nobody."""
        now = system_elapsed()
        self._strange = {job: self._strange.get(job, now) for job in jobs}
        for job in [job for job, since in self._strange.items() if now - since > UNHEARD]:
            log.info("a job that nobody does is given back", job=job)
            await app.job_manager.finish_job_by_id_async(job, Status.ABORTED, delete_job=True)

    async def _compare(self, mine: str) -> None:
        term = await self._store.read(leader)
        differs = term is not None and bool(term.configuration) and term.configuration != mine
        if differs and not self._differs and term is not None:
            log.warning("configured otherwise than the leader: give both the same weaklink.toml", leader=term.name)
        self._differs = differs

    async def _tell_of_hosts(self) -> None:
        """Write down how the hosts are doing that this worker asked lately: whoever leads may never ask them."""
        counted: dict[str, int] = {}
        while True:
            await asyncio.sleep(TELL_EVERY)
            hosts, now = self._parts.health(), self._clock()
            asked = [host for host in hosts if host.successes + host.failures != counted.get(host.host, 0)]
            try:
                if asked:
                    await self._store.write(partial(health_rows.save, hosts=asked, now=now))
            except StoreError:
                continue  # said by the store
            counted |= {host.host: host.successes + host.failures for host in asked}

    async def _sign_off(self, app: App) -> None:
        with suppress(*TROUBLE):
            await app.connector.execute_query_async("DELETE FROM worker WHERE name = %(name)s", name=self.name)


_SAY: Final = """
    WITH
        beat AS (UPDATE procrastinate_workers SET last_heartbeat = now() WHERE id = ANY(%(hands)s) RETURNING id),
        row AS (
            INSERT INTO worker (name, started_at, seen_at, doing, done, configuration)
            VALUES (%(name)s, %(started)s, now(), %(doing)s, %(done)s, %(configuration)s)
            ON CONFLICT (name) DO UPDATE SET
                seen_at = now(), doing = excluded.doing, done = excluded.done, configuration = excluded.configuration
        )
    SELECT
        (SELECT count(*) FROM beat) AS alive,
        (SELECT version_num FROM alembic_version) AS schema,
        (SELECT value FROM meta WHERE name = 'queues') AS queues,
        (
            SELECT array_agg(id) FROM procrastinate_jobs
            WHERE worker_id = ANY(%(hands)s) AND status = 'doing' AND NOT id = ANY(%(jobs)s)
        ) AS strange
"""


def _words(error: BaseException) -> str:
    cause = error.__cause__ if isinstance(error, ConnectorException) and error.__cause__ else error
    return (str(cause).strip().splitlines() or [type(error).__name__])[0]
