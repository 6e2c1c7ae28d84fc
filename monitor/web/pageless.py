"""What a process without pages serves: its own metrics, and whether it works. Workers, and daemons that stand by."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from config.settings import Settings
from monitor.metrics import CONTENT_TYPE
from monitor.web.access import NOBODY, token_needed, viewer
from monitor.web.guard import Guard


class Health(Struct, frozen=True):
    """The answer to whoever would restart the process."""

    words: str
    good: bool = True


def pageless(
    settings: Callable[[], Settings], exposition: Callable[[], bytes], health: Callable[[], Health]
) -> ASGIApp:
    """``/metrics``, for whoever may read, and ``/healthz``, behind the same guard as the pages of a daemon."""

    async def metrics(request: Request) -> Response:
        if "read" not in (viewer(request, settings().web) or NOBODY).scopes:
            return token_needed()
        return Response(exposition(), media_type=CONTENT_TYPE)

    async def healthy(_request: Request) -> Response:
        found = health()
        return PlainTextResponse(f"{found.words}\n", 200 if found.good else 503)

    async def nothing_there(_request: Request, _error: Exception) -> Response:
        return PlainTextResponse("weaklink: this process has no pages; they are at the daemon that leads\n", 404)

    routes = [Route("/metrics", metrics, methods=["GET"]), Route("/healthz", healthy, methods=["GET"])]
    return Guard(Starlette(routes=routes, exception_handlers={404: nothing_there}), lambda: settings().web.url)
