"""Each table of the pages as CSV and as JSON, with the filters that the page has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from alerts import silences
from alerts.browsing import alerts_page, deliveries_page
from alerts.reading import acceptances_json
from monitor.export.text import as_csv, as_json
from monitor.queries import watchlist
from monitor.queries.changes import changes_page
from monitor.queries.domains import domains_json
from monitor.queries.targets import maintainers_page, packages_page
from monitor.queries.weak_links import signals_page
from monitor.store.health import status
from monitor.web import filters
from monitor.web.filters import Params
from monitor.web.site import site_of

MOST: Final = 10_000
"""Rows in one file; ``before`` or ``page`` asks for more."""

Rows = Callable[[Session, Params, datetime], list[dict[str, Any]]]


class Table(Struct, frozen=True):
    """What a file of it holds."""

    columns: tuple[str, ...]
    rows: Rows


def _changes(session: Session, params: Params, now: datetime) -> list[dict[str, Any]]:
    wanted, before = filters.change_filter(params, now, "30d"), filters.number(params, "before", None)
    return changes_page(session, wanted, MOST, before).rows


def _alerts(session: Session, params: Params, _now: datetime) -> list[dict[str, Any]]:
    return alerts_page(session, filters.alert_filter(params), MOST, filters.number(params, "before", None)).rows


def _packages(session: Session, params: Params, _now: datetime) -> list[dict[str, Any]]:
    page = filters.number(params, "page", 1) or 1
    return packages_page(session, filters.target_filter(params, "package"), page, MOST).rows


def _maintainers(session: Session, params: Params, _now: datetime) -> list[dict[str, Any]]:
    page = filters.number(params, "page", 1) or 1
    return maintainers_page(session, filters.target_filter(params, "maintainer"), page, MOST).rows


def _deliveries(session: Session, params: Params, _now: datetime) -> list[dict[str, Any]]:
    channel, state = filters.text(params, "channel"), filters.choice(params, "state", filters.DELIVERY_STATES)
    return deliveries_page(session, MOST, filters.number(params, "before", None), channel=channel, state=state).rows


def _signals(session: Session, params: Params, now: datetime) -> list[dict[str, Any]]:
    page = filters.number(params, "page", 1) or 1
    return signals_page(session, filters.signal_filter(params), page, MOST, now).rows


def _silences(session: Session, params: Params, now: datetime) -> list[dict[str, Any]]:
    return silences.listed(session, now, ended=filters.text(params, "ended") == "yes")


TABLES: Final[Mapping[str, Table]] = {
    "changes": Table(
        ("id", "at", "happened_at", "severity", "kind", "subject", "title", "before", "after", "evidence", "watches"),
        _changes,
    ),
    "alerts": Table(
        ("id", "severity", "state", "opened_at", "resolved_at", "subject", "title", "reason", "watches", "advice"),
        _alerts,
    ),
    "packages": Table(
        (
            "subject",
            "latest",
            "maintainers",
            "standing",
            "deprecated",
            "changed_at",
            "fresh_at",
            "failing_since",
            "error",
            "stale",
            "watches",
        ),
        _packages,
    ),
    "signals": Table(
        ("signal", "subject", "value", "threshold", "since", "watches", "name", "sentence", "raised_at", "evidence"),
        _signals,
    ),
    "maintainers": Table(("subject", "packages", "emails", "domains"), _maintainers),
    "domains": Table(
        ("domain", "state", "expires_at", "registrar", "accounts", "packages", "checked_at", "error"),
        lambda session, _params, _now: domains_json(session),
    ),
    "watchlist": Table(
        ("watch", "owner", "targets", "direct", "dev", "packages", "failing", "never", "changed_at", "sources"),
        lambda session, _params, _now: watchlist.watches(session),
    ),
    "deliveries": Table(
        (
            "id",
            "created_at",
            "channel",
            "kind",
            "title",
            "state",
            "attempts",
            "sent_at",
            "outcome",
            "happened_at",
            "seconds_from_happening",
            "alerts",
        ),
        _deliveries,
    ),
    "health": Table(
        ("host", "state", "since", "last_ok_at", "error", "retry_at"),
        lambda session, _params, now: status(session, now)["sources"],
    ),
    "silences": Table(("id", "match", "state", "starts_at", "ends_at", "hides", "worst", "by", "reason"), _silences),
    "accepted": Table(
        ("id", "at", "severity", "kind", "subject", "title", "by", "note"),
        lambda session, _params, _now: acceptances_json(session),
    ),
}


def download(name: str) -> Callable[[Request], Awaitable[Response]]:
    """``/changes.csv?since=7d``, ``/alerts.json``: what the page shows, up to ``MOST`` rows."""
    table = TABLES[name]

    async def handler(request: Request) -> Response:
        site, kind = site_of(request), request.path_params["kind"]
        now = site.now()

        def made(session: Session) -> str:
            rows = table.rows(session, request.query_params, now)
            return as_csv(table.columns, rows) if kind == "csv" else as_json(rows)

        body = await site.read(made)
        if kind == "json":
            return Response(body, media_type="application/json")
        headers = {"Content-Disposition": f'attachment; filename="weaklink-{name}.csv"'}
        return Response(body, media_type="text/csv; charset=utf-8; header=present", headers=headers)

    return handler
