"""What a configuration comes to: targets, checks an hour, and what each host is asked, before anything is asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from config.names import split_purl
from config.registries import Destinations
from config.settings import Settings
from monitor.store.targets import Wanted

HOUR: Final = timedelta(hours=1)
REGISTRATION: Final = "RDAP or WHOIS of each domain's registry"
DNS: Final = "name servers"
DNS_QUESTIONS: Final = 4
"""For one domain: NS and MX, each from two name servers."""


class Load(Struct, frozen=True):
    """What one host is asked."""

    host: str
    targets: int
    requests_per_hour: float
    """Once everything has been seen: one request a check, which an unchanged package answers in a few hundred bytes. A
    package that has been quiet for a month is asked for half as often, one that changed lately four times as often."""
    first_sweep_seconds: float
    """At least: as many seconds as the rate limit makes of one request for each target."""


class Explained(Struct, frozen=True):
    """What all watches together come to."""

    targets: dict[str, int]
    """Different targets by sort; a package that three watches use is checked once."""
    checks_per_hour: float
    hosts: tuple[Load, ...]


def explain(
    settings: Settings, destinations: Destinations, wanted: Iterable[Wanted], found_domains: Sequence[str]
) -> Explained:
    """``found_domains`` are the subjects of domains that earlier sweeps found behind the packages."""
    sorts = {one.subject: one.sort for one in wanted} | dict.fromkeys(found_domains, "domain")
    packages = [subject for subject, sort in sorts.items() if sort == "package"]
    domains = [subject for subject, sort in sorts.items() if sort == "domain"]
    by_host: dict[tuple[str, str], int] = {}
    for subject in packages:
        key = split_purl(subject)[0], _host(destinations, subject)
        by_host[key] = by_host.get(key, 0) + 1
    limits = {"npm": settings.registries.npm, "pypi": settings.registries.pypi}
    every = settings.schedule.packages
    hosts = [
        Load(host, count, count * (HOUR / every), count / limits[ecosystem].requests_per_second)
        for (ecosystem, host), count in sorted(by_host.items(), key=lambda one: -one[1])
    ]
    if domains:
        per_hour = len(domains) * (HOUR / settings.schedule.domains)
        seconds = len(domains) / settings.domains.requests_per_second
        hosts.append(Load(REGISTRATION, len(domains), per_hour, seconds))
        hosts.append(Load(DNS, len(domains), per_hour * DNS_QUESTIONS, 0.0))
    counts: dict[str, int] = {}
    for sort in sorts.values():
        counts[sort] = counts.get(sort, 0) + 1
    checks = len(packages) * (HOUR / every) + len(domains) * (HOUR / settings.schedule.domains)
    return Explained(counts, checks, tuple(hosts))


def _host(destinations: Destinations, purl: str) -> str:
    ecosystem, name = split_purl(purl)
    registry = destinations.npm_registry_for(name) if ecosystem == "npm" else destinations.pypi_registries()[0]
    return urlsplit(registry.base_url).netloc
