"""W2: the latest release runs code on install."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import UNSET

from config.names import package_purl, short_form
from config.severity import Severity
from monitor.changes.script_rules import in_words, read_script
from monitor.observations import Package, Release
from monitor.signals.model import Finding, Holds, Signal

_GRAVITY: Final = ("harmless", "unclear", "alarming")
BUILD: Final = {"build": "setup.py or another build backend, from the source distribution"}


def runs_on_install(package: Package) -> Finding:
    """What installing the latest release runs: npm's install scripts, or a build where PyPI has no wheel."""
    if package.releases is UNSET or package.latest is UNSET:
        return UNSET
    latest = package.releases.get(package.latest)
    if latest is None:
        return UNSET
    scripts = _scripts(latest)
    if scripts is None:
        return UNSET
    if not scripts:
        return None
    first = _first_of_run(package.releases, latest)
    built = scripts is BUILD
    return Holds(
        value=scripts,
        since=None if first.published_at is UNSET else first.published_at,
        evidence={
            "version": latest.version,
            "first_version": first.version,
            "does": "builds from source, with the build backend that the project names,"
            if built
            else in_words(scripts),
            "reads": "unclear"
            if built
            else max((str(read_script(text).verdict) for text in scripts.values()), key=_GRAVITY.index),
            "implicit": latest.implicit_build is True,
        },
        cause=f"release:{package_purl(package.ecosystem, package.name)}@{latest.version}",
    )


def _scripts(release: Release) -> dict[str, str] | None:
    if release.source_build is not UNSET:
        return BUILD if release.source_build else {}
    return None if release.scripts is UNSET else release.scripts


def _first_of_run(releases: dict[str, Release], latest: Release) -> Release:
    """The release from which on, up to the latest, every one whose scripts are known ran something."""
    first = None
    for release in releases.values():
        scripts = _scripts(release)
        if scripts is not None:
            first = (first or release) if scripts else None
        if release is latest:
            break
    return first or latest


def _says(subject: str, holds: Holds, _now: datetime) -> str:
    return f"{short_form(subject)} {holds.evidence['version']} {holds.evidence['does']} when it is installed"


SIGNAL: Final = Signal(
    id="W2",
    name="install script",
    about=("package",),
    severity=Severity.LOW,
    source="npm: preinstall, install, postinstall and the implicit node-gyp build of the version that the tag latest "
    "names. PyPI: whether the latest release has a wheel.",
    threshold="There is any; prepare does not count, since it does not run for a package from the registry.",
    says=_says,
    means="It runs on every machine that installs the package, before anything is reviewed.",
    not_means="That it is malicious: most build native code or fetch a binary. What it does is read from the words of "
    "its command line; the files it starts are not looked into.",
    advice="npm 12 and later block it unless you allow it; for older npm set ignore-scripts=true where you can do "
    "without. For PyPI install with --only-binary.",
)
