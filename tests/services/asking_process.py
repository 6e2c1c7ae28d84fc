"""A process that asks a registry, as one worker among several does, and says when each of its requests began."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from config.clock import system_clock
from config.settings import HttpLimits
from monitor.errors import SourceError
from monitor.sources.http import Http, Reply
from monitor.store.budgets import Budgets
from monitor.store.engine import database_url

_ready = get_context("forkserver")
_ready.set_forkserver_preload(["monitor.cli.sweeping", "alembic.command", "whois", "monitor.store.budgets"])

Asked = tuple[list[float], list[str]]
"""When requests began, on the machine's monotonic clock; and why others were not made."""


@contextmanager
def processes(database: str, limits: HttpLimits, clocks: Sequence[timedelta]) -> Iterator[list[Connection]]:
    """One process for each clock, wrong by so much, each waiting to be told what to ask."""
    with ExitStack() as ends:
        pipes = []
        for wrong in clocks:
            ours, theirs = _ready.Pipe()
            process = _ready.Process(target=_run, args=(theirs, database, limits, wrong), daemon=True)
            process.start()
            ends.callback(process.join, 10)
            ends.callback(process.kill)
            pipes.append(ours)
        yield pipes


def ask(pipes: Sequence[Connection], url: str, times: int, at_once: int) -> list[Asked]:
    """Let these processes ask at the same time; what each of them has to tell."""
    for pipe in pipes:
        pipe.send((url, times, at_once))
    return hear(pipes)


def hear(pipes: Sequence[Connection]) -> list[Asked]:
    told = []
    for pipe in pipes:
        assert pipe.poll(60), "a process did not come to its end"
        told.append(pipe.recv())
    return told


def _run(pipe: Connection, database: str, limits: HttpLimits, wrong: timedelta) -> None:
    def clock() -> datetime:
        return system_clock() + wrong

    async def work() -> None:
        budgets = Budgets(database_url(database))
        http = _Telling(limits, clock=clock, share=partial(budgets.host, "npm"))
        while True:
            url, times, at_once = await asyncio.to_thread(pipe.recv)
            pipe.send(await _ask(http, url, times, at_once))

    asyncio.run(work())


class _Telling(Http):
    began: list[float]

    async def _once(self, request: Any, max_body: int) -> Reply:
        self.began.append(time.monotonic())
        return await super()._once(request, max_body)


async def _ask(http: _Telling, url: str, times: int, at_once: int) -> Asked:
    http.began = []
    reasons: list[str] = []
    left = iter(range(times))

    async def one() -> None:
        for _ in left:
            try:
                await http.get(url)
            except SourceError as error:
                reasons.append(error.reason)
                return

    await asyncio.gather(*(one() for _ in range(at_once)))
    return http.began, reasons
