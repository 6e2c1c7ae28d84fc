"""The npm registry: fetches packuments from the registry that is configured for each name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from monitor.errors import Refused, SourceError, Unavailable
from monitor.observations import Package, Standing
from monitor.sources.decode import BadDocument
from monitor.sources.http import Http, Reply
from monitor.sources.packument import parse_packument
from monitor.validators import Validators

T = TypeVar("T")

LARGE: Final = 512 * 1024
"""Bodies above this many bytes are decoded in a thread, so that the loop is not held up."""


class Fetched(Struct, frozen=True):
    """What a source gave: a package, or None where nothing has changed since the validators."""

    package: Package | None
    validators: Validators
    wire_bytes: int = 0


class RegistryAddress(Protocol):
    @property
    def base_url(self) -> str: ...

    def authorization_for(self, url: str) -> str | None: ...


class NpmSource:
    """Fetches packuments from the registry that is configured for each name."""

    def __init__(self, http: Http, registry_for: Callable[[str], RegistryAddress]) -> None:
        self._http = http
        self._registry_for = registry_for

    async def fetch(self, name: str, known: Validators | None = None) -> Fetched:
        """The package as the registry tells it now; Unavailable or Refused where it tells nothing."""
        known = known or Validators()
        registry = self._registry_for(name)
        # A scope's slash is part of the name; nothing else of it may reach the path unescaped.
        url = registry.base_url.rstrip("/") + "/" + quote(name, safe="@")
        headers = conditional(known) | {"Accept": "application/json"}
        if (authorization := registry.authorization_for(url)) is not None:
            headers["Authorization"] = authorization
        reply = await self._http.get(url, headers=headers)
        host = host_of(url)
        if reply.status == 304 and (known.etag or known.last_modified):
            return Fetched(None, known, reply.wire_bytes)
        if reply.status == 404:
            return Fetched(_removed(reply, name, host), Validators(), reply.wire_bytes)
        if reply.status != 200:
            raise unexpected(host, reply)
        validators = validators_of(reply)
        if validators.digest and validators.digest == known.digest:
            return Fetched(None, validators, reply.wire_bytes)
        try:
            package = await off_the_loop(parse_packument, reply.body, name)
        except BadDocument as error:
            raise Unavailable(host, str(error)) from None
        return Fetched(package, validators, reply.wire_bytes)

    async def search(self, name: str) -> list[str]:
        """Names near one that the registry does not have, as its own search finds them; none where it has none."""
        registry = self._registry_for(name)
        url = f"{registry.base_url.rstrip('/')}/-/v1/search?{urlencode({'text': name, 'size': 20})}"
        headers = {"Accept": "application/json"}
        if (authorization := registry.authorization_for(url)) is not None:
            headers["Authorization"] = authorization
        try:
            reply = await self._http.get(url, headers=headers, max_body=LARGE)
            found = _search_decoder.decode(reply.body).objects if reply.status == 200 else []
        except (SourceError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return []
        return [one.package.name for one in found]


class _Named(Struct):
    name: str


class _Object(Struct):
    package: _Named


class _Search(Struct):
    objects: list[_Object] = []


_search_decoder: Final = msgspec.json.Decoder(_Search)


def conditional(known: Validators) -> dict[str, str]:
    """The request headers that ask for a change only."""
    headers = {}
    if known.etag:
        headers["If-None-Match"] = known.etag
    if known.last_modified:
        headers["If-Modified-Since"] = known.last_modified
    return headers


def validators_of(reply: Reply) -> Validators:
    etag = _repeatable(reply.headers.get("etag", ""), 1000)
    return Validators(
        etag=etag,
        last_modified=_repeatable(reply.headers.get("last-modified", ""), 200),
        # With an ETag the registry itself says whether anything changed.
        digest="" if etag else blake2b(reply.body, digest_size=16).hexdigest(),
    )


def _repeatable(stated: str, longest: int) -> str:
    """A validator as it was stated; ``""`` for one that no request could repeat."""
    return stated if len(stated) <= longest and stated.isascii() and stated.isprintable() else ""


def host_of(url: str) -> str:
    return url.split("/", 3)[2]


def unexpected(host: str, reply: Reply) -> Unavailable | Refused:
    if 300 <= reply.status < 400 and reply.status != 304:
        return Refused(host, f"{reply.status}, it sends us elsewhere; configure the registry's own address")
    return Unavailable(host, f"{reply.status}, which is no answer to a question for a package")


async def off_the_loop(parse: Callable[..., T], body: bytes, *rest: Any) -> T:
    """What ``parse`` makes of a body; in a thread where that takes long enough to hold others up."""
    if len(body) > LARGE:
        return await asyncio.to_thread(parse, body, *rest)
    return parse(body, *rest)


def _removed(reply: Reply, name: str, host: str) -> Package:
    """A 404 of the registry itself: empty, or a JSON error. A web page with 404 is somebody else's."""
    body = reply.body.strip()
    if body:
        try:
            msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Unavailable(host, "404 with a page that is not the registry's") from None
    return Package(ecosystem="npm", name=name, standing=Standing.REMOVED)
