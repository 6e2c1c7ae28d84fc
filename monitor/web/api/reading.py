"""What can be asked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from sqlmodel import Session

from alerts import silences
from alerts.browsing import alerts_page, deliveries_page
from alerts.reading import acceptances_json, alerts_json, events_json
from monitor.queries import watchlist
from monitor.queries.changes import changes_page
from monitor.queries.domains import domains_json
from monitor.queries.fleet import fleet
from monitor.queries.search import search
from monitor.queries.show import show_json
from monitor.queries.targets import maintainers_page, packages_page
from monitor.queries.weak_links import signals_page
from monitor.store.health import status
from monitor.web import filters
from monitor.web.api import models as m
from monitor.web.api.needs import MISSING, Here, Number, viewer
from monitor.web.errors import Missing

reading = APIRouter(dependencies=[Depends(viewer)])

Text = Annotated[str, Query(max_length=400)]
Limit = Annotated[int, Query(ge=1, le=1000)]
Before = Annotated[int | None, Query(ge=1, le=filters.LARGEST, description="`next` of the page before.")]
PageNumber = Annotated[int, Query(ge=1, le=1_000_000)]
Since = Annotated[str, Query(max_length=40, description="A duration (`7d`), a date, a time, or `all`.")]
Severities = Annotated[Literal["", "info", "low", "medium", "high", "critical"], Query(description="At least.")]
Ecosystem = Literal["", "npm", "pypi"]


@reading.get("/status", response_model=m.Status, tags=["watch"])
async def watch_status(site: Here) -> Any:
    """Is the watch healthy: targets, failures, sources, deliveries, silences."""
    return await site.read(lambda session: status(session, site.now()) | fleet(session))


@reading.get("/changes", response_model=m.Changes, tags=["changes"])
async def changes(
    site: Here,
    since: Since = "30d",
    severity: Severities = "",
    kind: Text = "",
    watch: Text = "",
    subject: Text = "",
    limit: Limit = 100,
    before: Before = None,
) -> Any:
    """What happened, the newest first."""
    asked = {"since": since, "severity": severity, "kind": kind, "watch": watch, "subject": subject}
    wanted = filters.change_filter(asked, site.now())
    return paged(await site.read(lambda session: changes_page(session, wanted, limit, before)))


@reading.get("/signals", response_model=m.Signals, tags=["signals"])
async def signals(
    site: Here,
    signal: Literal["", "W1", "W2", "W3", "W4", "W5", "W6"] = "",
    sort: Literal["", "package", "maintainer"] = "",
    watch: Text = "",
    page: PageNumber = 1,
    limit: Limit = 100,
) -> Any:
    """The weak links that hold now, by signal and subject."""
    wanted = filters.signal_filter({"signal": signal, "sort": sort, "watch": watch})
    return numbered(await site.read(lambda session: signals_page(session, wanted, page, limit, site.now())))


@reading.get("/alerts", response_model=m.Alerts, tags=["alerts"])
async def alerts(
    site: Here,
    state: Literal["open", "acknowledged", "silenced", "resolved", "unresolved", "all"] = "all",
    severity: Severities = "",
    kind: Text = "",
    watch: Text = "",
    owner: Text = "",
    subject: Text = "",
    limit: Limit = 100,
    before: Before = None,
) -> Any:
    """What people must hear, the newest first."""
    asked = {"state": state, "severity": severity, "kind": kind, "watch": watch, "owner": owner, "subject": subject}
    wanted = filters.alert_filter(asked)
    return paged(await site.read(lambda session: alerts_page(session, wanted, limit, before)))


@reading.get("/alerts/{number}", response_model=m.AlertWithLife, responses=MISSING, tags=["alerts"])
async def alert(site: Here, number: Number) -> Any:
    """One alert with its life and its messages."""
    return await site.read(lambda session: one_alert(session, number))


@reading.get("/packages", response_model=m.Packages, tags=["watched"])
async def packages(
    site: Here,
    q: Text = "",
    ecosystem: Ecosystem = "",
    watch: Text = "",
    state: Literal["", "failing", "stale"] = "",
    page: PageNumber = 1,
    limit: Limit = 100,
) -> Any:
    """Watched packages by name."""
    wanted = filters.target_filter({"q": q, "ecosystem": ecosystem, "watch": watch, "state": state}, "package")
    return numbered(await site.read(lambda session: packages_page(session, wanted, page, limit)))


@reading.get("/maintainers", response_model=m.Maintainers, tags=["watched"])
async def maintainers(
    site: Here, q: Text = "", ecosystem: Ecosystem = "", page: PageNumber = 1, limit: Limit = 100
) -> Any:
    """Accounts that can publish, or have published, what is watched; those with the most packages first."""
    wanted = filters.target_filter({"q": q, "ecosystem": ecosystem}, "maintainer")
    return numbered(await site.read(lambda session: maintainers_page(session, wanted, page, limit)))


@reading.get("/domains", response_model=list[m.DomainRow], tags=["watched"])
async def domains(site: Here) -> Any:
    """The watched domains by expiry."""
    return await site.read(domains_json)


@reading.get("/show", response_model=m.Shown, responses=MISSING, tags=["watched"])
async def show(
    site: Here, subject: Annotated[str, Query(min_length=1, max_length=400, examples=["npm:express"])]
) -> Any:
    """Facts, reach and timeline of one package, account or domain."""
    (name,) = filters.subjects({"subject": subject}) or ("",)
    thresholds = site.settings.thresholds
    found = await site.read(lambda session: show_json(session, name, thresholds, site.now()))
    if found is None:
        raise Missing(f"{subject[:200]} is not known here")
    return found


@reading.get("/watches", response_model=list[m.Watch], tags=["watch"])
async def watches(site: Here) -> Any:
    """The watches with their owners, sources and health."""
    return await site.read(watchlist.watches)


@reading.get("/deliveries", response_model=m.Deliveries, tags=["alerts"])
async def deliveries(
    site: Here,
    channel: Text = "",
    state: Literal["", "pending", "sending", "sent", "dead"] = "",
    limit: Limit = 100,
    before: Before = None,
) -> Any:
    """Every message with its outcome, the newest first."""
    name = filters.text({"channel": channel}, "channel")
    return paged(await site.read(lambda session: deliveries_page(session, limit, before, channel=name, state=state)))


@reading.get("/search", response_model=m.Found, tags=["watched"])
async def find(site: Here, q: Text) -> Any:
    """Packages, accounts, domains, addresses, watches and alerts with this in their names."""
    asked = filters.text({"q": q}, "q")
    return await site.read(lambda session: search(session, asked))


@reading.get("/silences", response_model=list[m.Silence], tags=["silences"])
async def listed(site: Here, ended: bool = False) -> Any:
    """What is not told, until when and why."""
    return await site.read(lambda session: silences.listed(session, site.now(), ended=ended))


@reading.get("/acceptances", response_model=list[m.Acceptance], tags=["silences"])
async def accepted(site: Here) -> Any:
    """Facts that people accepted: they are not told again until they change."""
    return await site.read(acceptances_json)


def one_alert(session: Session, number: int) -> dict[str, Any]:
    found = alerts_json(session, numbers=[number])
    if not found:
        raise Missing(f"there is no alert {number}")
    messages = deliveries_page(session, 1000, alert=number, since=found[0]["opened_at"])
    return found[0] | {"events": events_json(session, number), "deliveries": messages.rows}


def paged(found: Any) -> dict[str, Any]:
    return {"items": found.rows, "next": found.next}


def numbered(found: Any) -> dict[str, Any]:
    return {"items": found.rows, "page": found.page, "pages": found.pages, "total": found.total}
