"""The daemon while its clock is set: nothing is lost, nothing told twice, nothing sleeps until it has caught up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web

from benchmarks.passing import Time
from tests.services.forked import daemon, stop
from tests.services.watch import Watch, wait_for

DAY = timedelta(days=1)


def asked(registry: Any, path: str) -> int:
    return sum(one.startswith(path) for one, _ in registry.requests)


def hourly(watch: Watch) -> None:
    """Check every hour, as by default."""
    watch.config.write_text(watch.config.read_text().replace('packages = "1s"', 'packages = "1h"', 1))


async def unavailable(_: web.Request) -> web.Response:
    return web.Response(status=500)


@pytest.mark.parametrize("by", [-DAY, DAY])
def test_a_clock_that_is_set_by_a_day_while_everything_waits(
    tmp_path: Path, registry: Any, sink: Any, by: timedelta
) -> None:
    """The next check, a message for another attempt, a breaker: all of them wait when the clock is set."""
    here, time = Watch(tmp_path / "watch", registry, sink, packages=3), Time()
    hourly(here)
    with daemon(here.config, time.prepare) as running:
        assert wait_for(here.seen, running)
        sink.status = [503]
        here.take_over(here.packages[0])
        time.passes(timedelta(minutes=70), running)
        assert wait_for(lambda: not sink.status, running), "the first attempt was made"
        here.take_over(here.packages[1])
        registry.answers |= {f"/watch/{package}": unavailable for package in here.packages}
        time.passes(timedelta(minutes=70), running)
        before = asked(registry, "/watch/")

        time.set_by(by)
        time.settle(running)
        assert here.probe("/healthz")[0] == 200
        assert here.log_lines("the clock was set; what waits goes along")
        for package in here.packages:
            del registry.answers[f"/watch/{package}"]
        time.passes(timedelta(minutes=1), running)
        # Whether the second is known by now, a jittered minute after its failed check, is chance.
        assert here.packages[0] in {package for package, _ in here.arrived()}
        time.passes(timedelta(minutes=70), running, timedelta(minutes=5))
        here.take_over(here.packages[2])
        time.passes(timedelta(minutes=70), running, timedelta(minutes=5))
        assert wait_for(here.told, running), str(here)
        assert asked(registry, "/watch/") - before <= 12 * len(here.packages), "no storm: these are hot, four an hour"
        assert here.ask("SELECT count(*) FROM alert WHERE subject LIKE 'source:%'") == [(0,)]
        here.assert_status_is_true()
        assert stop(running) == 0
    assert here.assert_nothing_lost_nothing_twice() == 0


def test_a_clock_that_was_put_back_by_a_day_between_two_runs(tmp_path: Path, registry: Any, sink: Any) -> None:
    here, time = Watch(tmp_path / "watch", registry, sink, packages=2), Time()
    hourly(here)
    with daemon(here.config, time.prepare) as running:
        assert wait_for(here.seen, running)
        time.settle(running)
        sink.status = [503]
        here.take_over(here.packages[0])
        time.passes(timedelta(minutes=70), running)
        assert wait_for(lambda: not sink.status, running), "the first attempt was made"
        assert stop(running) == 0
    time.set_by(-DAY)
    with daemon(here.config, time.prepare) as running:
        time.passes(timedelta(minutes=1), running)
        here.take_over(here.packages[1])
        time.passes(timedelta(minutes=70), running)
        assert wait_for(here.told, running), str(here)
        here.assert_status_is_true()
    assert here.assert_nothing_lost_nothing_twice() == 0


@pytest.mark.parametrize("begin", [datetime(1970, 1, 1, 0, 0, 30, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)])
def test_a_clock_that_begins_years_ago_and_is_set_by_the_network(
    tmp_path: Path, registry: Any, sink: Any, begin: datetime
) -> None:
    """A machine without a clock of its own shows 1970, or when it was last switched off."""
    here, time = Watch(tmp_path / "watch", registry, sink, packages=2), Time(begin)
    hourly(here)
    never_set = begin.year == 1970
    with daemon(here.config, time.prepare, await_ready=False) as running:
        if never_set:
            words = "until the clock is set clock=1970-01-01"
            assert wait_for(lambda: here.log.exists() and bool(here.log_lines(words)), running)
            assert not asked(registry, "/watch/")
        else:
            assert wait_for(lambda: here.log.exists() and bool(here.log_lines("watching a")) and here.seen(), running)
        time.set_by(datetime.now(UTC) - time.now())
        assert wait_for(lambda: here.log.exists() and bool(here.log_lines("watching a")) and here.seen(), running)
        time.settle(running)
        assert asked(registry, "/watch/") <= 2 * len(here.packages)
        for package in here.packages:
            here.take_over(package)
        time.passes(timedelta(minutes=140), running)  # nothing changed for long, so it is checked every two hours
        assert wait_for(here.told, running), str(here)
        assert here.ask("SELECT count(*) FROM target WHERE checked_at < '2026'") == [(0,)]
        here.assert_status_is_true()
    assert here.assert_nothing_lost_nothing_twice() == 0


RDAP = """
[domains]
nameservers = ["{dns}"]
rdap_bootstrap = "{registry}dns.json"
whois_server = "127.0.0.1:9"
requests_per_second = 1000.0
"""


def test_a_clock_that_is_put_ahead_makes_no_domain_expired(
    tmp_path: Path, registry: Any, sink: Any, knots: Callable[[], Any]
) -> None:
    knot, time, now = knots(), Time(), datetime.now(UTC)
    registry.documents["/dns.json"] = {"services": [[["org"], [f"{registry.url}rdap/"]]]}
    for name, expires in (("lapsing.org", now + timedelta(hours=12)), ("lapsed.org", now - DAY)):
        registry.documents[f"/rdap/domain/{name}"] = {
            "objectClassName": "domain",
            "ldhName": name,
            "status": ["active"],
            "events": [{"eventAction": "expiration", "eventDate": expires.isoformat()}],
        }
        knot.zone(name, "@ NS ns1.host.org.\n@ MX 10 mx.host.org.\n@ A 192.0.2.1")
    knot.start()
    here = Watch(tmp_path / "watch", registry, sink, more=RDAP.format(dns=knot.address, registry=registry.url))
    hourly(here)
    text = here.config.read_text().replace("packages = [", 'domains = ["lapsing.org", "lapsed.org"]\npackages = [', 1)
    here.config.write_text(text)
    expired = "SELECT subject FROM change WHERE kind = 'domain-expired'"
    with daemon(here.config, time.prepare) as running:
        assert wait_for(here.seen, running)
        time.passes(timedelta(minutes=10), running, timedelta(minutes=2))
        assert here.ask(expired) == [("domain:lapsed.org",)]
        time.set_by(DAY)
        before = asked(registry, "/rdap/domain/lapsing.org")
        time.passes(timedelta(hours=3), running, timedelta(minutes=10))
        assert asked(registry, "/rdap/domain/lapsing.org") >= before + 2
        assert here.ask(expired) == [("domain:lapsed.org",)]
        time.set_by(-DAY)
        time.passes(timedelta(hours=3), running, timedelta(minutes=10))
        assert here.ask(expired) == [("domain:lapsed.org",)]


NIGHT = """
[severity]
maintainer-added = "high"
[[channel]]
name = "mail"
url = "{sink}-mail"
[[route]]
match = {{ severity = ">=low" }}
channels = ["mail"]
digest = "30 2 * * *"
"""
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("evening", "ends"),
    [
        (datetime(2027, 3, 27, 21, tzinfo=BERLIN), datetime(2027, 3, 28, 5, tzinfo=UTC)),
        (datetime(2026, 10, 24, 21, tzinfo=BERLIN), datetime(2026, 10, 25, 6, tzinfo=UTC)),
    ],
    ids=["ahead", "back"],
)
def test_the_nights_in_which_clocks_are_put_ahead_and_back(
    tmp_path: Path, registry: Any, sink: Any, evening: datetime, ends: datetime
) -> None:
    """Quiet hours end at seven by the clock on the wall, and the digest of half past two comes once."""
    time = Time(evening.astimezone(UTC))
    here = Watch(tmp_path / "watch", registry, sink, more=NIGHT.format(sink=sink.url))
    text = here.config.read_text()
    text = text.replace('packages = "1s"', 'packages = "1h"\ntimezone = "Europe/Berlin"', 1)
    quiet = 'continue = true\nquiet_hours = { start = "22:00", end = "07:00", unless = "critical" }'
    here.config.write_text(text.replace('group_wait = "0s"', f'group_wait = "0s"\n{quiet}', 1))
    arrivals: dict[str, list[datetime]] = {"/hook-watch": [], "/hook-mail": []}

    def passes(span: timedelta) -> None:
        time.passes(span, running)
        for path, heard in arrivals.items():
            heard += [time.now()] * (sum(one == path for one, _ in sink.received) - len(heard))

    with daemon(here.config, time.prepare) as running:
        assert wait_for(here.seen, running)
        passes(timedelta(minutes=70))
        (package,) = here.packages
        document = registry.documents[f"/watch/{package}"]
        added = [*document["maintainers"], {"name": "bob", "email": "bob@gmail.com"}]
        registry.documents[f"/watch/{package}"] = document | {"maintainers": added}
        while time.now() < ends + timedelta(hours=21):
            passes(timedelta(minutes=20 if time.now() < ends + timedelta(hours=1) else 240))
        assert stop(running) == 0
    (told,) = arrivals["/hook-watch"]
    assert ends <= told < ends + timedelta(minutes=25)
    (digest,) = arrivals["/hook-mail"]
    local = digest.astimezone(BERLIN)
    assert timedelta(hours=2, minutes=30) <= timedelta(hours=local.hour, minutes=local.minute) < timedelta(hours=4)
