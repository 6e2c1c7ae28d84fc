"""Everything that a registry, or what stands in its place, can answer: one clear line, and never a fact."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from aiohttp import web
from msgspec import UNSET
from pydantic import SecretStr

from config.registries import Registry as Address
from config.settings import NpmRegistry
from monitor.errors import Refused, SourceError, Unavailable
from monitor.observations import Standing
from monitor.sources.http import Http
from monitor.sources.npm import NpmSource
from monitor.sources.politeness import FIRST_PAUSE, TRIP_AFTER
from monitor.sources.pypi import PypiSource
from monitor.validators import Validators

TOKEN = "npm_very-secret-token"
START = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []

    def clock(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def http(time: Time) -> AsyncIterator[Http]:
    limits = NpmRegistry(timeout=timedelta(seconds=3), max_body=4_000_000, requests_per_second=1000.0)
    found = Http(limits, clock=time.clock, elapsed=lambda: time.seconds, sleep=time.sleep, rng=Random(1))
    yield found
    await found.close()


@pytest.fixture
def npm(http: Http, registry: Any) -> NpmSource:
    address = Address(base_url=registry.url, authorization=SecretStr(f"Bearer {TOKEN}"))
    return NpmSource(http, lambda _: address)


@pytest.fixture
def pypi(http: Http, registry: Any) -> PypiSource:
    address = Address(base_url=registry.url, simple_url=f"{registry.url}simple/")
    return PypiSource(http, lambda: [address])


def answer(status: int = 200, body: bytes = b"", **headers: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def serve(_request: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return serve


def bomb() -> bytes:
    """64 MB of zeros in 64 kB."""
    return gzip.compress(b"\0" * 64_000_000)


def replying(reply: bytes) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        with suppress(ConnectionError):
            await writer.drain()
        writer.close()

    return serve


@asynccontextmanager
async def raw(serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[str]:
    """A server that need not speak HTTP; its URL."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    server.close()


NESTED = b'{"name":"left-pad","versions":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
NESTED_ELSEWHERE = b'{"name":"left-pad","readme":' + b"[" * 200_000 + b"]" * 200_000 + b"}"


@pytest.mark.parametrize(
    ("serve", "error", "words"),
    [
        (answer(401), Refused, "401"),
        (answer(403, b"<html>go away"), Refused, "403"),
        (answer(404, b"<html>not found"), Unavailable, "404 with a page"),
        (answer(429, Retry_After="120"), Unavailable, "retry after 120 s"),
        (answer(429, Retry_After="never"), Unavailable, "429"),
        (answer(500), Unavailable, "500"),
        (answer(503), Unavailable, "503"),
        (answer(302, Location="http://elsewhere.example/"), Refused, "302"),
        (answer(204), Unavailable, "204"),
        (answer(200, b"<!doctype html><title>Sign in</title>"), Unavailable, "web page"),
        (answer(200, b""), Unavailable, "empty"),
        (answer(200, b'{"name":"left-pad","versions":{"1.0.'), Unavailable, "cut off"),
        (answer(200, b"[1,2]"), Unavailable, "JSON"),
        (answer(200, b"null"), Unavailable, "JSON"),
        (answer(200, b'{"error":"oops"}'), Unavailable, "no package document"),
        (answer(200, b'{"name":"right-pad"}'), Unavailable, "another package"),
        (answer(200, NESTED_ELSEWHERE), Unavailable, "nested"),
        (answer(200, b"\xff\xfe{}"), Unavailable, "JSON"),
        (answer(200, b'{"name":"left-pad","readme":"' + b"x" * 5_000_000 + b'"}'), Unavailable, "more than"),
        (answer(200, bomb(), Content_Encoding="gzip"), Unavailable, "expanded"),
        (answer(200, zlib.compress(b"{}")[:-3], Content_Encoding="deflate"), Unavailable, "cut off"),
        (answer(200, b"no gzip at all", Content_Encoding="gzip"), Unavailable, "compression"),
        (answer(200, b"{}", Content_Encoding="br"), Unavailable, "encoded"),
    ],
)
async def test_trouble_is_one_clear_line(
    npm: NpmSource, registry: Any, serve: Any, error: type[SourceError], words: str
) -> None:
    registry.answers["/left-pad"] = serve
    with pytest.raises(error) as raised:
        await npm.fetch("left-pad")
    said = str(raised.value)
    assert words in said
    assert said.isprintable()
    assert len(said) < 300
    assert TOKEN not in said


async def test_deep_nesting_in_a_fact_makes_it_unknown_at_most(npm: NpmSource, registry: Any) -> None:
    registry.answers["/left-pad"] = answer(200, NESTED)
    with pytest.raises(Unavailable):
        await npm.fetch("left-pad")


async def test_a_404_of_the_registry_is_an_answer(npm: NpmSource) -> None:
    fetched = await npm.fetch("left-pad")
    assert fetched.package is not None
    assert fetched.package.standing is Standing.REMOVED


async def test_a_connection_cut_in_the_middle_is_tried_again_and_then_given_up(http: Http, time: Time) -> None:
    asked = 0

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"name":"left-pad"')
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(cut, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    with pytest.raises(Unavailable, match="cut off"):
        await NpmSource(http, lambda _: Address(base_url=url)).fetch("left-pad")
    assert asked == 3
    assert len(time.slept) >= 2
    server.close()


async def test_a_source_that_drips_is_given_up_at_the_deadline(http: Http) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        with suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.2)

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    http.limits = http.limits.model_copy(update={"timeout": timedelta(seconds=1)})
    with pytest.raises(Unavailable, match="no complete answer within 1 s"):
        await NpmSource(http, lambda _: Address(base_url=url)).fetch("left-pad")
    server.close()


async def test_nobody_there_is_one_clear_line(http: Http) -> None:
    with pytest.raises(Unavailable, match=r"cannot be reached|connection failed"):
        await NpmSource(http, lambda _: Address(base_url="http://127.0.0.1:9/")).fetch("left-pad")


async def test_retry_after_is_obeyed_without_asking_again(
    npm: NpmSource, http: Http, registry: Any, time: Time, packument: Any
) -> None:
    registry.answers["/left-pad"] = answer(429, Retry_After="120")
    with pytest.raises(Unavailable) as raised:
        await npm.fetch("left-pad")
    assert raised.value.retry_after == timedelta(seconds=120)
    asked = len(registry.requests)
    with pytest.raises(Unavailable, match="asked us to wait"):
        await npm.fetch("left-pad")
    assert len(registry.requests) == asked
    assert http.health()[0].state == "slowed"
    del registry.answers["/left-pad"]
    registry.documents["/left-pad"] = packument()
    time.seconds += 121
    assert (await npm.fetch("left-pad")).package is not None


async def test_retry_after_may_be_a_date(npm: NpmSource, registry: Any) -> None:
    registry.answers["/left-pad"] = answer(503, Retry_After="Fri, 20 Nov 2026 12:10:00 GMT")
    with pytest.raises(Unavailable) as raised:
        await npm.fetch("left-pad")
    assert raised.value.retry_after == timedelta(minutes=10)


async def test_an_absurd_retry_after_is_cut(npm: NpmSource, registry: Any) -> None:
    registry.answers["/left-pad"] = answer(429, Retry_After="999999999")
    with pytest.raises(Unavailable) as raised:
        await npm.fetch("left-pad")
    assert raised.value.retry_after == timedelta(hours=6)


async def test_the_breaker_opens_and_tries_again_later(
    npm: NpmSource, http: Http, registry: Any, time: Time, packument: Any
) -> None:
    registry.answers["/left-pad"] = answer(500)
    while len(registry.requests) < TRIP_AFTER:
        with pytest.raises(Unavailable):
            await npm.fetch("left-pad")
    (health,) = http.health()
    assert health.state == "down"
    asked = len(registry.requests)
    with pytest.raises(Unavailable):
        await npm.fetch("left-pad")
    assert len(registry.requests) == asked
    time.seconds += FIRST_PAUSE.total_seconds() * 2 + 1
    del registry.answers["/left-pad"]
    registry.documents["/left-pad"] = packument()
    assert (await npm.fetch("left-pad")).package is not None
    assert http.health()[0].state == "up"


async def test_the_rate_of_a_host_is_kept(
    http: Http, npm: NpmSource, registry: Any, time: Time, packument: Any
) -> None:
    registry.documents["/left-pad"] = packument()
    await npm.fetch("left-pad")
    http.use(http.limits.model_copy(update={"requests_per_second": 10.0, "connections": 1}))
    began = time.seconds
    for _ in range(21):
        await npm.fetch("left-pad")
    assert time.seconds - began == pytest.approx(2.0, abs=0.25)


async def test_unchanged_documents_are_not_decoded_again(npm: NpmSource, registry: Any, packument: Any) -> None:
    registry.documents["/left-pad"] = packument()
    first = await npm.fetch("left-pad")
    assert first.package is not None
    assert (await npm.fetch("left-pad", first.validators)).package is None
    assert registry.requests[-1][1]["If-None-Match"] == first.validators.etag


async def test_without_an_etag_the_same_bytes_are_recognised(npm: NpmSource, registry: Any, packument: Any) -> None:
    body = json.dumps(packument()).encode()
    registry.answers["/left-pad"] = answer(200, body)
    first = await npm.fetch("left-pad")
    assert first.validators.digest
    assert (await npm.fetch("left-pad", first.validators)).package is None


async def test_a_304_that_nobody_asked_for_says_nothing(npm: NpmSource, registry: Any) -> None:
    registry.answers["/left-pad"] = answer(304)
    with pytest.raises(Unavailable):
        await npm.fetch("left-pad", Validators())


async def test_a_scoped_name_is_one_path_segment_and_the_token_goes_to_its_registry(
    npm: NpmSource, registry: Any, packument: Any
) -> None:
    registry.answers["/@corp/tool"] = answer(200, json.dumps(packument("@corp/tool")).encode())
    assert (await npm.fetch("@corp/tool")).package is not None
    assert registry.requests[-1][1]["Authorization"] == f"Bearer {TOKEN}"


async def test_a_cancelled_request_leaves_the_host_usable(npm: NpmSource, registry: Any, packument: Any) -> None:
    async def hang(request: web.Request) -> web.Response:
        for _ in range(250):
            if request.transport is None or request.transport.is_closing():
                break
            await asyncio.sleep(0.02)
        return web.Response()

    registry.answers["/left-pad"] = hang
    task = asyncio.create_task(npm.fetch("left-pad"))
    await asyncio.sleep(0.1)
    before = asyncio.all_tasks()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() <= before - {task}
    del registry.answers["/left-pad"]
    registry.documents["/left-pad"] = packument()
    assert (await npm.fetch("left-pad")).package is not None


async def test_a_quarantined_project_is_not_taken_for_removed(pypi: PypiSource, registry: Any) -> None:
    registry.documents["/simple/leftpad/"] = {
        "name": "leftpad",
        "meta": {"api-version": "1.4"},
        "project-status": {"status": "quarantined", "reason": "malware"},
        "files": [],
    }
    fetched = await pypi.fetch("leftpad")
    assert fetched.package is not None
    assert fetched.package.standing is Standing.QUARANTINED


async def test_a_project_is_removed_only_if_the_simple_index_agrees(pypi: PypiSource, registry: Any) -> None:
    fetched = await pypi.fetch("leftpad")
    assert fetched.package is not None
    assert fetched.package.standing is Standing.REMOVED
    registry.documents["/simple/leftpad/"] = {"name": "leftpad", "meta": {}, "files": []}
    with pytest.raises(Unavailable, match="still knows"):
        await pypi.fetch("leftpad")


async def test_an_archived_project_stays_archived_while_the_simple_index_is_silent(
    pypi: PypiSource, registry: Any
) -> None:
    registry.documents["/pypi/leftpad/json"] = {"info": {"name": "leftpad", "version": "1.0"}, "releases": {}}
    registry.documents["/simple/leftpad/"] = {
        "name": "leftpad",
        "meta": {"api-version": "1.4"},
        "project-status": {"status": "archived"},
        "files": [],
    }
    first = await pypi.fetch("leftpad")
    assert first.package is not None
    assert first.package.standing is Standing.ARCHIVED
    registry.answers["/simple/leftpad/"] = answer(500)
    silent = await pypi.fetch("leftpad")
    assert silent.package is not None
    assert silent.package.standing is UNSET
    # Nothing is kept that would let the next answer be 304, and leave the standing unknown until the next release.
    assert silent.validators == Validators()


async def test_a_simple_index_that_is_cut_off_tells_no_standing(pypi: PypiSource, registry: Any) -> None:
    registry.documents["/pypi/leftpad/json"] = {"info": {"name": "leftpad", "version": "1.0"}, "releases": {}}
    registry.documents["/simple/leftpad/"] = b'{"name":"leftpad","files":['
    fetched = await pypi.fetch("leftpad")
    assert fetched.package is not None
    assert fetched.package.standing is UNSET


async def test_an_index_that_serves_no_json_pages_has_active_projects(pypi: PypiSource, registry: Any) -> None:
    registry.documents["/pypi/leftpad/json"] = {"info": {"name": "leftpad", "version": "1.0"}, "releases": {}}
    fetched = await pypi.fetch("leftpad")
    assert fetched.package is not None
    assert fetched.package.standing is Standing.ACTIVE


@pytest.mark.parametrize(
    "location", ["http://127.0.0.1:{port}/stolen", "//127.0.0.1:{port}/", "http://[::", "\xff", ""]
)
async def test_a_redirect_is_not_followed_and_takes_no_token_along(
    npm: NpmSource, registry: Any, servers: Any, location: str
) -> None:
    heard = []

    async def steal(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1000))
        writer.close()

    elsewhere = await asyncio.start_server(steal, "127.0.0.1", 0)
    to = location.format(port=elsewhere.sockets[0].getsockname()[1])
    registry.answers["/left-pad"] = answer(301, Location=to)
    with pytest.raises(Refused, match="301, it sends us elsewhere") as raised:
        await npm.fetch("left-pad")
    elsewhere.close()
    assert heard == []
    assert to == "" or to not in str(raised.value)
    assert registry.requests[-1][1]["Authorization"] == f"Bearer {TOKEN}"


async def test_a_simple_index_on_another_host_gets_no_token(http: Http, registry: Any) -> None:
    heard = []

    async def index(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with raw(index) as url:
        address = Address(base_url=registry.url, simple_url=f"{url}simple/", authorization=SecretStr(f"Bearer {TOKEN}"))
        fetched = await PypiSource(http, lambda: [address]).fetch("leftpad")
    assert fetched.package is not None
    assert registry.requests[-1][1]["Authorization"] == f"Bearer {TOKEN}"
    (request,) = heard
    assert b"/simple/leftpad/" in request
    assert TOKEN.encode() not in request


@pytest.mark.parametrize(
    "stated", ["\xb2", "\xff", "-5", "1e9", "Fri, 20 Nov 2026 12:10:00 +9999999999999999", "Fri, 99"]
)
async def test_a_retry_after_that_says_nothing_means_a_minute(http: Http, stated: str) -> None:
    reply = f"HTTP/1.1 429 Slow\r\nRetry-After: {stated}\r\nContent-Length: 0\r\n\r\n".encode("latin-1")
    async with raw(replying(reply)) as url:
        with pytest.raises(Unavailable) as raised:
            await NpmSource(http, lambda _: Address(base_url=url)).fetch("left-pad")
    assert raised.value.retry_after == timedelta(seconds=60)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"\x15\x03\x01\x00\x02\x02\x28",
        b"<html>",
        b"HTTP/1.1 99999 X\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: \xff\x1b[31m\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 500 \x1b[31mred\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_one_clear_line(http: Http, reply: bytes) -> None:
    async with raw(replying(reply)) as url:
        with pytest.raises(Unavailable) as raised:
            await NpmSource(http, lambda _: Address(base_url=url)).fetch("left-pad")
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize("etag", ['"\xff"', '"' + "x" * 2000 + '"'])
async def test_an_etag_that_no_request_can_repeat_locks_nothing_out(http: Http, packument: Any, etag: str) -> None:
    body = json.dumps(packument()).encode()
    head = f"HTTP/1.1 200 OK\r\nETag: {etag}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    async with raw(replying(head.encode("latin-1") + body)) as url:
        npm = NpmSource(http, lambda _: Address(base_url=url))
        first = await npm.fetch("left-pad")
        assert first.package is not None
        assert (await npm.fetch("left-pad", first.validators)).package is None


async def test_a_date_of_change_is_asked_for_where_there_is_no_etag(
    npm: NpmSource, registry: Any, packument: Any
) -> None:
    changed = "Fri, 20 Nov 2026 11:00:00 GMT"

    async def serve(request: web.Request) -> web.Response:
        if request.headers.get("If-Modified-Since") == changed:
            return web.Response(status=304)
        return web.Response(body=json.dumps(packument()).encode(), headers={"Last-Modified": changed})

    registry.answers["/left-pad"] = serve
    first = await npm.fetch("left-pad")
    assert first.package is not None
    again = await npm.fetch("left-pad", first.validators)
    assert (again.package, again.validators) == (None, first.validators)


async def test_no_more_requests_are_in_flight_than_connections(
    npm: NpmSource, http: Http, registry: Any, packument: Any
) -> None:
    running = most = 0
    body = json.dumps(packument()).encode()

    async def serve(_request: web.Request) -> web.Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return web.Response(body=body)

    http.use(http.limits.model_copy(update={"connections": 3}))
    registry.answers["/left-pad"] = serve
    await asyncio.gather(*(npm.fetch("left-pad") for _ in range(12)))
    assert most == 3
