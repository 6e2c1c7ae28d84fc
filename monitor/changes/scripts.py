"""What a release runs on the machine that installs it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import UNSET

from config.severity import Severity
from monitor.changes.model import Change
from monitor.changes.prior import Prior
from monitor.observations import Release

ESTABLISHED: Final = 3
"""An added script weighs most after so many releases without one."""

# What scripts of honest packages do, by the tools they name: build, fetch a prebuilt binary, say something, patch.
HARMLESS: Final = re.compile(
    r"\s*(?:(?:node-gyp(?:-build)?|node-pre-gyp|prebuild-install|cmake-js|neon|napi|husky|patch-package|is-ci|"
    r"opencollective(?:-postinstall)?|patch-package|lerna|yarn|npm|pnpm|rimraf|mkdirp|tsc|ngcc|electron-rebuild|"
    r"echo|true|exit 0|node-gyp rebuild|prebuild)(?:[^|;&`$]|\|\||&&)*)",
)
ALARMING: Final = re.compile(
    r"curl|wget|https?:|powershell|certutil|bitsadmin|base64|\beval\b|child_process|/dev/tcp|\bnc\b|\bnode\s+-e|"
    r"/etc/(?:passwd|shadow)|\.npmrc|\.ssh|atob|fromCharCode|start /b|\bbash\s+-c|python3?\s+-c",
    re.IGNORECASE,
)
LONGEST_JUDGED: Final = 4000


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
            evidence=evidence | {"judged": [judge(text) for text in added.values()]},
        )
    if changed:
        yield Change(
            kind="install-script-changed",
            subject=purl,
            before={name: old[name] for name in changed},
            after=changed,
            version=release.version,
            severity=_changed(changed, old),
            evidence=evidence,
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


# Nothing but messages, however many.
MESSAGE: Final = re.compile(r"(?:\s*(?:echo|printf)\s+(?:'[^'`$]*'|\"[^\"`$]*\"|[\w .,!:/@-]+)\s*(?:;|&&|$))+\s*")


def judge(text: str) -> str:
    """``alarming``, ``harmless`` or ``unclear``: how a script's words read, never proof."""
    text = text[:LONGEST_JUDGED]
    if MESSAGE.fullmatch(text):
        return "harmless"
    if ALARMING.search(text):
        return "alarming"
    return "harmless" if HARMLESS.fullmatch(text) else "unclear"


def _added(added: dict[str, str], old: dict[str, str], prior: Prior, release: Release) -> Severity:
    words = {judge(text) for text in added.values()}
    if "alarming" in words:
        return Severity.HIGH
    if old:
        return Severity.MEDIUM
    if prior.scriptless < ESTABLISHED:
        return Severity.LOW if words == {"harmless"} else Severity.MEDIUM
    # An implicit build on a package that was plain JavaScript is how scripts are hidden from those who read them.
    if words == {"harmless"} and release.implicit_build is not True:
        return Severity.MEDIUM
    return Severity.HIGH


def _changed(changed: dict[str, str], old: dict[str, str]) -> Severity:
    for name, text in changed.items():
        if judge(text) == "alarming" and judge(old[name]) != "alarming":
            return Severity.HIGH
    if all(judge(text) == "harmless" for text in changed.values()):
        return Severity.LOW
    return Severity.MEDIUM
