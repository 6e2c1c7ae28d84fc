"""The watch itself: changes, the watchlist, health, deliveries, search."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from alerts.browsing import deliveries_page
from monitor.changes.kinds import KINDS
from monitor.queries import watchlist
from monitor.queries.changes import changes_page
from monitor.queries.fleet import fleet
from monitor.queries.search import search
from monitor.queries.weak_links import signals_page
from monitor.signals.table import SIGNALS
from monitor.store.health import status
from monitor.web.filters import DELIVERY_STATES, change_filter, choice, number, signal_filter, text
from monitor.web.pages.common import page
from monitor.web.site import site_of

ROWS: Final = 50
MOST_FAILING: Final = 100
ALIVE_FOR: Final = timedelta(minutes=2)


async def changes(request: Request) -> Response:
    now = site_of(request).now()
    wanted = change_filter(request.query_params, now, "30d")
    before = number(request.query_params, "before", None)

    def work(session: Session) -> dict[str, object]:
        return {
            "found": changes_page(session, wanted, ROWS, before),
            "wanted": wanted,
            "kinds": sorted(KINDS),
            "watches": watchlist.names(session),
        }

    return await page(request, "changes.html", work)


async def watches(request: Request) -> Response:
    def work(session: Session) -> dict[str, object]:
        return {"found": watchlist.watches(session), "problems": watchlist.problems(session)}

    return await page(request, "watchlist.html", work)


async def signals(request: Request) -> Response:
    now, wanted = site_of(request).now(), signal_filter(request.query_params)
    number_ = number(request.query_params, "page", 1) or 1

    def work(session: Session) -> dict[str, object]:
        return {
            "found": signals_page(session, wanted, number_, 2 * ROWS, now),
            "chosen": SIGNALS.get(wanted.signal),
            "names": [(one.id, f"{one.id} {one.name}") for one in SIGNALS.values()],
            "watches": watchlist.names(session),
        }

    return await page(request, "signals.html", work)


async def health(request: Request) -> Response:
    now = site_of(request).now()

    def work(session: Session) -> dict[str, object]:
        found = status(session, now, MOST_FAILING) | fleet(session)
        alive = found["daemon_alive_at"]
        dead = deliveries_page(session, 10, state="dead").rows
        running = alive is not None and now - alive < ALIVE_FOR
        return {"found": found, "running": running, "dead": dead, "trouble": site_of(request).trouble}

    return await page(request, "health.html", work)


async def deliveries(request: Request) -> Response:
    params, settings = request.query_params, site_of(request).settings
    channel, state = text(params, "channel"), choice(params, "state", DELIVERY_STATES)
    before = number(params, "before", None)

    def work(session: Session) -> dict[str, object]:
        return {
            "found": deliveries_page(session, ROWS, before, channel=channel, state=state),
            "channels": [one.name for one in settings.channel],
            "states": DELIVERY_STATES,
        }

    return await page(request, "deliveries.html", work)


async def searched(request: Request) -> Response:
    asked = text(request.query_params, "q")
    return await page(request, "search.html", lambda session: {"found": search(session, asked)}, q=asked)
