"""RDAP, WHOIS and DNS servers as they should not be: an outcome without a fact, in bounded time and bytes."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dns.message
import dns.rcode
import pytest
from aiohttp import web
from msgspec import UNSET

from config.settings import Domains, HttpLimits
from monitor.observations import Outcome
from monitor.sources.http import Http
from monitor.sources.rdap import Bootstrap, Rdap
from monitor.sources.resolver import Resolver
from monitor.sources.whois import Whois

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
GOOD = {"objectClassName": "domain", "ldhName": "x.org", "events": []}


class Kept:
    """Where the bootstrap table is kept."""

    def __init__(self) -> None:
        self.text = ""

    async def load(self) -> str:
        return self.text

    async def save(self, text: str) -> None:
        self.text = text


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    found = Http(HttpLimits(requests_per_second=1000.0, timeout=timedelta(seconds=2)), clock=lambda: NOW)
    yield found
    await found.close()


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def rdap(http: Http, registry: Any, kept: Kept) -> Rdap:
    registry.documents["/dns.json"] = {"services": [[["org"], [f"{registry.url}rdap/"]]]}
    return Rdap(http, Bootstrap(http, f"{registry.url}dns.json", kept.load, kept.save))


def answers(status: int, body: bytes = b"", **headers: str) -> Any:
    async def serve(_request: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return serve


@pytest.mark.parametrize(
    ("serve", "words"),
    [
        (answers(200, json.dumps(GOOD | {"ldhName": "other.org"}).encode()), "another domain"),
        (answers(200, b"<html>Sign in"), "no JSON"),
        (answers(200, b'{"ldhName":"\xff"}'), "no JSON"),
        (answers(404, b"<html>not here"), "not RDAP"),
        (answers(404, b'{"errorCode":404,"title":"\xff"}'), "not RDAP"),
        (answers(429, Retry_After="3600"), "429"),
        (answers(401), "401"),
        (answers(503), "503"),
        (answers(200, b'{"errorCode": 501}'), "501"),
        (answers(200, b"[" * 100_000), "no JSON"),
        (answers(200, b"x" * 2_000_000), "more than"),
        (answers(302, Location="http://192.168.0.1/admin"), "private network"),
        (answers(302, Location="http://localhost:22/"), "private network"),
        (answers(302, Location="http://localhost.:22/"), "private network"),
        (answers(302, Location="http://127.1:22/"), "private network"),
        (answers(302, Location="http://0x7f.0.0.0x1:22/"), "private network"),
        (answers(302, Location="http://[::ffff:169.254.169.254]/latest"), "private network"),
        (answers(302, Location="file:///etc/passwd"), "not https"),
        (answers(302, Location="/rdap/domain/x.org"), "without end"),
    ],
)
async def test_rdap_trouble_is_no_fact(rdap: Rdap, registry: Any, serve: Any, words: str) -> None:
    registry.answers["/rdap/domain/x.org"] = serve
    found = await rdap.lookup("x.org", NOW)
    assert found is not None
    assert found.outcome is Outcome.UNAVAILABLE
    assert words in found.reason
    assert found.expires_at is UNSET


async def test_what_an_answer_refers_to_is_not_asked(rdap: Rdap, registry: Any) -> None:
    elsewhere = f"{registry.url}trap"
    link = {"rel": "related", "href": elsewhere, "type": "application/rdap+json", "value": elsewhere}
    entity = {"roles": ["registrar"], "handle": "1", "links": [link | {"rel": "self"}]}
    document = GOOD | {"links": [link], "entities": [entity], "port43": "127.0.0.1", "notices": [{"links": [link]}]}
    registry.documents["/rdap/domain/x.org"] = document
    found = await rdap.lookup("x.org", NOW)
    assert found is not None
    assert found.outcome is Outcome.FOUND
    assert [path for path, _ in registry.requests if "trap" in path] == []


async def test_a_whois_server_that_a_reply_names_is_not_asked() -> None:
    heard = []

    async def registrar(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readline())
        writer.close()

    other, trap = await serve_whois(registrar)

    async def registry_(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        names = (f"{name}: 127.0.0.1:{trap}" for name in ("Registrar WHOIS Server", "refer", "whois", "ReferralServer"))
        writer.write("\r\n".join(["Domain Name: X.ORG", "Registry Expiry Date: 2030-01-01", *names, ""]).encode())
        writer.close()

    server, port = await serve_whois(registry_)
    found = await whois(port).lookup("x.org", NOW)
    server.close()
    other.close()
    assert found is not None
    assert found.outcome is Outcome.FOUND
    assert heard == []


async def test_a_redirect_to_the_registrys_other_address_is_followed(rdap: Rdap, registry: Any) -> None:
    registry.answers["/rdap/domain/x.org"] = answers(301, Location="/elsewhere/x.org")
    registry.documents["/elsewhere/x.org"] = GOOD
    found = await rdap.lookup("x.org", NOW)
    assert found is not None
    assert found.outcome is Outcome.FOUND


async def test_the_bootstrap_table_is_used_when_it_cannot_be_renewed(
    rdap: Rdap, http: Http, registry: Any, kept: Kept
) -> None:
    registry.documents["/rdap/domain/x.org"] = GOOD
    assert await rdap.lookup("x.org", NOW)
    assert "fetched_at" in kept.text
    del registry.documents["/dns.json"]
    later = Rdap(http, Bootstrap(http, f"{registry.url}dns.json", kept.load, kept.save))
    found = await later.lookup("x.org", NOW + timedelta(days=30))
    assert found is not None
    assert found.outcome is Outcome.FOUND
    assert await later.lookup("x.nowhere", NOW) is None


async def test_who_asks_while_the_first_table_is_fetched_waits_for_it(rdap: Rdap, registry: Any) -> None:
    names = [f"x{number}.org" for number in range(8)]
    for name in names:
        registry.documents[f"/rdap/domain/{name}"] = GOOD | {"ldhName": name}
    found = await asyncio.gather(*(rdap.lookup(name, NOW) for name in names))
    assert {one.outcome for one in found if one is not None} == {Outcome.FOUND}
    assert sum(path == "/dns.json" for path, _ in registry.requests) == 1


async def test_without_any_table_nothing_is_concluded(http: Http, registry: Any, kept: Kept) -> None:
    rdap = Rdap(http, Bootstrap(http, f"{registry.url}dns.json", kept.load, kept.save))
    found = await rdap.lookup("x.org", NOW)
    assert found is not None
    assert found.outcome is Outcome.UNAVAILABLE


def whois(port: int, seconds: float = 2) -> Whois:
    settings = Domains(
        whois_server=f"127.0.0.1:{port}", requests_per_second=1000.0, timeout=timedelta(seconds=max(1, seconds))
    )
    return Whois(settings, lambda: NOW)


async def serve_whois(handler: Any) -> tuple[asyncio.Server, int]:
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


async def test_a_reply_without_end_is_cut(http: Http) -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        try:
            for _ in range(800):
                writer.write(b"Expiry Date: 2030-01-01\n" * 2700)
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()

    server, port = await serve_whois(endless)
    found = await whois(port).lookup("x.org", NOW)
    assert found is not None
    assert found.outcome is Outcome.UNAVAILABLE
    assert "larger than" in found.reason
    server.close()


async def test_a_server_that_drips_or_says_nothing_is_no_fact() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(30):
            writer.write(b"x")
            await asyncio.sleep(0.1)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.close()

    for handler, words in ((drip, "in time"), (silent, "without a reply")):
        server, port = await serve_whois(handler)
        found = await whois(port, 1).lookup("x.org", NOW)
        assert found is not None
        assert found.outcome is Outcome.UNAVAILABLE
        assert words in found.reason
        server.close()


async def test_nobody_on_port_43_is_no_fact() -> None:
    found = await whois(9).lookup("x.org", NOW)
    assert found is not None
    assert (found.outcome, found.reason) == (Outcome.UNAVAILABLE, "cannot be reached")


class Liar(threading.Thread):
    """A DNS server that answers each question wrongly: another id, another question, or with nonsense."""

    def __init__(self, how: str) -> None:
        super().__init__(daemon=True)
        self.how = how
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"

    def run(self) -> None:
        while True:
            try:
                wire, asker = self.socket.recvfrom(4096)
            except OSError:
                return
            question = dns.message.from_wire(wire)
            if self.how == "question":
                question = dns.message.make_query("evil.org", "NS", id=question.id)
            reply = dns.message.make_response(question, recursion_available=True)
            reply.set_rcode(dns.rcode.NXDOMAIN)
            told = reply.to_wire()
            if self.how == "id":
                told = struct.pack("!H", (question.id + 1) % 65536) + told[2:]
            if self.how == "nonsense":
                told = b"\xff" * 40
            self.socket.sendto(told, asker)


@pytest.fixture(params=["id", "question", "nonsense"])
def liar(request: pytest.FixtureRequest) -> Iterator[Liar]:
    found = Liar(request.param)
    found.start()
    yield found
    found.socket.close()


async def test_an_answer_to_another_question_is_no_answer(liar: Liar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.sources.resolver.QUESTION_TIME", 0.5)
    found = await Resolver(Domains(nameservers=(liar.address,))).delegation("x.org", NOW)
    assert found.outcome is Outcome.UNAVAILABLE


async def test_a_resolver_that_is_not_there_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.sources.resolver.QUESTION_TIME", 0.5)
    found = await Resolver(Domains(nameservers=("127.0.0.1:9",))).delegation("x.org", NOW)
    assert found.outcome is Outcome.UNAVAILABLE


async def test_an_edit_of_the_rate_holds_for_servers_that_were_asked_before() -> None:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"Domain Name: X.ORG\n")
        writer.close()

    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    server, port = await serve_whois(reply)
    fast = Domains(whois_server=f"127.0.0.1:{port}", requests_per_second=1000.0)
    source = Whois(fast, lambda: NOW, elapsed=lambda: 0.0, sleep=sleep)
    await source.lookup("x.org", NOW)
    source.use(Domains(whois_server=f"127.0.0.1:{port}", requests_per_second=0.1))
    for _ in range(3):
        await source.lookup("x.org", NOW)
    assert max(slept) > 9
    server.close()
