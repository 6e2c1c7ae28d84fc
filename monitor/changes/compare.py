"""Two snapshots of one package, or the whole of its past: what changed. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import UNSET
from msgspec.structs import replace

from config.names import package_purl
from monitor.changes.environment import environment_changed
from monitor.changes.model import Change, Context
from monitor.changes.people import (
    compare_people,
    maintainers_changed,
    publisher_changed,
    publisher_not_maintainer,
)
from monitor.changes.prior import Prior
from monitor.changes.releases import (
    dependencies_added,
    dormant_revival,
    is_old_news,
    metadata_changed,
    provenance_changed,
    published,
    restated,
    tags_moved,
    withdrawn,
)
from monitor.changes.scripts import scripts_changed, source_build_added
from monitor.changes.standing import deprecation_changed, standing_changed
from monitor.observations import Package, Release
from monitor.snapshots import merge


def compare(before: Package, after: Package, context: Context) -> list[Change]:
    """What changed between two observations of a package. Only known against known makes a change."""
    purl = package_purl(after.ecosystem, after.name)
    changes = [*standing_changed(before, after, purl), *deprecation_changed(before, after, purl)]
    known = before.releases if before.releases is not UNSET else {}
    prior, new = _past(known, after, context.withdrawn)
    dormant = prior.last_at is not None and context.now - prior.last_at >= context.thresholds.inactive_after
    changes += compare_people(before, after, purl, prior, new, dormant)
    changes += tags_moved(before, after, purl)
    changes += withdrawn(before, after, purl)
    if after.releases is not UNSET:
        for version, release in after.releases.items():
            old = known.get(version) or context.withdrawn.get(version)
            if old is not None and old is not release:
                changes += restated(old, release, purl)
    # Without earlier releases to stand beside, releases are a past that was not told before, not news. Those that are
    # served no more count: whoever takes over a name of which nothing was left shows by what comes then.
    if known or context.withdrawn:
        for release in new:
            changes += _of_release(release, prior, context, purl)
            prior.add(release)
    return changes


def history(package: Package, context: Context) -> list[Change]:
    """The past of a package as its own document tells it: the same changes, dated when they happened.

    A fold over the releases in order of publication; linear in their number.
    """
    if not package.releases:
        return []
    purl = package_purl(package.ecosystem, package.name)
    prior = Prior()
    changes: list[Change] = []
    listed = None
    for release in package.releases.values():
        if prior.count:
            changes += _of_release(release, prior, context, purl)
        else:
            first = (replace(change, evidence=_beginning(release)) for change in published(release, prior, purl))
            changes += _dated(first, release)
        if release.maintainers is not UNSET:
            if listed is not None:
                at = None if release.published_at is UNSET else release.published_at
                known = prior.publishers | prior.listed
                changes += maintainers_changed(listed, release.maintainers, purl, happened_at=at, known=known)
            listed = release.maintainers
        prior.add(release)
    return changes


def _beginning(release: Release) -> dict[str, object]:
    """How a package began: what later changes are changes of."""
    told: dict[str, object] = {}
    if release.maintainers is not UNSET:
        told["maintainers"] = [account.name for account in release.maintainers]
    if release.scripts is not UNSET:
        told["scripts"] = release.scripts
    if release.source_build is not UNSET:
        told["source_build"] = release.source_build
    return told


def _of_release(release: Release, prior: Prior, context: Context, purl: str) -> Iterator[Change]:
    """Everything that one new release shows beside the releases before it."""
    found = [*published(release, prior, purl)]
    if not is_old_news(release, prior):
        found += dormant_revival(release, prior, context, purl)
        found += publisher_changed(release, prior, purl)
        found += publisher_not_maintainer(release, prior, purl)
        found += scripts_changed(release, prior, purl)
        found += source_build_added(release, prior, purl)
        found += provenance_changed(release, prior, purl)
        found += dependencies_added(release, prior, context, purl)
        found += environment_changed(release, prior, purl)
        found += metadata_changed(release, prior, purl)
    return _dated(found, release)


def _dated(changes: Iterator[Change] | list[Change], release: Release) -> Iterator[Change]:
    at = None if release.published_at is UNSET else release.published_at
    return (change if change.happened_at else replace(change, happened_at=at) for change in changes)


def _past(known: Mapping[str, Release], after: Package, gone: Mapping[str, Release]) -> tuple[Prior, list[Release]]:
    """What came before the new releases, and these in order of publication.

    The past is told by the present document where it has it: a mirror may have told less before.
    """
    prior = Prior()
    served = after.releases if after.releases is not UNSET else {}
    past = {version: merge(old, served[version]) if version in served else old for version, old in known.items()}
    for release in _ordered([*past.values(), *(r for v, r in gone.items() if v not in past)]):
        prior.add(release)
    return prior, _ordered([r for v, r in served.items() if v not in known and v not in gone])


def _ordered(releases: list[Release]) -> list[Release]:
    """By time of publication where it is known for all of them; otherwise as they came."""
    dated = [(release.published_at, release) for release in releases if release.published_at is not UNSET]
    if len(dated) != len(releases):
        return releases
    return [release for _, release in sorted(dated, key=lambda one: one[0])]
