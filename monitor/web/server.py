"""A server inside a process' own event loop: starts, moves to another address, and stops within seconds."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from config.log import log_of
from config.values import parse_address

log = log_of("web")

STOP_WITHIN: Final = 3
"""Seconds for requests that are being answered when the server stops."""
MOST_CONNECTIONS: Final = 300
"""Further ones hear 503 at once."""


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the process'."""
        yield


class WebServer:
    """Listens where ``listen`` says at the time. An address that cannot be had is told once and tried again."""

    served = "metrics are served"
    refused = "metrics cannot be served; watching goes on, and it is tried again"
    """What the log says."""

    def __init__(self, app: ASGIApp, listen: Callable[[], str]) -> None:
        """``listen`` gives ADDRESS:PORT, or ``""`` for nowhere."""
        self.app = app
        self._asked = listen
        self._listen = ""
        self._told = ""
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None
        self.address: tuple[str, int] | None = None
        """Where it listens now; with port 0 configured, the port that was free."""

    async def keep(self) -> None:
        """Listen as the settings in force say; call it after a reload, and now and then."""
        listen = self._asked()
        if listen == self._listen and (not listen or (self._task is not None and not self._task.done())):
            return
        await self._end()
        self._listen = listen
        if not listen:
            return
        try:
            bound = _bind(listen)
        except OSError as error:
            problem = f"{listen}: {error.strerror or error}"
            if problem != self._told:
                log.error(self.refused, problem=problem)
            self._told, self._listen = problem, ""
            return
        self._told = ""
        self.address = bound.getsockname()[:2]
        config = uvicorn.Config(
            self.app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_graceful_shutdown=STOP_WITHIN,
        )
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[bound]))
        log.info(self.served, url="http://{}:{}/".format(*self.address))

    async def close(self) -> None:
        """Stop listening, as long as ``keep`` is not called again."""
        await self._end()
        self._listen = ""

    async def _end(self) -> None:
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_WITHIN + 1):
                    await asyncio.gather(self._task, return_exceptions=True)
        self._server, self._task, self.address = None, None, None


def _bind(listen: str) -> socket.socket:
    host, port = parse_address(listen, least_port=0)
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # asyncio sets TCP_NODELAY by it
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen()  # from here on connections wait for the server instead of being refused
    except OSError:
        bound.close()
        raise
    return bound
