"""The application: which address is which page, and who may see or do what."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any, Final

from starlette.applications import Starlette
from starlette.convertors import Convertor, StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from alerts.silences import Refused
from config.log import log_of
from config.values import BadValue
from monitor.store.engine import StoreError
from monitor.web import feeds, live, probes, tables
from monitor.web.access import NOBODY, token_needed, viewer
from monitor.web.api.app import api
from monitor.web.errors import Missing
from monitor.web.filters import BadInput
from monitor.web.guard import Guard
from monitor.web.pages import alerts, overview, signing, silences, subjects, watching
from monitor.web.pages.common import page
from monitor.web.server import WebServer
from monitor.web.site import Site, site_of

log = log_of("web")

Handler = Callable[[Request], Awaitable[Response]]

_TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


class _Number(Convertor[int]):
    """A row's number, of a size that every database takes."""

    regex = "[0-9]{1,15}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


class _Download(StringConvertor):
    """The form of a table's file."""

    regex = "csv|json"


register_url_convertor("row", _Number())
register_url_convertor("download", _Download())


class Pages(WebServer):
    """Everything, where ``[web] listen`` says."""

    served = "the pages are served"
    refused = "the pages cannot be served; watching goes on, and it is tried again"

    def __init__(self, site: Site) -> None:
        super().__init__(application(site), lambda: site.settings.web.listen)
        self.site = site

    async def close(self) -> None:
        """Stop listening, end open streams, and let the readers go."""
        self.site.closing.set()
        await super().close()
        await asyncio.to_thread(self.site.readers.close)


def application(site: Site) -> ASGIApp:
    """Everything that is served, behind the guard."""
    app = Starlette(
        routes=[
            _read("/", overview.show),
            _read("/alerts", alerts.listed),
            _act("/alerts", alerts.act_on_many),
            _read("/alerts/{number:row}", alerts.one),
            _act("/alerts/{number:row}/{action}", alerts.act),
            _read("/silences", silences.listed),
            _act("/silences", silences.add),
            _act("/silences/{number:row}/remove", silences.remove),
            _act("/accepted/{number:row}/forget", silences.forget),
            _read("/changes", watching.changes),
            _read("/signals", watching.signals),
            _read("/packages", subjects.packages),
            _read("/packages/{ecosystem}/{name:path}", subjects.package),
            _read("/maintainers", subjects.maintainers),
            _read("/maintainers/{ecosystem}/{name:path}", subjects.maintainer),
            _read("/domains", subjects.domains),
            _read("/domains/{name}", subjects.domain),
            _read("/watchlist", watching.watches),
            _read("/health", watching.health),
            _read("/deliveries", watching.deliveries),
            _read("/search", watching.searched),
            _program("/events", live.stream),
            *(_program(f"/{name}.{{kind:download}}", tables.download(name)) for name in tables.TABLES),
            _program("/alerts.atom", feeds.atom),
            _program("/domains.ics", feeds.calendar),
            Route("/sign-in", _open(signing.form), methods=["GET"]),
            Route("/sign-in", _open(signing.sign_in), methods=["POST"]),
            Route("/sign-out", _open(signing.sign_out), methods=["POST"]),
            Route("/static/{name}", static, methods=["GET"]),
            _program("/metrics", probes.metrics),
            Route("/healthz", probes.healthy, methods=["GET"]),
            Route("/readyz", probes.ready, methods=["GET"]),
            Mount("/api/v1", api(site)),
        ],
        exception_handlers={404: _nothing_there, 405: _nothing_there},
    )
    app.state.site, app.state.live = site, live.Live(site)
    return Guard(app, lambda: site.settings.web.url)


def _read(path: str, handler: Handler) -> Route:
    return Route(path, _guarded(handler, "read"), methods=["GET"])


def _program(path: str, handler: Handler) -> Route:
    """What programs ask for: feed readers and calendars send a token as the password of basic authentication."""

    async def asked(request: Request) -> Response:
        _introduce(request)
        if "read" in request.state.viewer.scopes:
            return await _answered(handler, request)
        return token_needed()

    return Route(path, asked, methods=["GET"])


def _act(path: str, handler: Handler) -> Route:
    return Route(path, _guarded(handler, "act"), methods=["POST"])


def _guarded(handler: Handler, scope: str) -> Handler:
    """A page that somebody with this scope may ask for; others are asked who they are."""

    async def asked(request: Request) -> Response:
        _introduce(request)
        if scope not in request.state.viewer.scopes:
            if request.state.viewer.scopes:
                return await _problem(request, 403, "your token may look and not act")
            return await signing.ask(request)
        return await _answered(handler, request)

    return asked


def _open(handler: Handler) -> Handler:
    async def asked(request: Request) -> Response:
        _introduce(request)
        return await _answered(handler, request)

    return asked


def _introduce(request: Request) -> None:
    request.state.viewer = viewer(request, site_of(request).settings.web) or NOBODY


async def _answered(handler: Handler, request: Request) -> Response:
    """What is wrong with a request, or with the store, is a page of one line and a status."""
    try:
        return await handler(request)
    except Missing as error:
        return await _problem(request, 404, str(error))
    except (BadInput, BadValue) as error:
        return await _problem(request, 400, str(error))
    except Refused as error:
        return await _problem(request, 409, str(error))
    except StoreError as error:
        log.error("the database cannot be used", error=error)
        return PlainTextResponse(f"weaklink: {error}\n", status_code=503, headers={"Retry-After": "10"})


async def _problem(request: Request, status: int, words: str) -> Response:
    def nothing(_session: Any) -> dict[str, object]:
        return {"words": words, "status": status}

    return await page(request, "problem.html", nothing, status=status)


async def _nothing_there(request: Request, _error: Exception) -> Response:
    _introduce(request)
    if not request.state.viewer.scopes:
        return await signing.ask(request)
    return await _problem(request, 404, "there is no page under this address")


_STATIC: Final = {
    entry.name: (entry.read_bytes(), _TYPES[f".{entry.name.rpartition('.')[2]}"])
    for entry in (files("monitor.web") / "static").iterdir()
    if f".{entry.name.rpartition('.')[2]}" in _TYPES
}


async def static(request: Request) -> Response:
    """Our own files. Their addresses change with their content, so browsers may keep them."""
    found = _STATIC.get(request.path_params["name"])
    if found is None:
        return PlainTextResponse("weaklink: there is no such file\n", status_code=404)
    body, media_type = found
    return Response(body, media_type=media_type, headers={"Cache-Control": "public, max-age=31536000, immutable"})
