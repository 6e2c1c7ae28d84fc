"""The first page: is anything wrong, what is new, what comes up, is the watch itself well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from monitor.queries.overview import overview
from monitor.queries.weak_links import weak_links
from monitor.web.pages.common import base_of, page, set_cookie
from monitor.web.pictures.weak_links import weak_links_picture
from monitor.web.site import site_of

VISIT: Final = "weaklink_visit"
A_VISIT: Final = timedelta(minutes=30)
"""Pages that are opened within so long of each other are one visit."""


async def show(request: Request) -> Response:
    site = site_of(request)
    now = site.now()
    before, current = visits(request.cookies.get(VISIT, ""), now)
    since, base = before or now - timedelta(days=7), base_of(request)

    def work(session: Session) -> dict[str, object]:
        links = site.remembered("weak links", lambda: weak_links(session))
        picture = weak_links_picture(links, base)
        found = overview(session, now, since)
        return {"found": found, "links": links, "picture": picture, "since": since, "first_visit": before is None}

    response = await page(request, "overview.html", work)
    kept = f"{before.timestamp():.0f}" if before else ""
    set_cookie(request, response, VISIT, f"{kept}.{current.timestamp():.0f}.{now.timestamp():.0f}")
    return response


def visits(cookie: str, now: datetime) -> tuple[datetime | None, datetime]:
    """When the visit before this one began, and when this one did: three numbers, before, begun, last seen."""
    try:
        before, begun, seen = (datetime.fromtimestamp(int(part), UTC) if part else None for part in cookie.split("."))
    except (ValueError, OverflowError):
        return None, now
    if begun is None or seen is None or not begun <= seen <= now:
        return None, now
    return (begun, now) if now - seen > A_VISIT else (before, begun)
