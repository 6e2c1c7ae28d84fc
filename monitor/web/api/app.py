"""``/api/v1``: read what the watch knows, and act on alerts. Its description is at ``/api/v1/openapi.json``."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, HTTPException
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import Request

from alerts.silences import Refused
from config.values import BadValue
from monitor.store.engine import StoreError
from monitor.web.api.acting import doing
from monitor.web.api.needs import ERRORS, SCHEMES
from monitor.web.api.reading import reading
from monitor.web.errors import Missing
from monitor.web.filters import BadInput
from monitor.web.site import Site


def api(site: Site) -> FastAPI:
    """The application that is mounted at ``/api/v1``."""
    app = FastAPI(
        title="weaklink",
        version="1",
        description="What the watch knows and what people do about it; the same JSON as `weaklink --json`.",
        docs_url=None,
        redoc_url=None,
        responses=ERRORS,
        dependencies=SCHEMES,
        redirect_slashes=False,
    )
    app.state.site = site
    app.include_router(reading)
    app.include_router(doing)
    for kind, code in ((Missing, 404), (BadInput, 400), (BadValue, 400), (Refused, 409), (StoreError, 503)):
        app.add_exception_handler(kind, _answering(code))
    app.add_exception_handler(StarletteHTTPException, _http)
    return app


def _answering(code: int) -> Any:
    async def answer(_request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"error": str(error)}, code, {"Retry-After": "10"} if code == 503 else None)

    return answer


async def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, (HTTPException, StarletteHTTPException))
    return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)
