"""Who is who in an incident: stated, else inferred from what the same account did, else plainly made up. Pure."""

from __future__ import annotations

from datetime import datetime

from monitor.accounts import PSEUDO_NAMES
from monitor.replay.incidents import filling
from monitor.replay.incidents.facts import Event, Facts, moment, times


class Cast:
    """Packages, accounts and moments of one incident."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.main = facts.packages[0]
        self.new = frozenset(facts.dependencies_added or ())
        """Packages that the attack brings along: they have no past."""
        self.bad = {(one.package or self.main, number(one.version)) for one in facts.bad_versions or ()}
        good = facts.last_good
        self.last_good = (good.package or self.main, number(good.version)) if good else None
        dates = [event.at for event in facts.timeline] + [one.published_at for one in facts.bad_versions or ()]
        self.start = next((found[0] for one in [*dates, facts.id[:7]] if (found := moment(one))), filling.EPOCH)
        self.events: list[tuple[Event, datetime]] = list(
            zip(facts.timeline, times([event.at for event in facts.timeline], self.start), strict=True)
        )

    def usual(self, package: str) -> str:
        """Who published a package before: stated, else who mended it, else whoever published it later."""
        told = (self.facts.publishers or {}).get(package)
        former = next(iter(self.facts.maintainers_before or ()), None)
        fixers = [e.text("publisher") for e in self.facts.timeline if e.event == "fix" and e.text("package") == package]
        for one in (told.before if told else None, self.facts.publisher_before, former, *fixers):
            if name := account(one):
                return name
        return self.attacker(package)

    def attacker(self, package: str) -> str:
        """Whose account published the bad releases; the usual one where no source names another."""
        if package in self.new:
            authors = [e.text("publisher") for e in self.facts.timeline if e.text("package") == package]
            return next((name for one in authors if (name := account(one))), filling.AUTHOR)
        told = (self.facts.publishers or {}).get(package)
        waves = [e.text("publisher") for e in self.facts.timeline if isinstance((e.fields or {}).get("packages"), int)]
        for one in (told.after if told else None, self.facts.publisher_after, *waves):
            if name := account(one):
                return name
        return filling.MAINTAINER

    def maintainers(self, package: str) -> dict[str, str]:
        """Accounts that can publish at first: stated, else who did and who will, unless rights are given later."""
        if package in self.new:
            return {self.attacker(package): filling.address(self.attacker(package))}
        given = {e.text("account") for e in self.facts.timeline if e.event == "maintainer-add"}
        names = self.facts.maintainers_before or [
            name
            for name in (filling.MAINTAINER, self.usual(package), self.attacker(package))
            if name.lower() not in PSEUDO_NAMES and name not in given
        ]
        lapsing = self.facts.domain.name if self.facts.domain else None
        return {name: filling.address(name, lapsing or "") for name in names}

    @property
    def scripts_before(self) -> dict[str, str]:
        """Install scripts that earlier releases had, by key."""
        told = self.facts.install_scripts
        return filling.texts(told.before if told and told.before else {})

    @property
    def proved_before(self) -> bool | None:
        return proves(self.facts.provenance_before)


def number(version: str | None) -> str:
    """The version that a source's words begin with: ``0.1.2 (new files)`` is 0.1.2."""
    return version.split()[0] if version and version.split() else ""


def account(told: str | None) -> str:
    """An account's name; nothing for a description of somebody (``account of a former employee``)."""
    name = (told or "").strip()
    return name if " " not in name or name.lower() in PSEUDO_NAMES else ""


def proves(words: str | None) -> bool | None:
    """Whether a source says that there was provenance; None where its words do not decide."""
    text = (words or "").lower()
    if text.startswith(("no", "without")) or "by hand" in text:
        return False
    stated = any(word in text for word in ("valid", "attest", "trusted", "actions", "slsa", "signed"))
    return True if stated and "none" not in text else None
