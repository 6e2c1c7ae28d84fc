"""What registries, indexes and registration services answer about the made-up packages and domains.

All dates are those of the world moved by ``shift``. The documents have the shape of the recorded ones, as far as
anybody reads them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from msgspec import UNSET

from benchmarks.world import DAY
from monitor.observations import Account, Package, Registration, Release, Standing


def packument(package: Package, shift: timedelta) -> dict[str, Any]:
    """npm's document of a package."""
    assert isinstance(package.releases, dict)
    releases = list(package.releases.values())
    times = {r.version: r.published_at + shift for r in releases if r.published_at is not UNSET}
    return {
        "_id": package.name,
        "name": package.name,
        "dist-tags": package.dist_tags,
        "maintainers": _people(package.maintainers),
        "license": package.licence,
        "repository": {"type": "git", "url": package.repository},
        "time": {"created": _iso(min(times.values()))} | {version: _iso(at) for version, at in times.items()},
        "versions": {r.version: dict(_manifest(package, r)) for r in releases},
    }


def _manifest(package: Package, release: Release) -> Iterator[tuple[str, Any]]:
    yield from {"name": package.name, "version": release.version, "license": release.licence}.items()
    assert isinstance(release.publisher, Account)
    user: dict[str, Any] = {"name": release.publisher.name, "email": release.publisher.email}
    if release.trusted_publisher:
        user["trustedPublisher"] = {"id": release.trusted_publisher}
    yield "_npmUser", user
    yield "maintainers", _people(release.maintainers)
    yield "scripts", release.scripts
    yield "dependencies", release.dependencies
    yield "repository", {"type": "git", "url": release.repository}
    yield from {"_npmVersion": release.npm_version, "_nodeVersion": release.node_version}.items()
    yield "gitHead", release.git_head
    deprecated = package.deprecated or release.deprecated
    if deprecated:
        yield "deprecated", deprecated
    dist: dict[str, Any] = {"unpackedSize": release.size, "fileCount": release.files}
    assert isinstance(release.integrity, dict)
    dist["integrity"] = release.integrity["tarball"]
    if release.provenance:
        dist["attestations"] = {"provenance": {"predicateType": release.provenance}}
    yield "dist", dist


def newborn(name: str, at: datetime) -> dict[str, Any]:
    """npm's document of a package that others depend on and nobody watches."""
    born = _iso(at - 900 * DAY)
    return {
        "name": name,
        "dist-tags": {"latest": "1.0.0"},
        "time": {"created": born, "1.0.0": born},
        "versions": {"1.0.0": {"name": name, "version": "1.0.0", "dist": {"integrity": f"sha512-{name}"}}},
    }


def _people(people: Any) -> list[dict[str, str]]:
    return [{"name": one.name, "email": one.email} for one in people]


def project(package: Package, revision: int, shift: timedelta) -> dict[str, Any]:
    """PyPI's JSON document of a project."""
    assert isinstance(package.releases, dict)
    assert isinstance(package.latest, str)
    assert isinstance(package.maintainers, tuple)
    latest = package.releases[package.latest]
    files = {version: list(_files(package.name, one, shift)) for version, one in package.releases.items()}
    requires: Any = latest.dependencies
    return {
        "info": {
            "name": package.name,
            "version": package.latest,
            "author_email": f"Developers <{', '.join(package.contacts or ())}>",
            "maintainer_email": None,
            "license_expression": package.licence,
            "project_urls": {"Source": package.repository},
            "requires_dist": [f"{name}{wanted}" for name, wanted in requires.items()],
            "yanked": latest.yanked,
            "yanked_reason": latest.yanked_reason or None,
        },
        "last_serial": 1000 + revision,
        "ownership": {
            "roles": [{"role": "Owner", "user": one.name} for one in package.maintainers],
            "organization": None,
        },
        "releases": files,
        "urls": files[package.latest],
        "vulnerabilities": [],
    }


def page(package: Package, shift: timedelta) -> dict[str, Any]:
    """The page of a project in PyPI's simple index (PEP 691, 740, 792)."""
    assert isinstance(package.releases, dict)
    status = package.standing if package.standing in {Standing.ARCHIVED, Standing.QUARANTINED} else "active"
    releases = package.releases.values() if status != Standing.QUARANTINED else ()
    return {
        "meta": {"api-version": "1.4"},
        "name": package.name,
        "project-status": {"status": str(status)}
        | ({"reason": package.standing_reason} if package.standing_reason else {}),
        "files": [
            {
                "filename": file["filename"],
                "hashes": {"sha256": file["digests"]["sha256"]},
                "provenance": f"https://index.example/{file['filename']}" if release.provenance else None,
            }
            for release in releases
            for file in _files(package.name, release, shift)
        ],
    }


def young_project(name: str, now: datetime) -> dict[str, Any]:
    """PyPI's JSON document of a project that was made two days ago."""
    born = Release(version="0.1.0", published_at=now - 2 * DAY, source_build=False, yanked=False, size=900)
    files = list(_files(name, born, timedelta(0)))
    return {"info": {"name": name, "version": "0.1.0"}, "releases": {"0.1.0": files}, "urls": files, "last_serial": 1}


def _files(name: str, release: Release, shift: timedelta) -> Iterator[dict[str, Any]]:
    assert isinstance(release.published_at, datetime)
    stem = f"{name.replace('-', '_')}-{release.version}"
    kinds = {f"{stem}.tar.gz": "sdist"}
    if not release.source_build:
        kinds[f"{stem}-py3-none-any.whl"] = "bdist_wheel"
    for filename, kind in kinds.items():
        yield {
            "filename": filename,
            "packagetype": kind,
            "digests": {"sha256": sha256(filename.encode()).hexdigest()},
            "size": release.size,
            "upload_time_iso_8601": _iso(release.published_at + shift),
            "yanked": release.yanked,
            "yanked_reason": release.yanked_reason or None,
        }


def rdap(domain: str, told: Registration, shift: timedelta) -> dict[str, Any]:
    """The registry's RDAP object of a domain (RFC 9083)."""
    assert isinstance(told.registered_at, datetime)
    assert isinstance(told.expires_at, datetime)
    return {
        "objectClassName": "domain",
        "ldhName": domain.upper(),
        "handle": told.handle,
        "status": list(told.statuses or ()),
        "events": [
            {"eventAction": "registration", "eventDate": _iso(told.registered_at + shift)},
            {"eventAction": "expiration", "eventDate": _iso(told.expires_at + shift)},
        ],
        "entities": [{"roles": ["registrar"], "vcardArray": ["vcard", [["fn", {}, "text", told.registrar]]]}],
    }


def whois(domain: str, told: Registration, shift: timedelta) -> str:
    """The same as a WHOIS server of a generic top-level domain words it."""
    assert isinstance(told.registered_at, datetime)
    assert isinstance(told.expires_at, datetime)
    lines = {
        "Domain Name": domain.upper(),
        "Registry Domain ID": told.handle,
        "Creation Date": _iso(told.registered_at + shift),
        "Registry Expiry Date": _iso(told.expires_at + shift),
        "Registrar": told.registrar,
    }
    return "".join(f"{label}: {value}\r\n" for label, value in lines.items())


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
