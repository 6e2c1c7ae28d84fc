"""The DNS about a domain, by dnspython's asynchronous resolver: bounded, confirmed, and never a guess.

A negative answer counts once a second resolver gives it too, where two are configured. SERVFAIL, REFUSED, time-outs and
answers to another question say nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
from msgspec import UNSET, Struct

from config.settings import Domains
from config.values import parse_address
from monitor.observations import Delegation, Outcome

QUESTION_TIME: Final = 4.0
"""Seconds for one question to one resolver, TCP included."""
AT_ONCE: Final = 8
"""Domains that are asked about at the same time."""
MOST_RECORDS: Final = 50


class _Answer(Struct):
    """What one question gave: records, a definite no, or nothing."""

    rcode: str
    records: tuple[Any, ...] | None = None
    """None: no usable answer."""
    missing: bool = False
    """NXDOMAIN."""


class Resolver:
    """Asks the configured resolvers, in turn; ``delegation`` never raises."""

    def __init__(self, settings: Domains) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)
        self.use(settings)

    def use(self, settings: Domains) -> None:
        self._servers = [parse_address(one, 53) for one in settings.nameservers] or _system()

    async def delegation(self, domain: str, now: datetime) -> Delegation:
        """What the DNS says of a registrable domain. If the name does not exist, nothing below it does (RFC 8020)."""
        name = dns.name.from_text(domain)
        async with self._slots:
            first = await self._asked(name, dns.rdatatype.NS)
            if first.missing:
                return await self._missing(name, now)
            if first.records is None:
                reason = f"no usable answer from any resolver ({first.rcode})"
                return Delegation(at=now, outcome=Outcome.UNAVAILABLE, rcode=first.rcode, reason=reason)
            kinds = (dns.rdatatype.MX, dns.rdatatype.A, dns.rdatatype.AAAA, dns.rdatatype.SOA, dns.rdatatype.DS)
            mx, a, aaaa, soa, ds = await asyncio.gather(*(self._asked(name, kind) for kind in kinds))
        return Delegation(
            at=now,
            outcome=Outcome.FOUND,
            rcode="NOERROR",
            nameservers=tuple(sorted(_text(one.target) for one in first.records)),
            **_mail(mx),
            addresses=UNSET
            if a.records is None or aaaa.records is None
            else tuple(sorted(one.address for one in (*a.records, *aaaa.records))),
            soa=_text(soa.records[0].mname) if soa.records else UNSET,
            ds=UNSET if ds.records is None else tuple(sorted(str(one.key_tag) for one in ds.records)),
        )

    async def _missing(self, name: dns.name.Name, now: datetime) -> Delegation:
        """The name does not exist, says one resolver; every configured one must agree, up to two."""
        needed = min(2, len(self._servers))
        answers = await asyncio.gather(
            *(self._ask(server, name, dns.rdatatype.NS) for server in self._servers[:4]), return_exceptions=False
        )
        agreed = sum(answer.missing for answer in answers)
        if agreed >= needed and not any(answer.records for answer in answers):
            return Delegation(at=now, outcome=Outcome.NOT_FOUND, rcode="NXDOMAIN", confirmed_by=agreed)
        reason = f"{agreed} of {len(answers)} resolvers say that it does not exist"
        return Delegation(at=now, outcome=Outcome.UNAVAILABLE, rcode="NXDOMAIN", reason=reason, confirmed_by=agreed)

    async def _asked(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> _Answer:
        """The first usable answer of the resolvers in their order."""
        last = _Answer("TIMEOUT")
        for server in self._servers:
            last = await self._ask(server, name, kind)
            if last.missing or last.records is not None:
                return last
        return last

    async def _ask(self, server: tuple[str, int], name: dns.name.Name, kind: dns.rdatatype.RdataType) -> _Answer:
        query = dns.message.make_query(name, kind, use_edns=True)
        try:
            async with asyncio.timeout(QUESTION_TIME):
                # Answers with another id, question or sender are passed over until the time is up.
                reply, _tcp = await dns.asyncquery.udp_with_fallback(
                    query, server[0], port=server[1], timeout=QUESTION_TIME, ignore_unexpected=True, ignore_errors=True
                )
        except (TimeoutError, dns.exception.DNSException, OSError, EOFError) as error:
            return _Answer("TIMEOUT" if isinstance(error, (TimeoutError, dns.exception.Timeout)) else "BROKEN")
        rcode = dns.rcode.to_text(reply.rcode())
        if reply.rcode() == dns.rcode.NXDOMAIN:
            return _Answer(rcode, missing=True)
        if reply.rcode() != dns.rcode.NOERROR:
            return _Answer(rcode)
        found = reply.get_rrset(reply.answer, name, reply.question[0].rdclass, kind) if reply.question else None
        if found is None and not reply.answer and _lame(reply, name):
            return _Answer("LAME")
        return _Answer(rcode, tuple(list(found)[:MOST_RECORDS]) if found is not None else ())


def _lame(reply: dns.message.Message, name: dns.name.Name) -> bool:
    """A referral upwards or nowhere: a server that is not responsible and does not recurse has said nothing."""
    authoritative = bool(reply.flags & dns.flags.AA)
    recursive = bool(reply.flags & dns.flags.RA)
    return not authoritative and not recursive and not any(name.is_subdomain(one.name) for one in reply.authority)


def _mail(answer: _Answer) -> dict[str, Any]:
    """Exchangers in order of preference; a null MX (RFC 7505) is preference 0 *and* the root as its host."""
    if answer.records is None:
        return {}
    ordered = sorted(answer.records, key=lambda one: (one.preference, _text(one.exchange)))
    null = len(ordered) == 1 and ordered[0].preference == 0 and ordered[0].exchange == dns.name.root
    hosts = () if null else tuple(_text(one.exchange) for one in ordered)
    return {"mail_exchangers": hosts, "null_mx": null}


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()[:253]


def _system() -> Sequence[tuple[str, int]]:
    try:
        return [(str(server), 53) for server in dns.resolver.get_default_resolver().nameservers]
    except dns.resolver.NoResolverConfiguration:
        return []
