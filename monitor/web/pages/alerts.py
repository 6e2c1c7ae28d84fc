"""Alerts: the list, each one under its permanent address, and what people do about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from alerts import acting
from alerts.browsing import alerts_page, deliveries_page
from alerts.compose import reach_lines
from alerts.reading import alerts_json, events_json
from alerts.silences import Refused
from monitor.queries import watchlist
from monitor.typed import moment
from monitor.web.errors import Missing
from monitor.web.filters import BadInput, alert_filter, number
from monitor.web.pages.common import WHO, back, field, form_of, page, set_cookie, who
from monitor.web.site import site_of

ROWS: Final = 50
MOST_AT_ONCE: Final = 200

Act = Callable[[Session, Sequence[int], str, str, datetime | None, datetime], Any]

ACTIONS: Final[dict[str, tuple[str, Act]]] = {
    "acknowledge": (
        "acknowledged",
        lambda session, numbers, who, note, until, now: acting.acknowledge(
            session, numbers, who=who, note=note, until=until, now=now
        ),
    ),
    "accept": (
        "accepted: these exact facts are not told again",
        lambda session, numbers, who, note, until, now: acting.accept(session, numbers, who=who, note=note, now=now),
    ),
    "resolve": (
        "resolved",
        lambda session, numbers, who, note, until, now: acting.resolve(session, numbers, who=who, note=note, now=now),
    ),
}
"""What can be done to an alert, and how that is told afterwards."""


async def listed(request: Request) -> Response:
    wanted = alert_filter(request.query_params)
    before = number(request.query_params, "before", None)

    def work(session: Session) -> dict[str, object]:
        return {
            "found": alerts_page(session, wanted, ROWS, before),
            "wanted": wanted,
            "watches": watchlist.names(session),
            "owners": watchlist.owners(session),
        }

    return await page(request, "alerts.html", work)


async def one(request: Request) -> Response:
    return await _one(request, request.path_params["number"])


async def _one(request: Request, number_: int, problem: str = "", status: int = 200) -> Response:
    def work(session: Session) -> dict[str, object]:
        found = alerts_json(session, numbers=[number_])
        if not found:
            raise Missing(f"there is no alert {number_}")
        return {
            "alert": found[0],
            "reach": reach_lines(found[0]["reach"]),
            "events": events_json(session, number_),
            "deliveries": deliveries_page(session, ROWS, alert=number_, since=found[0]["opened_at"]).rows,
        }

    return await page(request, "alert.html", work, problem=problem, status=status)


async def act(request: Request) -> Response:
    """One alert, one action, from its own page."""
    number_, action = request.path_params["number"], request.path_params["action"]
    fields = await form_of(request)
    try:
        done = await _act(request, fields, action, [number_])
    except (Refused, BadInput) as error:
        return await _one(request, number_, problem=str(error), status=409)
    return _remembering(request, fields, back(request, f"/alerts/{number_}", done))


async def act_on_many(request: Request) -> Response:
    """One action on the alerts that were ticked in the list."""
    fields = await form_of(request)
    numbers = [int(text) for text in fields.get("number", ()) if text.isascii() and text.isdigit() and len(text) < 16]
    if not numbers or len(numbers) > MOST_AT_ONCE:
        raise BadInput(f"tick at least one alert, and at most {MOST_AT_ONCE}")
    done = await _act(request, fields, field(fields, "action"), numbers)
    return _remembering(request, fields, back(request, "/alerts", done))


async def _act(request: Request, fields: dict[str, list[str]], action: str, numbers: Sequence[int]) -> str:
    if action not in ACTIONS:
        raise BadInput(f"an action is one of {', '.join(ACTIONS)}")
    words, work = ACTIONS[action]
    site = site_of(request)
    now = site.now()
    until = moment(field(fields, "until"), now) if field(fields, "until") else None
    name, note = who(request, field(fields, "by")), (fields.get("note") or [""])[0][:1000].replace("\x00", "")
    await site.write(lambda session: work(session, numbers, name, note, until, now))
    whose = f"alert {numbers[0]} is" if len(numbers) == 1 else f"{len(numbers)} alerts are"
    return f"{whose} {words}"


def _remembering(request: Request, fields: dict[str, list[str]], response: Response) -> Response:
    if name := field(fields, "by"):
        set_cookie(request, response, WHO, name[:100])
    return response
