"""A domain, asked of three kinds of sources; one verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from monitor.errors import Unavailable
from monitor.observations import Delegation, Domain, Outcome, Registration
from monitor.verdict import verdict


class RegistrationSource(Protocol):
    async def lookup(self, domain: str, now: datetime) -> Registration | None: ...


class DelegationSource(Protocol):
    async def delegation(self, domain: str, now: datetime) -> Delegation: ...


class DomainSource:
    """RDAP and the DNS at the same time; WHOIS where there is no RDAP, or where it failed."""

    def __init__(
        self, rdap: RegistrationSource, whois: RegistrationSource, dns: DelegationSource, warn_days: Sequence[int]
    ) -> None:
        self._rdap = rdap
        self._whois = whois
        self._dns = dns
        self.warn_days = warn_days

    async def fetch(self, name: str, now: datetime) -> Domain:
        """The domain as it stands now; Unavailable where no source told anything at all."""
        registration, delegation = await asyncio.gather(self._rdap.lookup(name, now), self._dns.delegation(name, now))
        evidence: list[Registration | Delegation] = [] if registration is None else [registration]
        if registration is None or registration.outcome is Outcome.UNAVAILABLE:
            second = await self._whois.lookup(name, now)
            evidence += [] if second is None else [second]
        evidence.append(delegation)
        if all(one.outcome is Outcome.UNAVAILABLE for one in evidence):
            raise Unavailable("no source could be asked", "; ".join(_said(one) for one in evidence)[:400])
        return verdict(name, evidence, now, self.warn_days)


def _said(one: Registration | Delegation) -> str:
    if isinstance(one, Registration):
        return f"{one.source} at {one.server}: {one.reason}"
    return f"dns: {one.reason}"
