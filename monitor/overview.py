"""What holds now for a package, in words a person reads in a table: the first thing a sweep prints."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import UNSET, Struct

from config.names import short_form
from monitor.addresses import Sort, mailbox
from monitor.observations import Package, Release, Standing
from monitor.spans import span


class Row(Struct, frozen=True):
    """One package in the table of a sweep."""

    name: str
    latest: str
    released: str
    people: str
    notes: tuple[str, ...]


def overview(subject: str, package: Package, now: datetime, inactive_after: timedelta) -> Row:
    """What stands out in a package's present facts; ``?`` for what the registry did not tell."""
    latest = _latest(package)
    when = _last_release_at(package)
    return Row(
        name=short_form(subject),
        latest="?" if package.latest is UNSET else package.latest,
        released=f"{span(now - when)} ago" if when else "?",
        people="?" if package.maintainers is UNSET else str(len(package.maintainers)),
        notes=tuple(_notes(package, latest, when, now, inactive_after)),
    )


def _thrown_away(address: str) -> bool:
    return mailbox(address).sort is Sort.DISPOSABLE


def _latest(package: Package) -> Release | None:
    if package.releases is UNSET or package.latest is UNSET:
        return None
    return package.releases.get(package.latest)


def _last_release_at(package: Package) -> datetime | None:
    if package.releases is UNSET:
        return None
    return max((r.published_at for r in package.releases.values() if r.published_at is not UNSET), default=None)


def _notes(
    package: Package, latest: Release | None, when: datetime | None, now: datetime, inactive_after: timedelta
) -> list[str]:
    notes = []
    if package.standing is not UNSET and package.standing is not Standing.ACTIVE:
        notes.append(str(package.standing))
    if package.deprecated is not UNSET and package.deprecated:
        notes.append(f"deprecated: {package.deprecated}")
    if latest is not None and latest.scripts is not UNSET and latest.scripts:
        notes.append("runs on install: " + ", ".join(f"{name} `{line}`" for name, line in latest.scripts.items()))
    if latest is not None and latest.source_build is True:
        notes.append("builds from source on install")
    thrown = [account.name for account in package.maintainers or () if account.email and _thrown_away(account.email)]
    if thrown:
        notes.append(f"published address on a throw-away mail domain: {', '.join(thrown)}")
    if when is not None and now - when > inactive_after:
        notes.append(f"no release for {span(now - when)}")
    if latest is not None and latest.yanked is True:
        notes.append("the latest release is yanked")
    return notes
