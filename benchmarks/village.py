"""A month for processes that watch over the network: packages of npm, projects of PyPI, and domains with a life.

What happens to a domain changes one answer at a time: a check asks its registry and the DNS several questions, and what
changes between two of them is rightly seen as one change or as two. And nobody on such a domain publishes on the day on
which its state changes, since what is seen first decides which alert tells of the other.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any, Final

from msgspec.structs import replace

from benchmarks.world import DAY, HOUR, START, World
from monitor.observations import Account, Package, Release, Standing

MALLORY: Final = Account("mallory", "mallory@gmail.com")
LAPSED, BOUGHT, RENEWED, MUTE, WHOIS_ONLY, CAUGHT, MOVED, SHORTENED = HOMES = (
    "lapsed-home.com",
    "bought-home.com",
    "renewed-home.com",
    "mute-home.com",
    "old-home.net",
    "caught-home.com",
    "moved-home.com",
    "shortened-home.com",
)
"""The domains of people's addresses; the registry of ``.net`` has no RDAP here, only WHOIS."""
AT_HOME: Final = "@ NS ns1.hosting.com.\n@ MX 10 mx.hosting.com.\n@ A 192.0.2.1"
ELSEWHERE: Final = "@ NS ns1.parking.com.\n@ MX 10 mx.parking.com.\n@ A 192.0.2.9"
WARN_DAYS: Final = (60, 30, 14, 7, 1)


class Village(World):
    """Every second one of the first packages is of people with a domain of their own."""

    def __init__(self, packages: int, days: int) -> None:
        super().__init__(packages, days)
        self.end = START + days * DAY
        self.zones = dict.fromkeys(HOMES, AT_HOME)
        """What the DNS has of each domain; nothing of those that are not here."""
        for domain in HOMES:
            self.registered[domain] = self.registration(domain, self.end + 300 * DAY)
        self.projects = [f"project-{number:02}" for number in range(8 + packages // 5)]
        for number, name in enumerate(self.projects):
            self._project(name, number)
        self._people(Random(2))
        self._projects(Random(3))
        self._domains()

    def _home(self, number: int) -> str:
        return HOMES[number // 2] if number in _OF_HOMES else "gmail.com"

    def _life(self, name: str, rate: float) -> None:
        if int(name.rpartition("-")[2]) not in _OF_HOMES:
            super()._life(name, rate)

    def _after(self, share: float, what: str, subject: str, apply: Callable[[], None]) -> None:
        """Something happens when such a share of the month is over."""
        self.at(START + share * self.days * DAY, what, subject, apply)

    # --- npm --------------------------------------------------------------------------------------------------------

    def _people(self, rng: Random) -> None:
        """People are let in, some publish; one in twenty packages is taken over, one removed, one changes hands."""
        ours = [name for name, package in self.packages.items() if package.ecosystem == "npm"]
        names = [name for name in ours if int(name.rpartition("-")[2]) not in _OF_HOMES]
        rng.shuffle(names)
        share = max(1, len(ours) // 20)
        for number in range(4 * share):
            name, when = names[number], START + rng.random() * 0.9 * self.days * DAY
            who = Account(f"helper-{number}", f"helper{number}@gmail.com")
            if number < share:
                who = MALLORY if number == 0 else Account(f"thief-{number}", f"thief{number}@gmail.com")
                self._taken_over(name, who, when)
                continue
            self.at(when, "maintainer added", name, partial(self.let_in, name, who))
            if number % 3 == 0:
                self._published(name, who, when + 5 * HOUR)
        removed, handed_over = names[-2:]
        self._after(0.55, "removed", removed, lambda: self.change(removed, standing=Standing.REMOVED))
        others = (Account("other-one", "one@gmail.com"), Account("other-two", "two@gmail.com"))
        self._after(0.3, "changes hands", handed_over, lambda: self.change(handed_over, maintainers=others))

    def _published(self, name: str, who: Account, when: Any) -> None:
        self.at(when, "published by another", name, partial(self.release, name, (), publisher=who))

    def _taken_over(self, name: str, who: Account, when: Any) -> None:
        code: dict[str, Any] = {
            "publisher": who,
            "trusted_publisher": "",
            "provenance": "",
            "scripts": {"postinstall": "node setup.js"},
        }
        self.at(when, "take-over", name, partial(self.let_in, name, who))
        self.at(when + 2 * HOUR, "take-over", name, partial(self.release, name, (), **code))

    # --- PyPI -------------------------------------------------------------------------------------------------------

    def _project(self, name: str, number: int) -> None:
        people = tuple(Account(f"{name}-dev{k}") for k in range(1 + number % 2))
        releases = {
            f"1.{index}.0": Release(
                version=f"1.{index}.0",
                published_at=START - (20 + 150 * (4 - index) + number) * DAY,
                source_build=False,
                provenance="attested" if number % 2 else "",
                dependencies={"project-00": ">=1.0"} if number else {},
                yanked=False,
                yanked_reason="",
                size=90_000,
            )
            for index in range(5)
        }
        self.packages[name] = Package(
            ecosystem="pypi",
            name=name,
            standing=Standing.ACTIVE,
            maintainers=people,
            contacts=(f"dev@{LAPSED if number == 7 else 'gmail.com'}",),
            latest="1.4.0",
            repository=f"https://forge.example/{name}",
            licence="MIT",
            releases=releases,
        )

    def _projects(self, rng: Random) -> None:
        """The first projects have a fate each; the others are released as npm's packages are."""
        let_in, yanked, removed, hidden, archived, handed_over, fed, _, *others = self.projects
        other = Account("project-thief")
        self._after(0.15, "role added", let_in, lambda: self.let_in(let_in, other))
        self._after(0.45, "built from source", let_in, lambda: self.release(let_in, (), source_build=True))
        self._after(0.4, "yanked", yanked, lambda: self._yank(yanked))
        self._after(0.6, "deleted", removed, lambda: self.change(removed, standing=Standing.REMOVED))
        hides = {"standing": Standing.QUARANTINED, "standing_reason": "malware"}
        self._after(0.5, "quarantined", hidden, lambda: self.change(hidden, **hides))
        self._after(0.7, "archived", archived, lambda: self.change(archived, standing=Standing.ARCHIVED))
        self._after(0.3, "changes hands", handed_over, lambda: self.change(handed_over, maintainers=(other,)))
        needs = {"project-00": ">=1.0", "young-dependency": ">=0.1"}
        self._after(0.8, "needs more", fed, lambda: self.release(fed, (), dependencies=needs))
        for name in others:
            for _ in range(rng.choice((0, 1, 1, 2))):
                plain = {"provenance": ""} if rng.random() < 0.3 else {}
                self._after(rng.random(), "release", name, partial(self.release, name, (), **plain))

    def _yank(self, name: str) -> None:
        package = self.packages[name]
        assert isinstance(package.releases, dict)
        *_, before, last = package.releases
        taken_back = replace(package.releases[last], yanked=True, yanked_reason="does not import")
        self.change(name, releases=package.releases | {last: taken_back}, latest=before)

    # --- domains ----------------------------------------------------------------------------------------------------

    def _domains(self) -> None:
        """What each domain is at first, and what becomes of it at about a third, two thirds and the end."""
        end, year = self.end, timedelta(days=365)
        old = START - 35 * DAY
        self._told(LAPSED, old)
        self._after(0.2, "in redemption", LAPSED, lambda: self._told(LAPSED, old, statuses=("redemption period",)))
        self._after(0.5, "to be deleted", LAPSED, lambda: self._told(LAPSED, old, statuses=("pending delete",)))
        self._after(0.9, "deleted", LAPSED, lambda: self._deleted(LAPSED))

        self._told(BOUGHT, START - 70 * DAY, statuses=("pending delete",))
        self._after(0.2, "deleted", BOUGHT, lambda: self._deleted(BOUGHT))
        self._after(0.5, "bought", BOUGHT, lambda: self._bought(BOUGHT))
        self._after(0.85, "delegated", BOUGHT, lambda: self.zones.update({BOUGHT: ELSEWHERE}))
        self._after(0.95, "release", BOUGHT, lambda: self._released_from(BOUGHT))

        self._told(RENEWED, end + 20.5 * DAY)
        self._after(0.5, "renewed", RENEWED, lambda: self._told(RENEWED, end + 20.5 * DAY + year))

        no_mail = AT_HOME.replace("MX 10 mx.hosting.com.", "MX 0 .")
        self._after(0.2, "takes no mail", MUTE, lambda: self.zones.update({MUTE: no_mail}))

        self._told(WHOIS_ONLY, end + 5.5 * DAY)
        self._after(0.5, "expired", WHOIS_ONLY, lambda: self._told(WHOIS_ONLY, end - 2.5 * DAY))
        self._after(0.9, "renewed", WHOIS_ONLY, lambda: self._told(WHOIS_ONLY, end - 2.5 * DAY + year))

        self._after(0.5, "bought", CAUGHT, lambda: self._bought(CAUGHT))
        self._after(0.9, "release", CAUGHT, lambda: self._released_from(CAUGHT))

        far = end + 300 * DAY
        other_names = AT_HOME.replace("ns1.hosting.com.", "ns1.other.com.")
        other_mail = other_names.replace("mx.hosting.com.", "mx.other.com.")
        self._after(0.2, "transferred", MOVED, lambda: self._told(MOVED, far, registrar="Other Names Inc."))
        self._after(0.5, "name servers", MOVED, lambda: self.zones.update({MOVED: other_names}))
        self._after(0.9, "mail", MOVED, lambda: self.zones.update({MOVED: other_mail}))

        # A registry renews by itself and takes that back from who does not pay.
        self._after(0.5, "expires sooner", SHORTENED, lambda: self._told(SHORTENED, end + 12.5 * DAY))

    def _told(self, domain: str, expires: Any, **other: Any) -> None:
        self.registered[domain] = self.registration(domain, expires, **other)

    def _deleted(self, domain: str) -> None:
        self.registered[domain] = None
        del self.zones[domain]

    def _bought(self, domain: str) -> None:
        """Somebody else registers it, and lets its name servers be for now."""
        told = {"registered_at": self.now, "registrar": "Catching Names LLC", "handle": f"{domain}-2"}
        self._told(domain, self.now + 365 * DAY, **told)

    def _released_from(self, domain: str) -> None:
        name = next(name for name, package in self.packages.items() if domain in str(package.maintainers))
        maintainers = self.packages[name].maintainers
        assert isinstance(maintainers, tuple)
        self.release(name, (), publisher=maintainers[0], trusted_publisher="", provenance="")


_OF_HOMES: Final = frozenset(range(0, 2 * len(HOMES), 2))
"""Numbers of the packages whose people have a domain of their own."""
