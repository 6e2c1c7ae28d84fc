"""Server-sent events: one look at the store every few seconds for all who listen, and a word when something is new."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Final

from sqlalchemy import func, select
from sqlmodel import Session, col
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from alerts.model import AlertEvent, Delivery, DeliveryState
from config.log import log_of
from monitor.store.engine import StoreError
from monitor.store.tables import ChangeRow
from monitor.web.site import Site

log = log_of("web")

LOOK_EVERY: Final = 2.0
"""Seconds between looks, while anybody listens."""
SAY_SOMETHING_EVERY: Final = 20.0
"""Seconds after which a line is sent all the same, so that proxies keep the connection."""
MOST_LISTENERS: Final = 100

Marks = dict[str, int]


def marks(session: Session) -> Marks:
    """What grows with everything that a page may show: changes seen, steps of alerts, messages that went out."""
    change = session.execute(select(func.max(col(ChangeRow.id)))).scalar_one()
    event = session.execute(select(func.max(col(AlertEvent.id)))).scalar_one()
    owed = session.execute(
        select(func.max(col(Delivery.id))).where(col(Delivery.state) == DeliveryState.SENT)
    ).scalar_one()
    return {"change": change or 0, "alert": event or 0, "delivery": owed or 0}


class Live:
    """Looks for those who listen; nobody listening, nobody looks."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._listeners: set[asyncio.Event] = set()
        self._looking: asyncio.Task[None] | None = None
        self.marks: Marks = {}

    async def events(self, last: str) -> AsyncIterator[str]:
        """Lines of ``text/event-stream`` until the client goes or the server stops; ``last`` is the last id it had."""
        news = asyncio.Event()
        self._listeners.add(news)
        if self._looking is None or self._looking.done():
            self.marks = await self._site.read(marks)
            self._looking = asyncio.create_task(self._look())
        try:
            yield "retry: 3000\n\n"
            if not last:
                yield f"id: {_id(self.marks)}\nevent: hello\ndata: {json.dumps(self.marks)}\n\n"
                last = _id(self.marks)
            while not self._site.closing.is_set():
                if _id(self.marks) != last:
                    last = _id(self.marks)
                    yield f"id: {last}\nevent: news\ndata: {json.dumps(self.marks)}\n\n"
                news.clear()
                try:
                    async with asyncio.timeout(SAY_SOMETHING_EVERY):
                        await news.wait()
                except TimeoutError:
                    yield ": still here\n\n"
        finally:
            self._listeners.discard(news)

    @property
    def full(self) -> bool:
        return len(self._listeners) >= MOST_LISTENERS

    async def _look(self) -> None:
        while self._listeners and not self._site.closing.is_set():
            try:
                found = await self._site.read(marks)
            except StoreError as error:
                log.warning("the database cannot be used", error=error)
                found = self.marks
            if found != self.marks:
                self.marks = found
                self._wake()
            try:
                async with asyncio.timeout(LOOK_EVERY):
                    await self._site.closing.wait()
            except TimeoutError:
                continue
        self._wake()

    def _wake(self) -> None:
        for news in self._listeners:
            news.set()


def _id(found: Marks) -> str:
    return "-".join(str(number) for number in found.values())


async def stream(request: Request) -> Response:
    """``/events``: ``news`` whenever a change, a step of an alert or a sent message is new."""
    live: Live = request.app.state.live
    if live.full:
        return PlainTextResponse("weaklink: too many pages listen already\n", 503, {"Retry-After": "60"})
    last = request.headers.get("last-event-id", "")[:100]
    return StreamingResponse(live.events(last), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
