"""What a release is, beside the releases before it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from msgspec import UNSET

from config.severity import Severity
from monitor.changes.model import Change, Context
from monitor.changes.prior import Prior, attested
from monitor.observations import Package, Release
from monitor.spans import span
from monitor.versions import pep440, semver_key

HABITUAL: Final = 3
"""Provenance that was there for so many releases in a row is a habit, and its loss weighs more."""
JUMP: Final = 5
JUMP_FROM: Final = 200_000
"""Bytes: smaller packages grow manifold for good reasons."""
_REFERENCE: Final = re.compile(
    r"(?:git[+:@]|https?:|github:|gitlab:|bitbucket:|ssh:|@ |file:)|^[\w.-]+/[\w.-]+(?:#.*)?$"
)


def published(release: Release, prior: Prior, purl: str) -> Iterator[Change]:
    yield Change(
        kind="release-published",
        subject=purl,
        before=prior.last.version if prior.last else None,
        after=release.version,
        account="" if release.publisher is UNSET else release.publisher.name,
        version=release.version,
    )


def dormant_revival(release: Release, prior: Prior, context: Context, purl: str) -> Iterator[Change]:
    """The first release after the inactivity window; less grave where no range takes it."""
    if release.published_at is UNSET or prior.last_at is None:
        return
    silent = release.published_at - prior.last_at
    if silent >= context.thresholds.inactive_after:
        yield Change(
            kind="dormant-revival",
            subject=purl,
            before=prior.last_at.isoformat(),
            after=release.published_at.isoformat(),
            version=release.version,
            severity=Severity.MEDIUM if prior.is_ahead(release.version) else None,
            evidence={"silent_for": span(silent), "silent_days": silent.days},
        )


def provenance_changed(release: Release, prior: Prior, purl: str) -> Iterator[Change]:
    """Provenance or a trusted publisher that was there on this line of releases and is not, or is new."""
    earlier = prior.predecessor(release)
    now = attested(release)
    if earlier is None or now is None:
        return
    was = attested(earlier)
    if was and not now:
        habitual = prior.attested >= HABITUAL
        yield Change(
            kind="provenance-lost",
            subject=purl,
            before=_how(earlier),
            after=_how(release),
            version=release.version,
            severity=Severity.HIGH if habitual else None,
            evidence={"attested_in_a_row": prior.attested, "earlier": earlier.version},
        )
    elif now and was is False and not prior.ever_attested:
        yield Change(kind="provenance-gained", subject=purl, before="", after=_how(release), version=release.version)


def _how(release: Release) -> str:
    if release.trusted_publisher:
        return f"trusted publisher {release.trusted_publisher}"
    if release.approver:
        return f"approved by {release.approver}"
    if release.provenance:
        return "provenance"
    return "by hand" if release.publisher is UNSET else f"by hand, {release.publisher.name}"


def dependencies_added(release: Release, prior: Prior, context: Context, purl: str) -> Iterator[Change]:
    """Dependencies that no earlier release had; graver when they are days old or no registry serves them.

    One that was there and is now taken from elsewhere, past its registry or under another name, is new as well.
    """
    earlier = prior.predecessor(release)
    if earlier is None or earlier.dependencies is UNSET or release.dependencies is UNSET:
        return
    before = earlier.dependencies
    added = {
        name: wanted
        for name, wanted in release.dependencies.items()
        if (name not in before and name not in prior.dependencies)
        or (name in before and _elsewhere(wanted) and not _elsewhere(before[name]))
    }
    if not added:
        return
    at = context.now if release.published_at is UNSET else release.published_at
    ages = {name: born for name in added if (born := context.published.get(name)) is not None}
    young = sorted(name for name, born in ages.items() if at - born < context.thresholds.young_dependency)
    references = sorted(name for name, wanted in added.items() if _REFERENCE.search(wanted))
    # No registry serves what a reference names, so none can take it back; releases of libraries hardly ever have one.
    # A patch that brings along one new package, and nothing else that is new, is how such attacks reach people.
    slipped = len(added) == 1 and not added.keys() & before.keys() and _is_patch(release, earlier)
    severity = Severity.HIGH if young or references else Severity.LOW if slipped else None
    yield Change(
        kind="dependency-added",
        subject=purl,
        before=sorted(before)[:200],
        after=dict(sorted(added.items())[:200]),
        version=release.version,
        severity=severity,
        evidence={
            "names": ", ".join(sorted(added)[:8]) + (f" and {len(added) - 8} more" if len(added) > 8 else ""),
            "young": young,
            "references": references,
            "first_published": {name: born.isoformat() for name, born in sorted(ages.items())},
        },
    )


def _elsewhere(wanted: str) -> bool:
    """Not the package of that name in the registry: a reference, or npm's alias for another package."""
    return wanted.startswith("npm:") or bool(_REFERENCE.search(wanted))


def _is_patch(release: Release, earlier: Release) -> bool:
    """Same major and minor number: promises nothing new, so has no need of anything new."""
    one, other = semver_key(release.version), semver_key(earlier.version)
    return one is not None and other is not None and one[0][:2] == other[0][:2] and bool(one[1] and other[1])


def metadata_changed(release: Release, prior: Prior, purl: str) -> Iterator[Change]:
    """Repository, licence and size beside those of the release it follows."""
    earlier = prior.predecessor(release)
    if earlier is None:
        return
    if earlier.repository and release.repository and _place(earlier.repository) != _place(release.repository):
        yield Change(
            kind="repository-changed",
            subject=purl,
            before=earlier.repository,
            after=release.repository,
            version=release.version,
        )
    if earlier.licence and release.licence is not UNSET and earlier.licence != release.licence:
        yield Change(
            kind="license-changed",
            subject=purl,
            before=earlier.licence,
            after=release.licence,
            version=release.version,
        )
    if earlier.size and release.size and release.size > JUMP_FROM and release.size >= JUMP * earlier.size:
        yield Change(
            kind="size-jump",
            subject=purl,
            before=earlier.size,
            after=release.size,
            version=release.version,
            evidence={"factor": round(release.size / earlier.size)},
        )


def _place(url: str) -> str:
    """What must differ for a repository to be another one: not the scheme, the case or a folder in it."""
    path = url.lower().partition("://")[2] or url.lower()
    return "/".join(path.removeprefix("www.").partition("#")[0].split("/")[:3]).removesuffix(".git")


def withdrawn(before: Package, after: Package, purl: str) -> Iterator[Change]:
    """Versions that were served and are not any more."""
    if before.releases is UNSET or not after.releases or not after.complete:
        return
    for version, release in before.releases.items():
        if version not in after.releases:
            yield Change(
                kind="version-unpublished",
                subject=purl,
                before=version,
                version=version,
                severity=Severity.MEDIUM if version == before.latest else None,
                evidence={"published_at": None if release.published_at is UNSET else release.published_at.isoformat()},
            )


def restated(old: Release, new: Release, purl: str) -> Iterator[Change]:
    """What a registry now says otherwise of a version that was there before."""
    if old.integrity and new.integrity:
        same_name = {
            name: (old.integrity[name], new.integrity[name])
            for name in old.integrity.keys() & new.integrity.keys()
            if _differ(old.integrity[name], new.integrity[name])
        }
        replaced = not old.integrity.keys() & new.integrity.keys()
        if same_name or replaced:
            yield Change(
                kind="integrity-changed",
                subject=purl,
                before={name: pair[0] for name, pair in same_name.items()} or old.integrity,
                after={name: pair[1] for name, pair in same_name.items()} or new.integrity,
                version=new.version,
            )
    if old.yanked is False and new.yanked is True:
        reason = new.yanked_reason or ""
        yield Change(kind="version-yanked", subject=purl, before=False, after=reason or True, version=new.version)


def _differ(old: str, new: str) -> bool:
    """Whether two digests contradict each other; another algorithm says nothing."""
    algorithm = re.compile(r"[-:]")
    if algorithm.split(old, maxsplit=1)[0] != algorithm.split(new, maxsplit=1)[0]:
        return False
    return not set(old.split()) & set(new.split())


def tags_moved(before: Package, after: Package, purl: str) -> Iterator[Change]:
    """A tag that was moved by hand: to a version that was already there, while the old one is still served."""
    if before.dist_tags is UNSET or after.dist_tags is UNSET or before.releases is UNSET or after.releases is UNSET:
        return
    for tag, version in after.dist_tags.items():
        old = before.dist_tags.get(tag)
        if old is None or old == version or version not in before.releases:
            continue
        backwards = _older(version, old)
        if old in after.releases or backwards:
            yield Change(
                kind="dist-tag-moved",
                subject=purl,
                before=old,
                after=version,
                version=version,
                severity=Severity.MEDIUM if tag == "latest" and backwards and old in after.releases else None,
                evidence={"tag": tag, "backwards": backwards},
            )


def _older(version: str, than: str) -> bool:
    one, other = semver_key(version), semver_key(than)
    if one is not None and other is not None:
        return one < other
    left, right = pep440(version), pep440(than)
    return left is not None and right is not None and left < right


def is_old_news(release: Release, prior: Prior) -> bool:
    """A version that appears now and was published long before the last one we knew: a mirror catching up."""
    return (
        release.published_at is not UNSET
        and prior.last_at is not None
        and prior.last_at - release.published_at > timedelta(days=30)
    )
