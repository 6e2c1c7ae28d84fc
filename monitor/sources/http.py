"""HTTP as a careful guest: bounded in time and bytes, polite to each host, one clear reason for each failure.

httpx over aiohttp's transport. ``AsyncClient`` itself is left out: for a request without redirects, cookies or auth
flows its machinery costs more CPU than the request (docs/performance.md), so a ``httpx.Request`` goes to the
transport directly.
"""

from __future__ import annotations

import asyncio
import ssl
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import cache, lru_cache, partial
from random import Random
from typing import Final
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
from msgspec import Struct

from config.clock import Clock, Elapsed, parse_retry_after, system_clock, system_elapsed
from config.settings import HttpLimits
from monitor.errors import Refused, Unavailable
from monitor.sources.politeness import Host, HostHealth, Shared

__all__ = ["Http", "Reply"]

USER_AGENT: Final = "weaklink/0.1 (supply-chain monitor; +https://weaklink.example)"
ATTEMPTS: Final = 3
FIRST_BACKOFF: Final = 0.3
RETRY_AFTER_DEFAULT: Final = timedelta(seconds=60)
MOST_HOSTS: Final = 1000
KEPT_ADDRESSES: Final = 4096
"""Addresses that are kept as they were parsed: every sweep asks for the same ones, and httpx parses in Python."""
_LIMITS: Final = {"timeout": {"connect": 10.0, "read": 20.0, "pool": None}}
_TRANSIENT: Final = frozenset({500, 502, 503, 504, 520, 521, 522, 523, 524})


class Reply(Struct, frozen=True):
    """An answer, whole and expanded."""

    status: int
    headers: httpx.Headers
    body: bytes
    wire_bytes: int


class _Broken(Exception):
    """An attempt failed in a way that another attempt may mend."""


class Http:
    """One pool of connections; one ``Host`` for each host that is asked."""

    def __init__(
        self,
        limits: HttpLimits,
        *,
        clock: Clock = system_clock,
        elapsed: Elapsed = system_elapsed,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        rng: Random | None = None,
        share: Callable[[str], Shared] | None = None,
    ) -> None:
        """``share`` gives what this process holds together with others towards a host, by its name."""
        self.limits = limits
        self._share = share
        self._clock = clock
        self._elapsed = elapsed
        self._sleep = sleep
        self._rng = rng or Random()
        self._hosts: dict[str, Host] = {}
        self._transports: dict[tuple[str, str], AiohttpTransport] = {}
        self._ways: dict[str, AiohttpTransport] = {}

    def _transport(self, url: httpx.URL) -> AiohttpTransport:
        """The transport for a host: direct, or through the proxy that the environment names for it.

        Decided once for each host. aiohttp's own ``trust_env`` would ask for proxies and netrc at every request, in a
        thread, and send what netrc holds to wherever a redirect or a typo leads.
        """
        name = f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}"
        if name not in self._ways:
            proxy = "" if proxy_bypass(url.host) else getproxies().get(url.scheme, "")
            if (url.scheme, proxy) not in self._transports:
                # Plain http needs no certificates, and reading them takes longer than a hundred requests.
                tls = _tls() if "https" in {url.scheme, proxy.partition(":")[0]} else False
                self._transports[url.scheme, proxy] = AiohttpTransport(
                    verify=tls, client=partial(_session, tls), proxy=httpx.Proxy(proxy) if proxy else None
                )
            if len(self._ways) >= MOST_HOSTS:
                self._ways.clear()
            self._ways[name] = self._transports[url.scheme, proxy]
        return self._ways[name]

    def use(self, limits: HttpLimits) -> None:
        """From the next request on, these limits; what hosts asked of us is kept."""
        self.limits = limits
        for host in self._hosts.values():
            host.limit(limits.requests_per_second, limits.connections)

    async def close(self) -> None:
        for transport in self._transports.values():
            await transport.aclose()

    def health(self) -> list[HostHealth]:
        """Every host asked since the start, by name."""
        return [self._hosts[name].health() for name in sorted(self._hosts)]

    def host(self, url: httpx.URL) -> Host:
        """The host of a URL; made at its first request."""
        name = url.netloc.decode("ascii", "replace")
        host = self._hosts.get(name)
        if host is None:
            if len(self._hosts) >= MOST_HOSTS:
                self._hosts.pop(next(iter(self._hosts)))
            host = self._hosts[name] = Host(
                name,
                per_second=self.limits.requests_per_second,
                connections=self.limits.connections,
                clock=self._clock,
                elapsed=self._elapsed,
                sleep=self._sleep,
                shared=self._share(name) if self._share else None,
            )
        return host

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None, max_body: int | None = None) -> Reply:
        """The answer to a GET; redirects are answers like others.

        Raises Unavailable for time-outs, connection trouble, 429, 5xx and bodies that are cut or too large, and
        Refused for 401 and 403: none of them says anything about what was asked for.
        """
        return await self._ask("GET", url, None, headers, max_body)

    async def post(
        self, url: str, content: bytes, *, headers: Mapping[str, str] | None = None, max_body: int | None = None
    ) -> Reply:
        """The answer to a POST that only asks, so that it may be sent again; raises as ``get`` does."""
        return await self._ask("POST", url, content, headers, max_body)

    async def stream(self, url: str, take: Callable[[bytes], Awaitable[bool]], *, most: int, within: timedelta) -> int:
        """The status of a GET; where it is 200, the body goes to ``take`` piece by piece, until that returns False.

        For what is too large to be held: asked for once and uncompressed, at most ``most`` bytes, in its own time.
        Raises as ``get`` does.
        """
        request = self._request("GET", url, None, {"Accept-Encoding": "identity"})
        host = self.host(request.url)
        async with host.turn():
            try:
                async with asyncio.timeout(within.total_seconds()):
                    status, headers = await self._streamed(request, take, most)
            except TimeoutError:
                reason = f"no complete answer within {within.total_seconds():.0f} s"
            except _Broken as error:
                reason = str(error)
            else:
                reply = Reply(status, headers, b"", 0)
                if (slow := _asked_to_wait(reply, self._clock())) is not None:
                    wait = host.slowed(slow)
                    words = f"{status}, retry after {wait.total_seconds():.0f} s"
                    raise Unavailable(host.name, words, retry_after=wait)
                if status not in _TRANSIENT:
                    host.succeeded()
                    return _judged(host, reply).status
                reason = f"{status} {httpx.codes.get_reason_phrase(status)}".strip()
            host.failed(reason)
        raise Unavailable(host.name, reason)

    async def _streamed(
        self, request: httpx.Request, take: Callable[[bytes], Awaitable[bool]], most: int
    ) -> tuple[int, httpx.Headers]:
        try:
            response = await self._transport(request.url).handle_async_request(request)
            try:
                if response.status_code == 200:
                    if response.headers.get("content-encoding", "identity").strip().lower() not in {"identity", ""}:
                        raise _Broken("the answer is compressed, which was not asked for")
                    count = 0
                    async for chunk in response.aiter_raw():
                        count += len(chunk)
                        if count > most:
                            raise _TooLarge(f"the answer is larger than the {most} bytes allowed")
                        if not await take(chunk):
                            break
                return response.status_code, response.headers
            finally:
                await response.aclose()
        except (httpx.TransportError, aiohttp.ClientError, OSError, ValueError) as error:
            raise _Broken(_reason(error)) from None

    async def _ask(
        self, method: str, url: str, content: bytes | None, headers: Mapping[str, str] | None, max_body: int | None
    ) -> Reply:
        request = self._request(method, url, content, headers)
        host = self.host(request.url)
        return await self._attempts(host, request, max_body or self.limits.max_body)

    def _request(
        self, method: str, url: str, content: bytes | None, headers: Mapping[str, str] | None
    ) -> httpx.Request:
        try:
            request = httpx.Request(
                method,
                _parsed(url),
                content=content,
                headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip", **(headers or {})},
                extensions=_LIMITS,
            )
            request.headers.encoding = "ascii"  # as they were encoded; httpx would find that out anew at each use
            return request
        except (httpx.InvalidURL, UnicodeError, ValueError):
            raise Refused("weaklink", "the address to ask is no URL") from None

    async def _attempts(self, host: Host, request: httpx.Request, max_body: int) -> Reply:
        # The deadline counts what the host takes, not the time for which we wait for our turn to ask it.
        allowed = left = self.limits.timeout.total_seconds()
        for attempt in range(ATTEMPTS):
            async with host.turn():
                began = time.monotonic()
                try:
                    async with asyncio.timeout(left):
                        reply = await self._once(request, max_body)
                except TimeoutError:
                    reason = f"no complete answer within {allowed:.0f} s"
                    host.failed(reason)
                    break
                except _Broken as error:
                    host.failed(str(error))
                    reason = str(error)
                else:
                    if (slow := _asked_to_wait(reply, self._clock())) is not None:
                        wait = host.slowed(slow)
                        words = f"{reply.status}, retry after {wait.total_seconds():.0f} s"
                        raise Unavailable(host.name, words, retry_after=wait)
                    if reply.status not in _TRANSIENT:
                        host.succeeded()
                        return _judged(host, reply)
                    reason = f"{reply.status} {httpx.codes.get_reason_phrase(reply.status)}".strip()
                    host.failed(reason)
            left = max(0.05, left - (time.monotonic() - began))
            if attempt + 1 < ATTEMPTS:
                await self._sleep(FIRST_BACKOFF * 4**attempt * (0.5 + self._rng.random()))
        raise Unavailable(host.name, reason)

    async def _once(self, request: httpx.Request, max_body: int) -> Reply:
        try:
            response = await self._transport(request.url).handle_async_request(request)
        except (httpx.TransportError, aiohttp.ClientError, OSError, ValueError) as error:
            raise _Broken(_reason(error)) from None
        try:
            if response.status_code == 304:
                return Reply(304, response.headers, b"", 0)
            body, wire = await _read(response, max_body)
            return Reply(response.status_code, response.headers, body, wire)
        except (httpx.TransportError, aiohttp.ClientError, OSError) as error:
            raise _Broken(f"the answer was cut off ({_reason(error)})") from None
        except zlib.error:
            raise _Broken("the answer's compression is broken") from None
        finally:
            await response.aclose()


@lru_cache(maxsize=KEPT_ADDRESSES)
def _parsed(url: str) -> httpx.URL:
    return httpx.URL(url)


@cache
def _tls() -> ssl.SSLContext:
    """The certificates that are trusted."""
    return httpx.create_ssl_context()


def _session(tls: ssl.SSLContext | bool) -> aiohttp.ClientSession:
    # No cookies: a registry must not tell one check from another. Connections are limited per host by ``Host``.
    connector = aiohttp.TCPConnector(limit=0, ssl=tls, keepalive_timeout=30, ttl_dns_cache=60)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)


def _judged(host: Host, reply: Reply) -> Reply:
    if reply.status in {401, 403, 407, 451}:
        words = {401: "401, it wants a credential", 403: "403, it refuses this to us"}
        raise Refused(host.name, words.get(reply.status, str(reply.status)))
    return reply


def _asked_to_wait(reply: Reply, now: datetime) -> timedelta | None:
    """How long a 429, or a 503 that says so, asks to be left alone (RFC 9110, 10.2.3); None for other answers."""
    if reply.status not in {429, 503}:
        return None
    stated = reply.headers.get("retry-after", "").strip()
    if reply.status != 429 and not (reply.status == 503 and stated):
        return None
    wait = parse_retry_after(stated, now)
    return RETRY_AFTER_DEFAULT if wait is None else wait


async def _read(response: httpx.Response, max_body: int) -> tuple[bytes, int]:
    """The body, expanded, and its bytes on the wire; stops reading where either grows too large."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "", "gzip", "x-gzip", "deflate"}:
        raise _Broken(f"the answer is encoded as {encoding[:20]!r}, which was not asked for")
    stated = response.headers.get("content-length", "")
    packed = encoding not in {"identity", ""}
    # Packuments shrink eight- to tenfold; a reply of this size on the wire cannot be an honest smaller one.
    max_wire = max(max_body // 4, 64 * 1024) if packed else max_body
    if stated.isdigit() and int(stated) > max_wire:
        raise _TooLarge(f"the answer has {stated} bytes, more than the {max_wire} allowed")
    expander = zlib.decompressobj(zlib.MAX_WBITS | 32) if packed else None
    body, wire = bytearray(), 0
    assert isinstance(response.stream, httpx.AsyncByteStream)
    async for chunk in response.stream:  # bare: ``aiter_raw`` counts and cuts anew what aiohttp has cut already
        wire += len(chunk)
        if wire > max_wire:
            raise _TooLarge(f"the answer is larger than the {max_wire} bytes allowed on the wire")
        if expander is None:
            body += chunk
        else:
            _expand(expander, chunk, body, max_body)
    if expander is not None and not expander.eof and wire:
        raise _Broken("the answer was cut off (its compression does not end)")
    return bytes(body), wire


def _expand(expander: zlib._Decompress, chunk: bytes, body: bytearray, max_body: int) -> None:
    while chunk:
        body += expander.decompress(chunk, 1 << 18)
        if len(body) > max_body:
            raise _TooLarge(f"the answer grows past the {max_body} bytes allowed when it is expanded")
        chunk = expander.unconsumed_tail


class _TooLarge(_Broken):
    """Not mended by trying again, but counted in the same way."""


def _reason(error: Exception) -> str:
    """A transport's error in words of ours: their texts hold addresses and sometimes what a server sent."""
    for kind, words in (
        (httpx.ConnectError, "cannot be reached"),
        (httpx.ConnectTimeout, "the connection failed or was cut"),
        (httpx.TimeoutException, "it did not answer in time"),
        (httpx.ReadError, "the connection was cut"),
        (httpx.ProtocolError, "it does not speak HTTP"),
        (aiohttp.ClientConnectorError, "cannot be reached"),
        (aiohttp.ServerDisconnectedError, "the connection was cut"),
        (aiohttp.ClientResponseError, "it does not speak HTTP"),
        (aiohttp.ClientError, "the connection failed"),
    ):
        if isinstance(error, kind):
            return words
    return f"the connection failed ({type(error).__name__})"
