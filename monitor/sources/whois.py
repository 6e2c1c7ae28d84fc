"""WHOIS (RFC 3912) for top-level domains without RDAP, or when RDAP fails: one bounded question, one hop.

Which server to ask is python-whois's knowledge; what a reply refers to is never asked, since replies are written by
strangers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from whois.whois import NICClient

from config.clock import Clock, Elapsed, system_elapsed
from config.settings import Domains
from config.values import parse_address
from monitor.errors import Unavailable
from monitor.observations import Outcome, Registration
from monitor.sources.politeness import Host, HostHealth, Shared
from monitor.sources.whois_text import LARGEST, parse_whois


class _Table(NICClient):  # type: ignore[misc]
    """python-whois's table of servers alone: for what it has not, it would ask IANA over the network, and block."""

    def findwhois_iana(self, tld: str) -> str | None:
        return _MORE.get(tld)


_MORE: Final[dict[str, str]] = {
    "com": "whois.verisign-grs.com",
    "net": "whois.verisign-grs.com",
    "org": NICClient.PIR_HOST,
}
"""Servers of the largest top-level domains, which python-whois leaves to IANA."""


def server_of(domain: str) -> str | None:
    """The WHOIS server of a domain's top-level domain; None where none is known."""
    chosen: str | None = _Table().choose_server(domain)
    return chosen if chosen and chosen != NICClient.IANAHOST else None


class Whois:
    """Asks WHOIS servers, one question at a time for each. Trouble is an outcome, never an exception."""

    def __init__(
        self,
        settings: Domains,
        clock: Clock,
        *,
        elapsed: Elapsed = system_elapsed,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        share: Callable[[str], Shared] | None = None,
    ) -> None:
        self.settings = settings
        self._share = share
        self._clock = clock
        self._elapsed = elapsed
        self._sleep = sleep
        self._hosts: dict[str, Host] = {}

    def use(self, settings: Domains) -> None:
        """From the next question on, these settings; what servers asked of us is kept."""
        self.settings = settings
        for host in self._hosts.values():
            host.limit(settings.requests_per_second, 1)

    def health(self) -> list[HostHealth]:
        return [self._hosts[name].health() for name in sorted(self._hosts)]

    async def lookup(self, domain: str, now: datetime) -> Registration | None:
        """What the server of the top-level domain says; None where none is known."""
        server = self._server(domain)
        if server is None:
            return None
        name, port = server
        host = self._host(f"{name}:{port}")
        try:
            async with host.turn():
                reply = await self._ask(host, name, port, domain)
        except Unavailable as error:
            return Registration(
                source="whois", server=error.host, at=now, outcome=Outcome.UNAVAILABLE, reason=error.reason
            )
        return await asyncio.to_thread(parse_whois, reply, domain, name, now)

    def _server(self, domain: str) -> tuple[str, int] | None:
        if self.settings.whois_server:
            return parse_address(self.settings.whois_server, 43)
        chosen = server_of(domain)
        return (chosen, 43) if chosen else None

    def _host(self, name: str) -> Host:
        if name not in self._hosts:
            self._hosts[name] = Host(
                name,
                per_second=self.settings.requests_per_second,
                connections=1,
                clock=self._clock,
                elapsed=self._elapsed,
                sleep=self._sleep,
                shared=self._share(name) if self._share else None,
            )
        return self._hosts[name]

    async def _ask(self, host: Host, name: str, port: int, domain: str) -> bytes:
        try:
            async with asyncio.timeout(self.settings.timeout.total_seconds()):
                reader, writer = await asyncio.open_connection(name, port)
                try:
                    query = f"-T dn {domain}" if name == "whois.denic.de" else domain
                    writer.write(query.encode("ascii") + b"\r\n")
                    await writer.drain()
                    reply = await _read(reader)
                finally:
                    writer.close()
        except TimeoutError:
            host.failed("it did not answer in time")
            raise Unavailable(host.name, "it did not answer in time") from None
        except OSError:
            host.failed("cannot be reached")
            raise Unavailable(host.name, "cannot be reached") from None
        if len(reply) > LARGEST:
            host.failed("its reply has no end")
            raise Unavailable(host.name, f"its reply is larger than {LARGEST // 1024} kB")
        if not reply.strip():
            host.failed("it sent nothing")
            raise Unavailable(host.name, "it closed the connection without a reply")
        host.succeeded()
        return reply


async def _read(reader: asyncio.StreamReader) -> bytes:
    reply = bytearray()
    while len(reply) <= LARGEST and (chunk := await reader.read(16 * 1024)):
        reply += chunk
    return bytes(reply)
