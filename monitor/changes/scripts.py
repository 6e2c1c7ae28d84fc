"""What a release runs on the machine that installs it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import UNSET

from config.severity import Severity
from monitor.changes.model import Change
from monitor.changes.prior import Prior
from monitor.changes.script_rules import Verdict, in_words, read_script
from monitor.observations import Release

ESTABLISHED: Final = 3
"""A build that anybody knows is no surprise before so many releases without one."""


def scripts_changed(release: Release, prior: Prior, purl: str) -> Iterator[Change]:
    """Install scripts beside those of the release it follows; an implicit node-gyp build counts as one."""
    earlier = prior.predecessor(release)
    if earlier is None or earlier.scripts is UNSET or release.scripts is UNSET:
        return
    old, new = earlier.scripts, release.scripts
    added = {name: new[name] for name in new if name not in old}
    changed = {name: new[name] for name in new if name in old and old[name] != new[name]}
    removed = {name: old[name] for name in old if name not in new}
    evidence = {"implicit": release.implicit_build is True, "releases_without": prior.scriptless}
    if added:
        yield Change(
            kind="install-script-added",
            subject=purl,
            before=old,
            after=new,
            version=release.version,
            severity=_added(added, old, prior, release),
            evidence=evidence | _read(added),
        )
    if changed:
        yield Change(
            kind="install-script-changed",
            subject=purl,
            before={name: old[name] for name in changed},
            after=changed,
            version=release.version,
            severity=_changed(changed, old, prior.is_ahead(release.version)),
            evidence=evidence | _read(changed),
        )
    if removed and not added:
        yield Change(kind="install-script-removed", subject=purl, before=removed, after=new, version=release.version)


def source_build_added(release: Release, prior: Prior, purl: str) -> Iterator[Change]:
    """PyPI: installing runs the build backend of a source distribution, where a wheel used to be offered."""
    earlier = prior.predecessor(release)
    if release.source_build is True and earlier is not None and earlier.source_build is False:
        yield Change(
            kind="install-script-added",
            subject=purl,
            before={},
            after={"build": "setup.py or another build backend, from the source distribution"},
            version=release.version,
            severity=Severity.MEDIUM if prior.had_wheel >= ESTABLISHED else Severity.LOW,
            evidence={"releases_with_wheel": prior.had_wheel},
        )


def _read(scripts: dict[str, str]) -> dict[str, object]:
    return {"does": in_words(scripts), "judged": [str(read_script(text).verdict) for text in scripts.values()]}


def _alarming(text: str) -> bool:
    return read_script(text).verdict is Verdict.ALARMING


def _harmless(scripts: dict[str, str]) -> bool:
    return all(read_script(text).verdict is Verdict.HARMLESS for text in scripts.values())


def _added(added: dict[str, str], old: dict[str, str], prior: Prior, release: Release) -> Severity:
    words = {read_script(text).verdict for text in added.values()}
    if Verdict.ALARMING in words:
        return Severity.HIGH
    if words == {Verdict.HARMLESS}:
        # An implicit build on a package that was plain JavaScript is how scripts are hidden from those who read them.
        if release.implicit_build is True and prior.scriptless:
            return Severity.HIGH
        return Severity.LOW if old or prior.scriptless < ESTABLISHED else Severity.MEDIUM
    # No range takes a prerelease or a new line: whoever wants to reach everybody publishes within the old one.
    ahead = prior.is_ahead(release.version)
    if old:
        return Severity.HIGH if _beside_a_build(added, old, release) and not ahead else Severity.MEDIUM
    return Severity.MEDIUM if ahead and "preinstall" not in added else Severity.HIGH


def _beside_a_build(added: dict[str, str], old: dict[str, str], release: Release) -> bool:
    """One more script where all there was is a build that anybody knows, or one that runs before all others."""
    kept = release.scripts is not UNSET and all(release.scripts.get(name) == text for name, text in old.items())
    return "preinstall" in added or (kept and _harmless(old))


def _changed(changed: dict[str, str], old: dict[str, str], ahead: bool) -> Severity:
    for name, text in changed.items():
        if _alarming(text) and not _alarming(old[name]):
            return Severity.HIGH
    if ahead or _harmless(changed):
        return Severity.LOW
    return Severity.MEDIUM
