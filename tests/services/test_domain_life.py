"""The life of a domain, against a real DNS server, an RDAP server and a WHOIS server on loopback."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlmodel import select

from alerts.compose import compose
from alerts.model import Alert
from alerts.routing import policy
from config.settings import Domains, HttpLimits, Settings
from config.severity import Severity
from monitor.changes.compounds import COMPOUNDS
from monitor.check import Checker
from monitor.observations import Outcome
from monitor.record import Outcome as Recorded
from monitor.record import Recorder
from monitor.results import Failed
from monitor.schedule import CONFIRM_AFTER
from monitor.sources.domains import DomainSource
from monitor.sources.http import Http
from monitor.sources.npm import NpmSource
from monitor.sources.rdap import Bootstrap, Rdap
from monitor.sources.resolver import Resolver
from monitor.sources.whois import Whois
from monitor.store.engine import Store
from monitor.store.tables import Target
from monitor.store.targets import Wanted, by_subject, reconcile
from monitor.store.upgrade import upgrade

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
NAME = "alice.example"
HELD = "domain:alice-mail.org"
ZONE = "@ NS ns1.host.org.\n@ MX 10 mx.host.org.\n@ A 192.0.2.1"


def rdap_document(expires: str, registered: str = "2015-05-01", handle: str = "D1-ORG", **told: Any) -> dict[str, Any]:
    return {
        "objectClassName": "domain",
        "ldhName": "ALICE-MAIL.ORG",
        "handle": handle,
        "status": ["active"],
        "events": [
            {"eventAction": "registration", "eventDate": f"{registered}T00:00:00Z"},
            {"eventAction": "expiration", "eventDate": f"{expires}T00:00:00Z"},
        ],
        "entities": [{"roles": ["registrar"], "vcardArray": ["vcard", [["fn", {}, "text", "Good Names Inc."]]]}],
        "nameservers": [{"ldhName": "NS1.HOST.ORG"}],
    } | told


class Life:
    """One maintainer's domain under watch, and the servers that tell of it."""

    def __init__(self, tmp_path: Path, registry: Any, knot: Any, whois_server: Any, packument: Any) -> None:
        self.registry, self.knot, self.whois = registry, knot, whois_server
        self.now = START
        registry.documents["/dns.json"] = {"services": [[["org"], [f"{registry.url}rdap/"]]]}
        document = packument()
        document["maintainers"] = [{"name": "alice", "email": "alice@alice-mail.org"}]
        for version in document["versions"].values():
            version["_npmUser"] = document["maintainers"][0]
            version["maintainers"] = document["maintainers"]
        registry.documents["/left-pad"] = self.document = document
        domains = Domains(
            nameservers=(knot.address,),
            rdap_bootstrap=f"{registry.url}dns.json",
            whois_server=f"127.0.0.1:{whois_server.port}",
            requests_per_second=1000.0,
            timeout=timedelta(seconds=3),
        )
        self.settings = Settings(domains=domains)
        self.store = Store(f"sqlite:///{tmp_path}/weaklink.db")
        upgrade(self.store, self.now)
        self.recorder = Recorder(self.settings, policy(self.settings, COMPOUNDS), Random(1))
        self.kept = ""
        with self.store.transaction() as session:
            wanted = [Wanted(watch="shop", subject="pkg:npm/left-pad", sort="package")]
            reconcile(session, wanted, self.now, Random(1))

    async def check(self, subject: str, after: timedelta = timedelta(0)) -> Recorded:
        self.now += after
        http = Http(HttpLimits(requests_per_second=1000.0, timeout=timedelta(seconds=3)), clock=lambda: self.now)

        async def load() -> str:
            return self.kept

        async def save(text: str) -> None:
            self.kept = text

        domains = self.settings.domains
        rdap = Rdap(http, Bootstrap(http, domains.rdap_bootstrap, load, save))
        source = DomainSource(rdap, Whois(domains, lambda: self.now), Resolver(domains), domains.warn_days)
        from config.registries import Registry

        npm = NpmSource(http, lambda _: Registry(base_url=self.registry.url))
        checker = Checker({"npm": npm}, source, lambda: self.now)
        with self.store.reading() as session:
            (due,) = by_subject(session, [subject])
        result = await checker.check(due)
        await http.close()
        self.failed = isinstance(result, Failed)
        with self.store.transaction() as session:
            return self.recorder.record(session, [result], self.now)

    async def sees(self, after: timedelta = timedelta(hours=1)) -> list[str]:
        """The kinds that a check of the domain tells, confirmed where that is needed."""
        first = await self.check(HELD, after)
        found = [f for f in first.findings if not f.clears]
        if first.suspected:
            found += (await self.check(HELD, CONFIRM_AFTER)).findings
        self.signals = [f for f in found if f.kind == "signal-raised"]
        return [f.kind for f in found if not f.kind.startswith("signal-")]

    def registered(self, expires: str, **told: Any) -> None:
        self.registry.documents["/rdap/domain/alice-mail.org"] = rdap_document(expires, **told)
        self.knot.zone("alice-mail.org", ZONE)
        self.knot.start()

    def undelegated(self) -> None:
        """Only the parent is served: the name does not exist."""
        self.knot.zones = {
            "org": "$ORIGIN org.\n$TTL 1\n@ SOA ns1.host.org. a.host.org. 1 1 1 1 1\n@ NS ns1.host.org.\n"
        }
        self.knot.start()

    def alerts(self) -> list[Alert]:
        with self.store.reading() as session:
            return list(session.exec(select(Alert).where(Alert.cause == HELD)))


@pytest.fixture
async def life(tmp_path: Path, registry: Any, knots: Callable[[], Any], whois_server: Any, packument: Any) -> Life:
    knot = knots()
    found = Life(tmp_path, registry, knot, whois_server, packument)
    found.registered("2026-06-01")
    await found.check("pkg:npm/left-pad")
    return found


async def test_the_maintainers_domain_is_watched_because_of_the_address(life: Life) -> None:
    with life.store.reading() as session:
        subjects = {target.subject for target in session.exec(select(Target))}
    assert HELD in subjects
    assert await life.sees() == []


async def test_a_domain_is_followed_from_health_to_the_stranger_who_buys_it(life: Life) -> None:
    assert await life.sees() == []
    life.now = datetime(2026, 4, 5, tzinfo=UTC)
    assert await life.sees() == ["domain-expiring"]
    assert await life.sees() == []
    life.now = datetime(2026, 5, 20, tzinfo=UTC)
    assert await life.sees() == ["domain-expiring"]
    life.now = datetime(2026, 6, 2, tzinfo=UTC)
    assert await life.sees() == ["domain-expired"]
    life.registered("2026-06-01", status=["pending delete", "redemption period"])
    assert await life.sees(timedelta(days=20)) == ["domain-redemption"]
    life.registered("2026-06-01", status=["pending delete"])
    assert await life.sees(timedelta(days=30)) == ["domain-pending-delete"]
    del life.registry.documents["/rdap/domain/alice-mail.org"]
    life.undelegated()
    assert await life.sees(timedelta(days=6)) == ["domain-unregistered"]
    life.registered("2027-08-01", registered="2026-08-01", handle="D2-ORG")
    assert await life.sees(timedelta(days=1)) == ["domain-reregistered"]

    (alert,) = life.alerts()
    assert alert.severity == Severity.CRITICAL
    assert alert.watches[0]["watch"] == "shop"
    with life.store.reading() as session:
        message = compose(session, [alert], "first", life.recorder.policy, "thread", life.now)
    assert message.items[0].concerns == ("accounts: npm:~alice", "packages: npm:left-pad")

    document = json.loads(json.dumps(life.document))
    document["versions"]["1.4.0"] = document["versions"]["1.3.0"] | {"version": "1.4.0", "dist": {}}
    document["time"]["1.4.0"] = life.now.isoformat()
    life.registry.documents["/left-pad"] = document
    told = (await life.check("pkg:npm/left-pad", timedelta(hours=1))).findings
    assert told
    (same,) = life.alerts()
    assert same.id == alert.id
    assert same.revision > alert.revision
    assert "changed hands" in same.reason


async def test_a_domain_that_is_renewed_at_the_last_moment_only_warns(life: Life) -> None:
    await life.sees()
    life.now = datetime(2026, 5, 31, 12, tzinfo=UTC)
    assert await life.sees() == ["domain-expiring"]
    life.registered("2027-06-01")
    life.now = datetime(2026, 6, 5, tzinfo=UTC)
    assert await life.sees() == []
    life.now = datetime(2027, 5, 25, tzinfo=UTC)
    assert await life.sees() == ["domain-expiring"]


async def test_a_day_without_any_source_tells_nothing(life: Life) -> None:
    await life.sees()
    life.knot.stop()
    life.registry.documents.clear()

    async def broken(_request: Any) -> Any:
        from aiohttp import web

        return web.Response(status=503)

    life.registry.answers["/rdap/domain/alice-mail.org"] = broken
    told: list[str] = []
    for _ in range(3):
        told += await life.sees(timedelta(hours=8))
        assert life.failed
    # That it could not be checked for half a day is all there is to say.
    assert set(told) == {"target-failing"}
    life.registry.answers.clear()
    life.registered("2026-06-01")
    assert await life.sees() == []
    assert life.alerts() == []


async def test_a_404_of_the_registry_while_the_dns_still_has_the_name_is_no_proof(life: Life) -> None:
    await life.sees()
    del life.registry.documents["/rdap/domain/alice-mail.org"]
    assert await life.sees() == []


async def test_a_name_on_hold_is_missing_from_the_dns_and_still_registered(life: Life) -> None:
    await life.sees()
    life.registry.documents["/rdap/domain/alice-mail.org"] = rdap_document("2026-06-01", status=["client hold"])
    life.undelegated()
    assert await life.sees() == []


async def test_whois_is_asked_where_rdap_fails(life: Life) -> None:
    life.whois.replies["alice-mail.org"] = (
        b"Domain Name: ALICE-MAIL.ORG\r\nRegistry Expiry Date: 2026-01-20T00:00:00Z\r\n"
        b"Creation Date: 2015-05-01T00:00:00Z\r\nRegistrar: Good Names Inc.\r\n"
    )
    life.registry.documents["/rdap/domain/alice-mail.org"] = b"<html>rate limit"
    assert await life.sees() == ["domain-expiring"]
    assert life.whois.asked == ["alice-mail.org"]


async def test_other_hands_around_an_expiry_are_grave(life: Life) -> None:
    await life.sees()
    life.now = datetime(2026, 6, 20, tzinfo=UTC)
    sold = rdap_document("2027-06-01")
    sold["entities"][0]["vcardArray"][1][0][3] = "Auction Names LLC"
    life.registry.documents["/rdap/domain/alice-mail.org"] = sold
    life.knot.zone("alice-mail.org", "@ NS ns1.park.org.\n@ MX 10 mx.park.org.\n@ A 192.0.2.9")
    life.knot.start()
    told = (await life.check(HELD)).findings
    assert {f.kind for f in told} == {"registrar-changed", "nameservers-changed", "mail-exchanger-changed"}
    assert {f.severity for f in told} == {Severity.HIGH}


async def test_mail_that_is_refused_by_a_null_mx_is_lost(life: Life) -> None:
    await life.sees()
    life.knot.zone("alice-mail.org", "@ NS ns1.host.org.\n@ MX 0 .")
    life.knot.start()
    assert await life.sees() == ["mail-exchanger-lost"]


async def test_a_negative_answer_needs_a_second_resolver(knots: Callable[[], Any]) -> None:
    has, has_not = knots(), knots()
    has.zone("alice-mail.org", ZONE)
    has.start()
    has_not.zones = {"org": "$ORIGIN org.\n$TTL 1\n@ SOA ns1.host.org. a.host.org. 1 1 1 1 1\n@ NS ns1.host.org.\n"}
    has_not.start()
    resolver = Resolver(Domains(nameservers=(has_not.address, has.address)))
    assert (await resolver.delegation("alice-mail.org", START)).outcome is Outcome.UNAVAILABLE
    agreed = Resolver(Domains(nameservers=(has_not.address, has_not.address)))
    assert (await agreed.delegation("alice-mail.org", START)).outcome is Outcome.NOT_FOUND


async def test_a_server_that_is_not_responsible_says_nothing(knots: Callable[[], Any]) -> None:
    knot = knots()
    knot.zone("other.org", ZONE)
    knot.start()
    found = await Resolver(Domains(nameservers=(knot.address,))).delegation("alice-mail.org", START)
    assert found.outcome is Outcome.UNAVAILABLE
    assert found.rcode == "REFUSED"


async def test_a_zone_that_cannot_be_served_says_nothing(knots: Callable[[], Any]) -> None:
    knot = knots()
    knot.zone("other.org", ZONE)
    knot.zones["alice-mail.org"] = "this is no zone file"
    knot.start()
    found = await Resolver(Domains(nameservers=(knot.address,))).delegation("alice-mail.org", START)
    assert found.outcome is Outcome.UNAVAILABLE
    assert found.rcode == "SERVFAIL"


async def test_a_long_answer_comes_by_tcp(knots: Callable[[], Any]) -> None:
    knot = knots()
    many = "\n".join(f"@ MX {n} mx{n}.a-rather-long-name-of-a-mail-host-{n}.org." for n in range(45))
    knot.zone("alice-mail.org", f"@ NS ns1.host.org.\n{many}")
    knot.start()
    found = await Resolver(Domains(nameservers=(knot.address,))).delegation("alice-mail.org", START)
    assert len(found.mail_exchangers or ()) == 45
