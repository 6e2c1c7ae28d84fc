"""What no source tells, filled with plain values that are plainly made up: earlier releases, habits, documents. Pure.

A package is given a dull past: a release a month at the same hour, by the same account, from the same machine. So
whatever a replay finds in it was stated by somebody.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha1, sha256, sha512
from typing import Any, Final

from msgspec import Struct, field

from monitor.accounts import PSEUDO_NAMES
from monitor.versions import pep440

EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""For an incident that no source dates at all."""
MAINTAINER: Final = "synthetic-maintainer"
AUTHOR: Final = "synthetic-author"
"""Of a package that an attack brings along."""
VERSION: Final = "1.12.1"
SCRIPT: Final = "node synthetic.js"
REGISTRAR: Final = "Synthetic Registrar"
PAST: Final = 12
"""Releases before the story begins."""
PACE: Final = timedelta(days=30)
PREDICATE: Final = "https://slsa.dev/provenance/v1"


class Made(Struct, kw_only=True):
    """One release as it stands in a document."""

    version: str
    at: datetime
    publisher: str
    attested: bool | None = None
    """``None``: nothing is said of provenance, so no document says anything either."""
    scripts: dict[str, str] = {}
    gypfile: bool = False
    dependencies: dict[str, str] = {}
    edition: int = 0
    """Another number, other bytes."""
    deprecated: bool = False
    yanked: bool = False


class Simulated(Struct, kw_only=True):
    """A package whose document changes as the story goes on."""

    ecosystem: str
    name: str
    maintainers: dict[str, str]
    """Account to published address."""
    releases: dict[str, Made] = field(default_factory=dict)
    withdrawn: dict[str, datetime] = field(default_factory=dict)
    removed_at: datetime | None = None
    contact: str = ""

    @property
    def latest(self) -> str:
        """The newest release that is no prerelease, else the newest of all."""
        newest = sorted(self.releases.values(), key=lambda one: one.at)
        stable = [one for one in newest if (v := pep440(one.version)) is None or not v.is_prerelease]
        return (stable or newest)[-1].version

    def document(self) -> dict[str, Any] | None:
        """What the registry serves now; None for a 404, which the format of timelines has no word for."""
        if self.ecosystem == "npm":
            return _packument(self) if self.releases or self.withdrawn else None
        return _project(self) if self.releases else None


def address(account: str, domain: str = "") -> str:
    """A made-up address; on a domain that is reserved for examples, unless a source names the domain."""
    local = "".join(c if c.isalnum() else "-" for c in account.lower())
    return f"{local}@{domain or f'{local}.example'}"


def texts(scripts: Mapping[str, str | None]) -> dict[str, str]:
    """Scripts by key, an unknown text as one that says so."""
    return {key: text or SCRIPT for key, text in scripts.items()}


def versions_before(version: str, many: int) -> list[str]:
    """So many plausible version numbers before this one, the nearest last; fewer where there are no more."""
    parsed = pep440(version)
    numbers = list(parsed.release[:3]) if parsed is not None else [1, 2, 0]
    numbers += [0] * (3 - len(numbers))
    found: list[str] = []
    while len(found) < many and any(numbers):
        last = max(index for index, number in enumerate(numbers) if number)
        numbers[last] -= 1
        found.append(".".join(map(str, numbers)))
    return found[::-1]


def version_after(version: str) -> str:
    parsed = pep440(version)
    numbers = [*(parsed.release[:3] if parsed is not None else ()), 0, 0, 0][:3]
    return f"{numbers[0]}.{numbers[1]}.{numbers[2] + 1}"


def past(versions: list[str], last_at: datetime, publisher: str, attested: bool | None) -> list[Made]:
    """Dull releases with these numbers, the last of them at ``last_at``."""
    ago = range(len(versions) - 1, -1, -1)
    return [
        Made(version=version, at=last_at - PACE * many, publisher=publisher, attested=attested)
        for version, many in zip(versions, ago, strict=True)
    ]


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _packument(package: Simulated) -> dict[str, Any]:
    time = {_of: _iso(at) for _of, at in package.withdrawn.items()}
    time |= {version: _iso(made.at) for version, made in package.releases.items()}
    created = min([*package.withdrawn.values(), *(made.at for made in package.releases.values())])
    if not package.releases:
        at = _iso(package.removed_at or created)
        gone = {"time": at, "versions": sorted(package.withdrawn)}
        return {"_id": package.name, "name": package.name, "time": {"created": _iso(created), "unpublished": gone}}
    return {
        "_id": package.name,
        "name": package.name,
        "dist-tags": {"latest": package.latest},
        "maintainers": [{"name": name, "email": email} for name, email in package.maintainers.items()],
        "time": {"created": _iso(created), **time},
        "versions": {version: _manifest(package, made) for version, made in package.releases.items()},
    }


def _manifest(package: Simulated, made: Made) -> dict[str, Any]:
    seed = f"{package.name} {made.version} {made.edition}".encode()
    email = package.maintainers.get(made.publisher) or address(made.publisher)
    user: dict[str, Any] = {"name": made.publisher, "email": email}
    if made.publisher.lower() in PSEUDO_NAMES:
        user |= {"email": "npm-oidc-no-reply@github.com", "trustedPublisher": {"id": "github"}}
    dist: dict[str, Any] = {
        "integrity": f"sha512-{sha512(seed).hexdigest()[:86]}==",
        "fileCount": 20,
        "unpackedSize": 60_000,
        "signatures": [{"keyid": "SHA256:synthetic", "sig": "synthetic"}],
    }
    if made.attested:
        dist["attestations"] = {"provenance": {"predicateType": PREDICATE}}
    manifest: dict[str, Any] = {
        "name": package.name,
        "version": made.version,
        "license": "MIT",
        "scripts": {"test": "node --test", **made.scripts},
        "dependencies": {"synthetic-dependency": "^1.0.0", **made.dependencies},
        "_npmUser": user,
        "_npmVersion": "10.8.2",
        "_nodeVersion": "20.17.0",
        "gitHead": sha1(seed).hexdigest(),
        "maintainers": [{"name": name, "email": address} for name, address in package.maintainers.items()],
        "dist": dist,
    }
    if made.gypfile:
        manifest["gypfile"] = True
    if made.deprecated:
        manifest["deprecated"] = "synthetic message"
    return manifest


def _project(package: Simulated) -> dict[str, Any]:
    releases = {version: _files(package, made) for version, made in package.releases.items()}
    latest = package.latest
    return {
        "info": {
            "name": package.name,
            "version": latest,
            "author_email": package.contact,
            "requires_dist": [f"{n}{r}" for n, r in package.releases[latest].dependencies.items()],
        },
        "releases": releases,
        "urls": releases[latest],
        "ownership": {"organization": None, "roles": [{"role": "Owner", "user": user} for user in package.maintainers]},
    }


def _files(package: Simulated, made: Made) -> list[dict[str, Any]]:
    stem = f"{package.name.replace('-', '_')}-{made.version}"
    files = []
    for name, sort in ((f"{stem}-py3-none-any.whl", "bdist_wheel"), (f"{stem}.tar.gz", "sdist")):
        one: dict[str, Any] = {
            "filename": name,
            "packagetype": sort,
            "size": 60_000,
            "digests": {"sha256": sha256(f"{name} {made.edition}".encode()).hexdigest()},
            "upload_time_iso_8601": _iso(made.at),
            "yanked": made.yanked,
            "yanked_reason": None,
        }
        if made.attested is not None:
            one["provenance"] = "synthetic" if made.attested else None
        files.append(one)
    return files


def registration(
    name: str, registered: datetime, expires: datetime, registrar: str = "", servers: list[str] | None = None
) -> Mapping[str, Any]:
    """A registered domain as an observation's ``domain``."""
    card = ["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", registrar or REGISTRAR]]]
    handle = sha256(f"{name} {registered}".encode()).hexdigest()[:10].upper()
    hosts = servers or ["ns1.synthetic.example", "ns2.synthetic.example"]
    return {
        "name": name,
        "rdap": {
            "objectClassName": "domain",
            "ldhName": name,
            "handle": f"{handle}-SYN",
            "status": ["active"],
            "events": [
                {"eventAction": "registration", "eventDate": _iso(registered)},
                {"eventAction": "expiration", "eventDate": _iso(expires)},
            ],
            "entities": [{"objectClassName": "entity", "roles": ["registrar"], "vcardArray": card}],
            "nameservers": [{"objectClassName": "nameserver", "ldhName": host} for host in hosts],
        },
        "whois": None,
        "dns": {"ns": hosts, "mx": [f"mail.{name}"], "rcode": "NOERROR"},
    }


def free(name: str) -> Mapping[str, Any]:
    """A domain that nobody holds."""
    return {"name": name, "rdap": {"errorCode": 404}, "whois": None, "dns": {"ns": [], "mx": [], "rcode": "NXDOMAIN"}}
