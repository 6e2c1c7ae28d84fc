"""How near advisories are to the watches of a package, and how grave that is. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from config.severity import Severity
from monitor.advisories.affects import affects, always, order
from monitor.advisories.model import Advisory, Affected
from monitor.exposure import TAKEN, UNUSED, USED, takes

UNKNOWN: Final = ""
"""Which version is in use is not known, or no order tells whether it is affected."""
_FARTHEST: Final = (UNUSED, UNKNOWN, TAKEN, USED)

INFO, LOW, MEDIUM, HIGH, CRITICAL = Severity


class Asked(Struct, frozen=True):
    """How one watch has a package: versions locked there, ranges asked for."""

    watch: str
    versions: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()


class _Has(Struct, frozen=True):
    """The same, with the releases that its ranges lead to now."""

    watch: str
    versions: tuple[str, ...]
    ranges: tuple[str, ...]
    next: tuple[str, ...] | None
    """None where it is not known what the registry serves."""


class Near(Struct, frozen=True):
    """How near an advisory is to one watch."""

    watch: str
    use: str
    """``used``, ``taken`` (an update takes an affected release), ``unused``, or empty: unknown."""
    release: str = ""
    """The affected release that is used, or that would be taken."""


class Standing(Struct, frozen=True):
    """Where one thing that advisories report stands for one package, over all watches."""

    key: str
    ids: tuple[str, ...]
    """The advisories about it, the one that says most first."""
    severity: Severity
    use: str
    near: tuple[Near, ...]
    malicious: bool
    version: str = ""
    """The affected release that it is about: one in use, one that would be taken, or the only one there is."""
    published_at: datetime | None = None


def weigh(
    ecosystem: str,
    subject: str,
    advisories: Iterable[Advisory],
    watches: Sequence[Asked],
    served: frozenset[str] | None,
) -> dict[str, Standing]:
    """What holds for a package, by key; withdrawn advisories hold nothing.

    ``served``: the releases that its registry serves, None where that is not known; only these can still be taken.
    """
    has = [_Has(one.watch, one.versions, one.ranges, _next(ecosystem, one.ranges, served)) for one in watches]
    found: dict[str, list[tuple[Standing, Advisory]]] = {}
    for advisory in advisories:
        affected = advisory.of(subject)
        if advisory.withdrawn_at is None and affected:
            standing = _standing(ecosystem, advisory, affected, has)
            found.setdefault(advisory.key, []).append((standing, advisory))
    return {key: _together(told) for key, told in found.items()}


def _together(told: Sequence[tuple[Standing, Advisory]]) -> Standing:
    """One standing for several databases' advisories about one thing: what the gravest says."""
    ordered = sorted(told, key=lambda one: (-one[0].severity, not one[1].malicious, one[1].id))
    best = ordered[0][0]
    return Standing(
        best.key,
        tuple(advisory.id for _, advisory in ordered),
        best.severity,
        best.use,
        best.near,
        any(advisory.malicious for _, advisory in told),
        best.version,
        best.published_at,
    )


def _standing(
    ecosystem: str,
    advisory: Advisory,
    affected: Sequence[Affected],
    watches: Sequence[_Has],
) -> Standing:
    near = tuple(_near(ecosystem, affected, watch) for watch in watches)
    nearest = max(near, key=lambda one: (_FARTHEST.index(one.use), one.release != ""), default=Near("", UNKNOWN))
    listed = {version for one in affected for version in one.versions}
    only = next(iter(listed)) if len(listed) == 1 and not any(one.ranges for one in affected) else ""
    return Standing(
        advisory.key,
        (advisory.id,),
        gravity(advisory.malicious, advisory.rating, nearest.use),
        nearest.use,
        near,
        advisory.malicious,
        nearest.release or only,
        advisory.published_at,
    )


def _next(ecosystem: str, ranges: Iterable[str], served: frozenset[str] | None) -> tuple[str, ...] | None:
    """What an install takes by each range: the highest release that it lets in."""
    if served is None:
        return None
    placed = [(place, version) for version in served if (place := order(ecosystem, version)) is not None]
    placed.sort(reverse=True)
    taken = (next((v for _, v in placed if takes(ecosystem, asked, v)), None) for asked in ranges)
    return tuple(version for version in taken if version is not None)


def _near(ecosystem: str, affected: Sequence[Affected], watch: _Has) -> Near:
    verdicts = {version: affects(ecosystem, affected, version) for version in watch.versions}
    used = next((version for version, verdict in verdicts.items() if verdict), None)
    if used is not None:
        return Near(watch.watch, USED, used)
    if not watch.versions and always(affected):
        return Near(watch.watch, USED)
    if watch.next is None:
        listed = {version for one in affected for version in one.versions}
        coming = sorted(v for v in listed if any(takes(ecosystem, asked, v) for asked in watch.ranges))
    else:
        coming = [version for version in watch.next if affects(ecosystem, affected, version)]
    if coming:
        return Near(watch.watch, TAKEN, coming[-1])
    known = bool(verdicts) and None not in verdicts.values()
    return Near(watch.watch, UNUSED if known else UNKNOWN)


def gravity(malicious: bool, rating: Severity | None, use: str) -> Severity:
    """How grave it is; docs/decisions/0019. A malicious release in use is critical, whatever the database rates it.

    What is only known by name is less grave than what is known to be in use: nobody can say more of it.
    """
    if malicious:
        return {USED: CRITICAL, TAKEN: HIGH, UNKNOWN: HIGH}.get(use, MEDIUM)
    rated = HIGH if rating is None else max(LOW, rating)
    if use == USED:
        return rated
    return INFO if use == UNUSED else max(LOW, min(MEDIUM, Severity(rated - 1)))


class Step(Struct, frozen=True):
    """What became of one thing that advisories report."""

    key: str
    before: Standing | None
    after: Standing | None
    told: bool
    """People may have to hear of it; otherwise it is only known."""
    early: bool = False
    """It was published before the package was first looked up: news to us, but none of today."""


def steps(before: Mapping[str, Standing], after: Mapping[str, Standing], news_since: datetime | None) -> list[Step]:
    """What differs between two looks at a package.

    ``news_since`` is given at the first look: history is state and no news, so only what affects a version in use is
    told then, and what was reported as malicious since that time.
    """
    found = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if old is None and new is not None:
            found.append(_first(key, new, news_since))
        elif old is not None and new is not None:
            found.append(Step(key, old, new, told=new.severity > old.severity))
        else:
            found.append(Step(key, old, new, told=False))
    return found


def _first(key: str, new: Standing, news_since: datetime | None) -> Step:
    if news_since is None or (new.malicious and new.use == USED):
        return Step(key, None, new, told=True)
    recent = new.published_at is not None and new.published_at >= news_since
    if new.malicious and recent and new.use != UNUSED:
        return Step(key, None, new, told=True)
    return Step(key, None, new, told=new.use == USED, early=True)


def over(step: Step) -> bool:
    """Whether what was told of it holds no more: withdrawn, or no project has an affected version any more.

    A malicious release that was in use stays one: a project that moved on does not clean the machines that ran it.
    """
    if step.before is None:
        return False
    if step.after is None:
        return True
    return not step.after.malicious and step.after.use == UNUSED and step.before.use != UNUSED
