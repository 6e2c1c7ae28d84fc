"""What other programs subscribe to: an Atom feed of alerts, and a calendar of the days on which domains expire."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from icalendar import Alarm, Calendar, Event
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from alerts.browsing import alerts_page
from alerts.messages.escape import visible
from monitor.queries.domains import domains_json
from monitor.web.filters import alert_filter
from monitor.web.pages.common import base_of
from monitor.web.render import moment, path_of, render
from monitor.web.site import site_of

MOST_ENTRIES: Final = 50
MOST_NAMED: Final = 10


def public_url(request: Request) -> str:
    """Where the pages are for whoever reads the feed: the configured address, else the one that was asked."""
    configured = site_of(request).settings.web.url.rstrip("/")
    return configured or f"{request.url.scheme}://{request.headers['host']}{base_of(request)}"


async def atom(request: Request) -> Response:
    """Alerts, the newest first, with the filters of the alerts page."""
    site, url = site_of(request), public_url(request)
    wanted = alert_filter(request.query_params, "all")

    def made(session: Session) -> str:
        rows = alerts_page(session, wanted, MOST_ENTRIES).rows
        updated = max((row["resolved_at"] or row["opened_at"] for row in rows), default=site.now())
        address = urlsplit(url).netloc
        return render("feed.xml", now=site.now(), base="", rows=rows, home=url, updated=updated, address=address)

    return Response(await site.read(made), media_type="application/atom+xml; charset=utf-8")


async def calendar(request: Request) -> Response:
    """A day for each domain whose expiry is known, with a reminder a week before."""
    site, url = site_of(request), public_url(request)
    body = await site.read(lambda session: calendar_of(domains_json(session), url, site.now()))
    return Response(body, media_type="text/calendar; charset=utf-8")


def calendar_of(domains: list[dict[str, Any]], url: str, now: datetime) -> bytes:
    """RFC 5545. A renewal moves the event, since its identifier is the domain's."""
    made = Calendar()
    made.add("prodid", "-//weaklink//domains//EN")
    made.add("version", "2.0")
    made.add("x-wr-calname", "Domains behind your dependencies")
    for row in domains:
        if (expires := moment(row["expires_at"])) is None:
            continue
        name = visible(row["domain"])
        event = Event()
        event.add("uid", f"{row['domain']}@{urlsplit(url).hostname}")
        event.add("dtstamp", now)
        event.add("dtstart", expires.date())
        event.add("dtend", expires.date() + timedelta(days=1))
        event.add("transp", "TRANSPARENT")
        event.add("summary", f"{name} expires; {row['packages']} watched packages hang on it")
        named = ", ".join(row["accounts"][:MOST_NAMED])
        more = f" and {len(row['accounts']) - MOST_NAMED} more" if len(row["accounts"]) > MOST_NAMED else ""
        event.add("description", visible(f"{row['state']}. Accounts: {named or 'none'}{more}"))
        event.add("url", f"{url}{path_of('domain:' + row['domain'])}")
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", f"{name} expires in a week")
        alarm.add("trigger", timedelta(days=-7))
        event.add_component(alarm)
        made.add_component(event)
    return bytes(made.to_ical())
