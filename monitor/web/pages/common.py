"""How a page is made: asked and rendered in one of the reading threads, with what every page shows around it."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qsl, quote

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from alerts.browsing import counts
from monitor.web.access import Viewer
from monitor.web.filters import BadInput, text
from monitor.web.render import query_string, render
from monitor.web.site import site_of

FORM: Final = "weaklink_form"
"""The cookie that a form must repeat."""
WHO: Final = "weaklink_who"
"""What somebody without a token calls himself."""
MOST_FIELDS: Final = 300

Work = Callable[[Session], dict[str, Any]]


def viewer_of(request: Request) -> Viewer:
    viewer: Viewer = request.state.viewer
    return viewer


def base_of(request: Request) -> str:
    return str(request.scope.get("root_path", ""))


def who(request: Request, typed: str = "") -> str:
    """Whose name stands beside an action."""
    return viewer_of(request).name or typed.strip()[:100] or "somebody at this machine"


async def page(request: Request, template: str, work: Work, *, status: int = 200, **more: Any) -> HTMLResponse:
    """``template`` filled with what ``work`` finds."""
    site = site_of(request)
    form = request.cookies.get(FORM, "")
    fresh = len(form) != 43
    context = {
        "now": site.now(),
        "base": base_of(request),
        "viewer": viewer_of(request),
        "form": form if not fresh else secrets.token_urlsafe(32),
        "who": viewer_of(request).name or request.cookies.get(WHO, "")[:100],
        "here": request.url.path.removeprefix(base_of(request)),
        "params": dict(request.query_params),
        "query": query_string,
        "done": request.query_params.get("done", "")[:200],
        "q": "",
        **more,
    }

    def made(session: Session) -> str:
        return render(template, **(context | {"waiting": counts(session)["open"]} | work(session)))

    response = HTMLResponse(await site.read(made), status_code=status)
    if fresh:
        set_cookie(request, response, FORM, context["form"])
    return response


def set_cookie(request: Request, response: Response, name: str, value: str, days: int = 365) -> None:
    """A cookie that no script reads and no other site sends."""
    secure = site_of(request).settings.web.url.startswith("https:")
    path = f"{base_of(request)}/"
    response.set_cookie(
        name, quote(value, safe=""), max_age=days * 86400, path=path, httponly=True, samesite="strict", secure=secure
    )


async def form_of(request: Request) -> dict[str, list[str]]:
    """The fields of a form that one of our pages made; BadInput for any other."""
    body = await request.body()
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise BadInput("this is no form of ours") from None
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    cookie, repeated = request.cookies.get(FORM, ""), fields.get("form", [""])[0]
    if not cookie or not hmac.compare_digest(cookie.encode(), repeated.encode()):
        raise BadInput("the form is older than your session; go back, reload the page and send it again")
    return fields


def field(fields: dict[str, list[str]], name: str) -> str:
    return text({name: fields.get(name, [""])[0]}, name)


def back(request: Request, path: str, done: str) -> RedirectResponse:
    """After an action: the page that shows its effect, with a line that says what was done."""
    joint = "&" if "?" in path else "?"
    return RedirectResponse(f"{base_of(request)}{path}{joint}done={quote(done, safe='')}", status_code=303)
