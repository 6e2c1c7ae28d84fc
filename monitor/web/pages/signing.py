"""Signing in with a token, and out again."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from monitor.web.access import SESSION, SESSION_LASTS, session_for, token_of
from monitor.web.pages.common import base_of, field, form_of, page, set_cookie
from monitor.web.site import site_of


async def ask(request: Request, status: int = 401) -> Response:
    """The form, in the place of the page that was asked for."""
    return await _form(request, request.url.path.removeprefix(base_of(request)), status=status)


async def form(request: Request) -> Response:
    return await _form(request, "/")


async def _form(request: Request, wanted: str, problem: str = "", status: int = 200) -> Response:
    def nothing(_session: Any) -> dict[str, object]:
        return {"wanted": wanted, "problem": problem}

    return await page(request, "sign_in.html", nothing, status=status)


async def sign_in(request: Request) -> Response:
    fields = await form_of(request)
    token = token_of(field(fields, "token"), site_of(request).settings.web)
    wanted = local(field(fields, "wanted"))
    if token is None:
        return await _form(request, wanted, "this is no token that may see the pages", 403)
    response = RedirectResponse(f"{base_of(request)}{wanted}", status_code=303)
    set_cookie(request, response, SESSION, session_for(token), SESSION_LASTS.days)
    return response


async def sign_out(request: Request) -> Response:
    await form_of(request)
    response = RedirectResponse(f"{base_of(request)}/sign-in", status_code=303)
    response.delete_cookie(SESSION, path=f"{base_of(request)}/")
    return response


def local(path: str) -> str:
    """A path of ours; the overview for anything that leads elsewhere."""
    parts = urlsplit(path)
    good = path.startswith("/") and not path.startswith(("//", "/\\")) and not parts.netloc and path.isprintable()
    return path if good else "/"
