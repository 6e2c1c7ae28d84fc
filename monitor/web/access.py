"""Who is asking, and what they may do: by token, by session, by a trusted proxy, or because it sits here."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
from datetime import timedelta
from typing import Final

from itsdangerous import BadSignature, TimestampSigner
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from config.settings import Web, WebProxy, WebToken

SESSION: Final = "weaklink_session"
SESSION_LASTS: Final = timedelta(days=30)


class Viewer(Struct, frozen=True):
    """Somebody who may at least look."""

    name: str = ""
    """``""`` for whoever sits at this machine."""
    scopes: frozenset[str] = frozenset()
    by: str = "machine"
    """``machine``, ``token``, ``session`` or ``proxy``."""

    @property
    def may_act(self) -> bool:
        return "act" in self.scopes


THIS_MACHINE: Final = Viewer(scopes=frozenset({"read", "act"}))
NOBODY: Final = Viewer(by="nobody")


def viewer(request: Request, web: Web) -> Viewer | None:
    """Who asks, by the settings in force; None for somebody who has to say so first."""
    if web.proxy is not None and _is_trusted(request, web.proxy) and (found := _by_proxy(request, web.proxy)):
        return found
    if secret := _presented(request):
        token = token_of(secret, web)
        return Viewer(token.name, frozenset(token.scopes), "token") if token else None
    if found := _by_session(request.cookies.get(SESSION, ""), web):
        return found
    return None if web.token or web.proxy else THIS_MACHINE


def token_needed() -> PlainTextResponse:
    """For programs that presented none that may read."""
    wanted = {"WWW-Authenticate": 'Basic realm="weaklink"'}
    return PlainTextResponse("weaklink: a token is needed\n", status_code=401, headers=wanted)


def token_of(secret: str, web: Web) -> WebToken | None:
    """The token that a secret belongs to; every one is compared, so that time tells nothing.

    Guessing is not counted: sixteen characters cannot be guessed, and a counter would lock out those who have one.
    """
    found = None
    for token in web.token:
        if hmac.compare_digest(token.secret.get_secret_value().encode(), secret.encode()):
            found = token
    return found


def session_for(token: WebToken) -> str:
    """The cookie of somebody who signed in with a token; another secret under the same name ends it."""
    return _signer(token).sign(token.name.encode("utf-8").hex()).decode()


def _by_session(cookie: str, web: Web) -> Viewer | None:
    if not cookie or len(cookie) > 2000:
        return None
    for token in web.token:
        try:
            name = _signer(token).unsign(cookie, max_age=int(SESSION_LASTS.total_seconds()))
        except BadSignature:
            continue
        if name.decode() == token.name.encode("utf-8").hex():
            return Viewer(token.name, frozenset(token.scopes), "session")
    return None


def _signer(token: WebToken) -> TimestampSigner:
    return TimestampSigner(token.secret.get_secret_value(), salt="weaklink session", digest_method=hashlib.sha256)


def _presented(request: Request) -> str:
    """A bearer token, or the password of basic authentication, which is what feed readers and calendars can send."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def _is_trusted(request: Request, proxy: WebProxy) -> bool:
    if request.client is None:
        return False
    try:
        address = ipaddress.ip_address(request.client.host)
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(network) for network in proxy.trusted)


def _by_proxy(request: Request, proxy: WebProxy) -> Viewer | None:
    name = request.headers.get(proxy.user_header, "").strip()[:100]
    if not name:
        return None
    groups = {group.strip() for group in request.headers.get(proxy.groups_header, "").split(",")}
    may_act = not proxy.act_groups or bool(groups.intersection(proxy.act_groups))
    return Viewer(name, frozenset({"read", "act"} if may_act else {"read"}), "proxy")
