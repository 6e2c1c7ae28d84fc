"""What can be done, by those with a token that may act."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter
from sqlmodel import Session

from alerts import acting, silences
from monitor.typed import matcher, moment
from monitor.web.api import models as m
from monitor.web.api.needs import MISSING, REFUSED, Actor, Here, Number
from monitor.web.api.reading import one_alert
from monitor.web.site import Site

doing = APIRouter()

ON_ALERT: Final = MISSING | REFUSED


@doing.post("/alerts/{number}/acknowledge", response_model=m.AlertWithLife, responses=ON_ALERT, tags=["alerts"])
async def acknowledge(number: Number, said: m.Acknowledgement, site: Here, who: Actor) -> Any:
    """Somebody sees to it: no reminder and no escalation until then, or until it grows graver."""
    now = site.now()
    until = moment(said.until, now) if said.until else None
    return await _done(
        site,
        number,
        lambda s: acting.acknowledge(s, [number], who=who.name, note=said.note, until=until, now=now),
    )


@doing.post("/alerts/{number}/resolve", response_model=m.AlertWithLife, responses=ON_ALERT, tags=["alerts"])
async def resolve(number: Number, said: m.Action, site: Here, who: Actor) -> Any:
    """End it; those who heard of it hear that it is over."""
    now = site.now()
    return await _done(site, number, lambda s: acting.resolve(s, [number], who=who.name, note=said.note, now=now))


@doing.post("/alerts/{number}/accept", response_model=m.AlertWithLife, responses=ON_ALERT, tags=["alerts"])
async def accept(number: Number, said: m.Action, site: Here, who: Actor) -> Any:
    """It is right as it is: these exact facts are never told again, until they change."""
    now = site.now()
    return await _done(site, number, lambda s: acting.accept(s, [number], who=who.name, note=said.note, now=now))


@doing.post("/silences", response_model=m.Silence, status_code=201, responses=REFUSED, tags=["silences"])
async def silence(asked: m.NewSilence, site: Here, who: Actor) -> Any:
    """Keep what matches from being told until then."""
    now = site.now()
    match, ends = matcher([asked.match]), moment(asked.until, now)

    def work(session: Session) -> dict[str, Any]:
        made = silences.add(session, match, reason=asked.reason, who=who.name, starts_at=now, ends_at=ends, now=now)
        return next(one for one in silences.listed(session, now) if one["id"] == made.id)

    return await site.write(work)


@doing.delete("/silences/{number}", status_code=204, responses=REFUSED, tags=["silences"])
async def end_silence(number: Number, site: Here, who: Actor) -> None:
    """End a silence now; what it held back is told next."""
    await site.write(lambda session: silences.remove(session, number, site.now()))


@doing.delete("/acceptances/{number}", status_code=204, responses=REFUSED, tags=["silences"])
async def forget(number: Number, site: Here, who: Actor) -> None:
    """Accept a fact no more: it is told when it is found again."""
    await site.write(lambda session: acting.forget(session, number))


async def _done(site: Site, number: int, work: Callable[[Session], Any]) -> Any:
    """The alert after ``work``; Missing where there is none."""
    await site.read(lambda session: one_alert(session, number))
    await site.write(work)
    return await site.read(lambda session: one_alert(session, number))
