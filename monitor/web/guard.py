"""In front of every handler: which host was asked, where a request comes from, how large it may be, what may run.

`Host` is checked against DNS rebinding, `Origin` and `Sec-Fetch-Site` against requests that other pages send, and the
Content-Security-Policy lets a page load nothing but our own two files: hostile text that got through all escaping could
still run nothing and reach nobody.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY: Final = 64 * 1024
"""Bytes of a form or of a JSON document that is sent to us."""
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # same-origin, not no-referrer: with that, browsers would send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class TooLarge(Exception):
    """A body that is longer than ``MOST_BODY``."""


class Guard:
    """ASGI middleware; ``url`` tells the address under which people reach the pages, ``""`` for none configured."""

    def __init__(self, app: ASGIApp, url: Callable[[], str]) -> None:
        self._app = app
        self._url = url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        public = urlsplit(self._url())
        prefix = public.path.rstrip("/")
        if prefix and (scope["path"] == prefix or scope["path"].startswith(f"{prefix}/")):
            scope["root_path"] = prefix
        response = self._refusal(scope, public.netloc)
        if response is not None:
            await response(scope, receive, _with_headers(send))
            return
        began = False

        async def watched(message: Message) -> None:
            nonlocal began
            began = began or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, _limited(receive), _with_headers(watched))
        except TooLarge:
            if not began:
                await _said(413, f"a request may have {MOST_BODY} bytes at most")(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope, public: str) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not is_ours(host, public):
            return _said(421, "these pages are not served under this name; set [web] url to the address that you use")
        if scope["method"] not in SAFE and not same_origin(headers, host, public):
            return _said(403, "this request came from another page than ours; nothing was done")
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MOST_BODY:
            return _said(413, f"a request may have {MOST_BODY} bytes at most")
        return None


def is_ours(host: str, public: str) -> bool:
    """Whether a `Host` header is one that we are reached by: an address, localhost, or the configured name.

    An address cannot be rebound to another machine; a name that somebody else controls can.
    """
    if public and host.lower() == public.lower():
        return True
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or bool(ipaddress.ip_address(name))
    except ValueError:
        return False


def same_origin(headers: Headers, host: str, public: str) -> bool:
    """Whether a request that changes something was sent by one of our pages, or by a program with a token.

    Browsers say where a request comes from; one that says nothing must show credentials that no page can add.
    """
    origin = headers.get("origin")
    if origin is not None:
        netloc = urlsplit(origin).netloc.lower() if "://" in origin else ""
        return bool(netloc) and netloc in {host.lower(), public.lower()}
    site = headers.get("sec-fetch-site")
    return site == "same-origin" if site is not None else "authorization" in headers


def _said(status: int, text: str) -> PlainTextResponse:
    return PlainTextResponse(f"weaklink: {text}\n", status_code=status)


def _limited(receive: Receive) -> Receive:
    """A body that does not say its length is counted while it comes."""
    left = MOST_BODY

    async def counted() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise TooLarge
        return message

    return counted


def _with_headers(send: Send) -> Send:
    async def added(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return added
