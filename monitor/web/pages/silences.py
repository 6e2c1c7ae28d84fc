"""What is not told: silences with their reasons and ends, and facts that somebody accepted."""

from __future__ import annotations

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from alerts import acting, silences
from alerts.reading import acceptances_json
from alerts.silences import Refused
from config.values import BadValue
from monitor.typed import matcher, moment
from monitor.web.filters import BadInput
from monitor.web.filters import text as param
from monitor.web.pages.common import WHO, back, field, form_of, page, set_cookie, who
from monitor.web.site import site_of


async def listed(request: Request) -> Response:
    return await _listed(request)


async def _listed(
    request: Request, problem: str = "", typed: dict[str, str] | None = None, status: int = 200
) -> Response:
    now = site_of(request).now()
    ended = param(request.query_params, "ended") == "yes"
    suggested = {name: param(request.query_params, name) for name in ("match", "reason")} | {"until": "7d"}

    def work(session: Session) -> dict[str, object]:
        found = silences.listed(session, now, ended=ended)
        return {"found": found, "accepted": acceptances_json(session)[:200], "ended": ended}

    return await page(request, "silences.html", work, problem=problem, typed=suggested | (typed or {}), status=status)


async def add(request: Request) -> Response:
    fields = await form_of(request)
    typed = {name: field(fields, name) for name in ("match", "reason", "until")}
    site = site_of(request)
    now = site.now()
    try:
        match, ends = matcher([typed["match"]]), moment(typed["until"], now)
        name = who(request, field(fields, "by"))
        made = await site.write(
            lambda session: silences.add(
                session, match, reason=typed["reason"], who=name, starts_at=now, ends_at=ends, now=now
            )
        )
    except (BadValue, Refused) as error:
        return await _listed(request, str(error), typed, status=409)
    response = back(request, "/silences", f"silence {made.id} holds until {ends:%Y-%m-%d %H:%M} UTC")
    if field(fields, "by"):
        set_cookie(request, response, WHO, field(fields, "by")[:100])
    return response


async def remove(request: Request) -> Response:
    await form_of(request)
    number = request.path_params["number"]
    site = site_of(request)
    try:
        await site.write(lambda session: silences.remove(session, number, site.now()))
    except Refused as error:
        raise BadInput(str(error)) from None
    return back(request, "/silences", f"silence {number} is ended; what it held back is told next")


async def forget(request: Request) -> Response:
    await form_of(request)
    number = request.path_params["number"]
    try:
        row = await site_of(request).write(lambda session: acting.forget(session, number))
    except Refused as error:
        raise BadInput(str(error)) from None
    return back(request, "/silences", f"no longer accepted: {row.title[:100]}")
