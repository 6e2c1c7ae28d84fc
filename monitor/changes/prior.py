"""What a package did before one release: built by going through its releases in order of publication."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from msgspec import UNSET

from monitor.accounts import is_person
from monitor.observations import Release
from monitor.versions import pep440, semver_key

HABIT = 20
"""So many of the last releases make up a package's habit."""

Line = tuple[object, bool]
"""Major number, and whether it is a prerelease."""


def line_of(version: str) -> Line:
    """The release line of a version: its major number, prereleases apart."""
    key = semver_key(version)
    if key is not None:
        return key[0][0], not key[1]
    parsed = pep440(version)
    return (parsed.major, parsed.is_prerelease) if parsed is not None else (None, False)


def caret(version: str) -> tuple[int, int] | None:
    """What ``^`` keeps of a version; None for what is no version."""
    key = semver_key(version)
    parsed = pep440(version) if key is None else None
    numbers = key[0] if key is not None else (*parsed.release, 0)[:2] if parsed is not None else None
    return None if numbers is None else (numbers[0], 0 if numbers[0] else numbers[1])


class Prior:
    """The past of a package as seen just before its next release."""

    def __init__(self) -> None:
        self.count = 0
        self.last: Release | None = None
        self.last_at: datetime | None = None
        self.last_publisher = ""
        self.publishers: set[str] = set()
        self.last_published: dict[str, datetime] = {}
        """By account of a person, as far as dates are known."""
        self.lines_together = False
        """Two release lines were published within an hour at some time."""
        self.listed: set[str] = set()
        """Accounts that stood among the maintainers of some earlier release."""
        self.unlisted: set[str] = set()
        """Accounts that published although the release's own list of maintainers does not have them."""
        self.dependencies: set[str] = set()
        self.scriptless = 0
        """Releases in a row, up to now, that ran nothing on install."""
        self.attested = 0
        """Releases in a row, up to now, with provenance or by a trusted publisher."""
        self.ever_attested = False
        self.had_wheel = 0
        self.recent: deque[Release] = deque(maxlen=HABIT)
        self._lines: dict[Line, Release] = {}
        self._highest: tuple[int, int] | None = None
        self._stable: Release | None = None

    def predecessor(self, release: Release) -> Release | None:
        """What the release follows: the last one of its own line, else the last stable one, else the last one."""
        line = line_of(release.version)
        return self._lines.get(line) or self._lines.get((line[0], False)) or self._stable or self.last

    def is_ahead(self, version: str) -> bool:
        """Whether no range that was written for earlier releases takes this version: a prerelease, or a new line.

        Lines are told apart as ``^`` does: by the major number, below 1.0 by the minor one.
        """
        line = caret(version)
        if line is None or self._highest is None:
            return False
        return line_of(version)[1] or line > self._highest

    def add(self, release: Release) -> None:
        line = line_of(release.version)
        if self.last is not None and self.last.published_at is not UNSET and release.published_at is not UNSET:
            near = abs(release.published_at - self.last.published_at) <= timedelta(hours=1)
            self.lines_together |= near and line_of(self.last.version)[0] != line[0]
        self.count += 1
        self.last = release
        self._lines[line] = release
        if not line[1] and (kept := caret(release.version)) is not None:
            self._highest = max(kept, self._highest or kept)
        if not line[1]:
            self._stable = release
        if release.published_at is not UNSET:
            self.last_at = max(release.published_at, self.last_at or release.published_at)
        if release.publisher is not UNSET:
            self.last_publisher = release.publisher.name
            if is_person(release.publisher):
                self.publishers.add(release.publisher.name)
                if release.published_at is not UNSET:
                    self.last_published[release.publisher.name] = release.published_at
        if release.maintainers is not UNSET:
            listed = {account.name for account in release.maintainers}
            self.listed |= listed
            if release.publisher is not UNSET and release.publisher.name not in listed:
                self.unlisted.add(release.publisher.name)
        if release.dependencies is not UNSET:
            self.dependencies.update(release.dependencies)
        if release.scripts is not UNSET:
            self.scriptless = 0 if release.scripts else self.scriptless + 1
        if release.source_build is not UNSET and not release.source_build:
            self.had_wheel += 1
        if (known := attested(release)) is not None:
            self.attested = self.attested + 1 if known else 0
            self.ever_attested = self.ever_attested or known
        self.recent.append(release)


def attested(release: Release) -> bool | None:
    """Whether a release proves where it came from; None where that is not known.

    A staged publication shows its human approver instead of the trusted publisher, so it counts as attested.
    """
    if release.provenance or release.trusted_publisher or release.approver:
        return True
    if release.provenance is UNSET and release.trusted_publisher is UNSET:
        return None
    return False
