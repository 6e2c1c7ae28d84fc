"""A month in the life of what somebody depends on: packages, accounts, domains, and what happens to them.

The rates are those of 1,716 recorded npm releases: of a hundred, five bring a new dependency, two another repository,
one another licence, one is published in another way, and so on. Everything follows from one seed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from monitor.errors import Unavailable
from monitor.observations import Account, Delegation, Domain, Outcome, Package, Registration, Release, Standing
from monitor.sources.npm import Fetched
from monitor.sources.politeness import HostHealth
from monitor.validators import Validators
from monitor.verdict import verdict

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START: Final = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday."""
HOST: Final = "npm.registry.example"
ALIVE: Final = 0.4
"""Share of packages that still have releases: two thirds of the registry had none for two years."""
PER_RELEASE: Final = {
    "dependency-added": 0.055,
    "repository-changed": 0.019,
    "license-changed": 0.011,
    "publish-environment-changed": 0.011,
    "size-jump": 0.006,
    "install-script-added": 0.0023,
}
REVIVED_PER_RELEASE: Final = 0.004
DEPRECATED_A_MONTH: Final = 0.003
ATTESTED: Final = 0.3
PROVENANCE: Final = "https://slsa.dev/provenance/v1"
ACTIONS: Final = Account("GitHub Actions", "npm-oidc-no-reply@github.com")


class Event(Struct, order=True):
    """Something that happens to the world at a moment."""

    at: datetime
    order: int
    what: str
    subject: str
    apply: Callable[[], None]


class World:
    """The registry and the domains as they are at ``now``; both sources of the checks in one."""

    def __init__(self, packages: int, days: int, seed: int = 1) -> None:
        self.now = START - DAY
        self.rng = Random(seed)
        self.days = days
        self.packages: dict[str, Package] = {}
        self.alive: set[str] = set()
        """Packages that still have releases."""
        self.revisions: Counter[str] = Counter()
        self.registered: dict[str, Registration | None] = {}
        self.outages: list[tuple[datetime, datetime]] = []
        self.events: list[Event] = []
        self.happened: list[Event] = []
        self._down_since: datetime | None = None
        self._seen: Counter[str] = Counter()
        for number in range(packages):
            self._make(f"package-{number:04}", number)

    # --- the sources ----------------------------------------------------------------------------------------------

    async def fetch(self, name: str, known: Any = None) -> Any:
        """What the registry says of a package, or a registration service and the DNS of a domain."""
        return self._domain(name) if isinstance(known, datetime) else self._package(name, known or Validators())

    def _package(self, name: str, known: Validators) -> Fetched:
        if self.down:
            self._down_since = self._down_since or self.now
            raise Unavailable(HOST, "503 Service Unavailable")
        self._down_since = None
        validators = Validators(digest=str(self.revisions[name]))
        if name not in self.packages:
            born = Release(version="1.0.0", published_at=START - 900 * DAY)
            return Fetched(Package(ecosystem="npm", name=name, releases={"1.0.0": born}), validators)
        return Fetched(None if validators == known else self.packages[name], validators)

    def _domain(self, name: str) -> Domain:
        now, told = self.now, self.registered[name]
        if told is None:
            gone = Registration(source="rdap", server="rdap.example", at=now, outcome=Outcome.NOT_FOUND)
            missing = Delegation(at=now, outcome=Outcome.NOT_FOUND, rcode="NXDOMAIN", confirmed_by=2)
            return verdict(name, [gone, missing], now, (60, 30, 14, 7, 1))
        found = Delegation(
            at=now, outcome=Outcome.FOUND, nameservers=(f"ns.{name}",), mail_exchangers=(f"mx.{name}",), null_mx=False
        )
        return verdict(name, [replace(told, at=now), found], now, (60, 30, 14, 7, 1))

    @property
    def down(self) -> bool:
        return any(begin <= self.now < end for begin, end in self.outages)

    def health(self) -> list[HostHealth]:
        """The registry's host as the breaker of the sources would describe it."""
        state = "down" if self._down_since else "up"
        return [HostHealth(host=HOST, state=state, down_since=self._down_since, last_ok_at=self.now, last_error="503")]

    # --- what is there at the beginning ---------------------------------------------------------------------------

    def _make(self, name: str, number: int) -> None:
        rng = self.rng
        if alive := rng.random() < ALIVE:
            self.alive.add(name)
        rate = rng.lognormvariate(-0.7, 1.1) if alive else 0.0
        people = tuple(
            Account(f"{name}-dev{k}", f"dev{k}@{self._home(number)}") for k in range(rng.choice((1, 1, 1, 2, 3)))
        )
        attested = alive and rng.random() < ATTESTED
        scripts = {"install": "node-gyp rebuild"} if rng.random() < 0.024 else {}
        last = START - (rng.random() * 60 * DAY if alive else (740 + 900 * rng.random()) * DAY)
        every = 30 * DAY / max(rate, 0.3)
        count = rng.randint(10, 24) if alive else rng.randint(2, 9)
        dependencies = {f"package-{rng.randrange(1500):04}": "^1.0.0" for _ in range(rng.randint(0, 5))}
        releases: dict[str, Release] = {}
        for index in range(count):
            version = f"1.{index}.0"
            releases[version] = Release(
                version=version,
                published_at=last - (count - 1 - index) * every,
                publisher=ACTIONS if attested else people[index % len(people)],
                trusted_publisher="github" if attested else "",
                approver="",
                maintainers=people,
                scripts=scripts,
                implicit_build=False,
                integrity={"tarball": f"sha512-{name}-{version}"},
                provenance=PROVENANCE if attested else "",
                dependencies=dependencies,
                deprecated="",
                npm_version="10.8.0",
                node_version="22.1.0",
                git_head="present",
                size=300_000,
                files=40,
                repository=f"https://forge.example/{name}",
                licence="MIT",
            )
        self.packages[name] = Package(
            ecosystem="npm",
            name=name,
            standing=Standing.ACTIVE,
            maintainers=people,
            dist_tags={"latest": version},
            latest=version,
            deprecated="",
            repository=f"https://forge.example/{name}",
            licence="MIT",
            releases=releases,
            withdrawn={},
        )
        self._life(name, rate)

    def _home(self, number: int) -> str:
        """Every fifth package's people have a domain of their own, the rest are with a provider."""
        if number % 5:
            return "gmail.com"
        domain = f"home-{number // 5:03}.com"
        self.registered[domain] = self.registration(domain, START + (90 + 270 * self.rng.random()) * DAY)
        return domain

    def registration(self, domain: str, expires: datetime, **other: Any) -> Registration:
        values: dict[str, Any] = {
            "registered_at": START - 2000 * DAY,
            "registrar": "Honest Names Ltd",
            "handle": f"{domain}-1",
            "statuses": ("active",),
        }
        return Registration(
            source="rdap",
            server="rdap.example",
            at=START,
            outcome=Outcome.FOUND,
            expires_at=expires,
            **(values | other),
        )

    # --- what happens ---------------------------------------------------------------------------------------------

    def at(self, moment: datetime, what: str, subject: str, apply: Callable[[], None]) -> None:
        self.events.append(Event(moment, len(self.events), what, subject, apply))

    def advance(self, now: datetime) -> None:
        """Let happen what happens until then."""
        self.events.sort()
        while self.events and self.events[0].at <= now:
            event = self.events.pop(0)
            self.now = event.at
            event.apply()
            self.happened.append(event)
        self.now = now

    def _life(self, name: str, rate: float) -> None:
        """A package's own releases and what they bring along, at the recorded rates."""
        rng = self.rng
        moment = START
        while rate and (moment := moment + rng.expovariate(rate / 30) * DAY) < START + self.days * DAY:
            found = [what for what, share in PER_RELEASE.items() if rng.random() < share]
            self.at(moment, "release", name, partial(self.release, name, tuple(found)))
        if rng.random() < DEPRECATED_A_MONTH * self.days / 30:
            self.at(self._sometime(), "deprecated", name, lambda: self.change(name, deprecated="use another"))
        if not rate and rng.random() < REVIVED_PER_RELEASE * self.days / 30:
            self.at(self._sometime(), "revived by its owner", name, lambda: self.release(name, ()))

    def _sometime(self) -> datetime:
        """Some moment of the month."""
        return START + self.rng.random() * self.days * DAY

    def change(self, name: str, **changes: Any) -> None:
        self.packages[name] = replace(self.packages[name], **changes)
        self.revisions[name] += 1

    def let_in(self, name: str, account: Account) -> None:
        """One more account may publish it."""
        maintainers = self.packages[name].maintainers
        assert isinstance(maintainers, tuple)
        self.change(name, maintainers=tuple(sorted({*maintainers, account})))

    def release(self, name: str, what: tuple[str, ...], **changes: Any) -> None:
        """One more release like the last one, but for what is named and for ``changes``."""
        package = self.packages[name]
        assert isinstance(package.releases, dict)
        last = list(package.releases.values())[-1]
        version = f"1.{len(package.releases)}.0"
        told: dict[str, Any] = {
            "version": version,
            "published_at": self.now,
            "maintainers": package.maintainers,
            "integrity": {"tarball": f"sha512-{name}-{version}"},
        }
        for one in what:
            told |= self._brings(one, last)
        releases = package.releases | {version: replace(last, **(told | changes))}
        self.change(name, releases=releases, latest=version, dist_tags={"latest": version})

    def _brings(self, what: str, last: Release) -> dict[str, Any]:
        if what == "dependency-added":
            assert isinstance(last.dependencies, dict)
            return {"dependencies": last.dependencies | {f"extra-{self.rng.randrange(10**6)}": "^2.0.0"}}
        if what == "repository-changed":
            return {"repository": f"https://forge.example/moved/{self.rng.randrange(10**6)}"}
        if what == "license-changed":
            return {"licence": "Apache-2.0" if last.licence == "MIT" else "MIT"}
        if what == "publish-environment-changed":
            return {"npm_version": "11.0.0", "node_version": "24.0.0"}
        if what == "size-jump":
            return {"size": 40_000_000}
        return {"scripts": {"postinstall": "node build.js"}}
