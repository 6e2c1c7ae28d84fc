"""For machines that ask how the watch is: Prometheus, and whoever restarts or routes to the daemon."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from monitor.metrics import CONTENT_TYPE, of_store
from monitor.queries.gauges import Gauges, counted, gauges
from monitor.store.engine import StoreError
from monitor.web.site import site_of

READY_WITHIN: Final = timedelta(seconds=5)
"""A database that needs longer for one question is not there."""


async def metrics(request: Request) -> Response:
    """``/metrics``."""
    site = site_of(request)
    now = site.now()

    def look(session: Session) -> Gauges:
        known, since = site.counted.get(lambda: counted(session))
        return gauges(session, now, known, since)

    found = await site.read(look)
    return Response(site.metrics.exposition(of_store(found)), media_type=CONTENT_TYPE)


async def healthy(request: Request) -> Response:
    """``/healthz``: whether the daemon's work advances; 503 is a reason to restart it.

    A database that is away is none: a restart would not bring it back.
    """
    site = site_of(request)
    if not site.advancing():
        return PlainTextResponse("the work does not advance\n", 503)
    return PlainTextResponse("waiting for the database\n" if site.trouble else "ok\n")


async def ready(request: Request) -> Response:
    """``/readyz``: whether the database can be read and written, so that pages can be served and results recorded."""
    site = site_of(request)
    try:
        async with asyncio.timeout(READY_WITHIN.total_seconds()):
            await site.read(lambda session: session.connection())
    except (StoreError, TimeoutError):
        return PlainTextResponse("the database does not answer\n", 503)
    if site.trouble:
        return PlainTextResponse("the database cannot be written\n", 503)
    return PlainTextResponse("ok\n")
