"""npm's packument: from the registry's JSON to a ``Package``. Pure.

The full packument is read, since the abbreviated one has no times, people or scripts. Facts that a mirror leaves out
are unknown; what its document would have said if there were any is known empty:

- ``maintainers``, ``_npmUser``, ``time``: unknown where they are missing.
- Trusted publisher, approver: known empty only beside a ``_npmUser``, which is where they stand.
- Provenance, ``gitHead``, npm and Node versions, deprecation: known empty only in documents that tell ``_npmUser`` or
  ``dist.signatures`` for some release; a mirror that strips those has stripped these too.
- Scripts and dependencies: part of every release's manifest, so known empty where they are missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from typing import Any, Final, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from monitor.observations import Account, Package, Release, Standing
from monitor.sources.decode import LONGEST_VERSION, BadDocument, bounded_depth, decode, moment, value_of
from monitor.versions import semver_key

T = TypeVar("T")

INSTALL_SCRIPTS: Final = ("preinstall", "install", "postinstall")
"""What npm runs for a dependency from the registry, in this order; ``prepare`` does not run for a tarball."""
NODE_GYP: Final = "node-gyp rebuild"
_HOLDING: Final = re.compile(r"-security(?:\.\d+)?$")
_HOSTS: Final = {"github": "github.com", "gitlab": "gitlab.com", "bitbucket": "bitbucket.org"}
LONGEST: Final = 20_000
"""Most characters of one text that is kept."""


class _Dist(Struct, rename={"file_count": "fileCount", "unpacked_size": "unpackedSize"}):
    integrity: str | UnsetType | None = UNSET
    shasum: str | UnsetType | None = UNSET
    file_count: int | UnsetType | None = UNSET
    unpacked_size: int | UnsetType | None = UNSET
    attestations: dict[str, Any] | UnsetType | None = UNSET
    signatures: Any = UNSET


Raw = msgspec.Raw | UnsetType


class _Version(
    Struct,
    rename={
        "npm_user": "_npmUser",
        "npm_version": "_npmVersion",
        "node_version": "_nodeVersion",
        "git_head": "gitHead",
        "optional_dependencies": "optionalDependencies",
    },
):
    """One version's manifest. What most versions of a package share is left as bytes and read once (``_Reader``)."""

    npm_user: Raw = UNSET
    maintainers: Raw = UNSET
    scripts: Raw = UNSET
    dependencies: Raw = UNSET
    optional_dependencies: Raw = UNSET
    repository: Raw = UNSET
    license: Raw = UNSET
    licenses: Raw = UNSET
    npm_version: str | UnsetType | None = UNSET
    node_version: str | UnsetType | None = UNSET
    git_head: str | UnsetType | None = UNSET
    gypfile: bool | UnsetType | None = UNSET
    deprecated: str | bool | UnsetType | None = UNSET
    dist: _Dist | UnsetType | None = UNSET


class _Packument(Struct, rename={"id": "_id", "rev": "_rev", "dist_tags": "dist-tags"}):
    name: str | UnsetType | None = UNSET
    id: str | UnsetType | None = UNSET
    rev: str | UnsetType | None = UNSET
    maintainers: Raw = UNSET
    contributors: list[Any] | UnsetType | None = UNSET
    repository: Any = UNSET
    license: Any = UNSET
    time: dict[str, Any] | UnsetType | None = UNSET
    versions: dict[str, _Version] | UnsetType | None = UNSET
    dist_tags: dict[str, str] | UnsetType | None = UNSET


class _User(Struct, frozen=True):
    """Who published a version, and how."""

    account: Account | None = None
    trusted_publisher: str = ""
    approver: str = ""


_decoder = msgspec.json.Decoder(_Packument)


class _Reader:
    """Reads each distinct piece of one document once: neighbouring versions repeat theirs byte for byte."""

    def __init__(self) -> None:
        self._read: dict[tuple[Callable[[Any], Any], bytes], Any] = {}

    def __call__(self, read: Callable[[Any], T], raw: Raw) -> T:
        """``read`` applied to the value in ``raw``; to UNSET where the document has none."""
        if isinstance(raw, UnsetType):
            return read(UNSET)
        key = (read, bytes(raw))
        if key not in self._read:
            self._read[key] = read(value_of(raw))
        found: T = self._read[key]
        return found


def parse_packument(body: bytes, name: str) -> Package:
    """The package that a full packument describes; BadDocument if it is not the packument of ``name``."""
    with bounded_depth():
        return _package(decode(body, _decoder), name)


def _package(document: _Packument, name: str) -> Package:
    stated = document.name if isinstance(document.name, str) else document.id
    if not isinstance(stated, str):
        raise BadDocument("the answer is a JSON object, but no package document: it has no name")
    if stated != name:
        raise BadDocument(f"the answer is about another package, {stated[:100]!r}")
    time = document.time if isinstance(document.time, dict) else None
    versions = _served(document.versions)
    tells_publishing = versions is not None and any(map(_tells_publishing, versions.values()))
    reader = _Reader()
    published = publish_times(time, versions or {}) if time is not None else {}
    releases: dict[str, Release] | UnsetType = UNSET
    if versions is not None:
        releases = {
            version: _release(version, manifest, published.get(version), tells_publishing, reader)
            for version, manifest in _in_order(versions, published).items()
        }
    unpublished = time.get("unpublished") if time else None
    tags = document.dist_tags if isinstance(document.dist_tags, dict) else UNSET
    latest = tags["latest"] if tags is not UNSET and "latest" in tags else UNSET
    newest = releases.get(latest) if releases is not UNSET and latest is not UNSET else None
    return Package(
        ecosystem="npm",
        name=name,
        standing=_standing(releases, unpublished, newest),
        standing_reason="all versions were unpublished" if not versions and isinstance(unpublished, dict) else UNSET,
        maintainers=reader(_accounts, document.maintainers),
        contributors=_contributors(document.contributors),
        dist_tags=UNSET if tags is UNSET else dict(sorted(tags.items())),
        latest=latest,
        deprecated=newest.deprecated if newest else UNSET,
        repository=_repository(document.repository, newest),
        licence=newest.licence if newest else _licence(document.license),
        releases=releases,
        withdrawn=_withdrawn(time, versions, unpublished, published),
        revision=document.rev if isinstance(document.rev, str) else UNSET,
    )


def _served(versions: Any) -> dict[str, _Version] | None:
    if not isinstance(versions, dict):
        return None
    return {version: manifest for version, manifest in versions.items() if len(version) <= LONGEST_VERSION}


def _tells_publishing(manifest: _Version) -> bool:
    return manifest.npm_user is not UNSET or (isinstance(manifest.dist, _Dist) and bool(manifest.dist.signatures))


def _standing(releases: Any, unpublished: Any, newest: Release | None) -> Standing | UnsetType:
    if not releases:
        return Standing.REMOVED if isinstance(unpublished, dict) else UNSET
    if newest is not None and _HOLDING.search(newest.version):
        publisher, repository = newest.publisher, newest.repository
        # Where a mirror leaves out who published it, npm's own repository for such stubs is the mark.
        if publisher.name == "npm" if publisher is not UNSET else str(repository).endswith("npm/security-holder"):
            return Standing.SECURITY_PLACEHOLDER
    return Standing.ACTIVE


def publish_times(time: dict[str, Any], versions: dict[str, Any]) -> dict[str, datetime]:
    """When each version was published, or nothing at all where the map cannot be believed.

    A mirror may put the time at which it fetched a version. Such a map is recognised by its order: within one minor
    line versions come out one after the other, and where one pair in ten and more than one is the wrong way round
    (or any pair or no pair at all can be judged in a short map without npm's own ``created``), no date of it is
    used. Unknown is better than wrong: with wrong dates every package would look busy or asleep.
    """
    times = {version: at for version, text in time.items() if (at := moment(text)) is not None}
    line: dict[tuple[int, ...], list[tuple[Any, datetime]]] = {}
    for version, at in times.items():
        if version in versions and (key := semver_key(version)) is not None and key[1]:
            line.setdefault(key[0][:2], []).append((key, at))
    pairs = wrong = 0
    for dated in line.values():
        dated.sort(key=lambda one: one[0])
        pairs += len(dated) - 1
        wrong += sum(later[1] < earlier[1] for earlier, later in pairwise(dated))
    genuine = "created" in times
    if (wrong >= 2 and wrong * 10 > pairs) or (not genuine and pairs < 10 and (wrong or not pairs)):
        return {}
    return times


def _in_order(versions: dict[str, _Version], published: dict[str, datetime]) -> dict[str, _Version]:
    """In order of publication; versions without a date after those with one, in order of their numbers."""
    if all(version in published for version in versions):
        return dict(sorted(versions.items(), key=lambda item: published[item[0]]))
    epoch = moment("2099-01-01")
    assert epoch is not None
    last: Any = ((1 << 62,), 1, ())
    return dict(sorted(versions.items(), key=lambda item: (published.get(item[0], epoch), semver_key(item[0]) or last)))


def _withdrawn(
    time: dict[str, Any] | None, versions: dict[str, _Version] | None, unpublished: Any, published: dict[str, datetime]
) -> dict[str, datetime | None] | UnsetType:
    """Versions that stand in ``time`` and are not served any more."""
    if time is None:
        return UNSET
    if isinstance(unpublished, dict) and isinstance(unpublished.get("versions"), list):
        gone = [v for v in unpublished["versions"] if isinstance(v, str)]
    else:
        gone = []
    gone += [v for v in time if v not in {"created", "modified", "unpublished"} and isinstance(time[v], str)]
    served = versions or {}
    return {v: published.get(v) for v in dict.fromkeys(gone) if v not in served and len(v) <= LONGEST_VERSION}


def _release(
    version: str, manifest: _Version, published_at: datetime | None, tells_publishing: bool, reader: _Reader
) -> Release:
    dist = manifest.dist if isinstance(manifest.dist, _Dist) else _Dist()
    user = reader(_user, manifest.npm_user)
    scripts, implicit = _scripts(reader(_install_scripts, manifest.scripts), manifest.gypfile is True)
    dependencies = reader(_texts, manifest.dependencies)
    if manifest.optional_dependencies is not UNSET:
        dependencies = dependencies | reader(_texts, manifest.optional_dependencies)
    return Release(
        version=version,
        published_at=UNSET if published_at is None else published_at,
        publisher=user.account if user.account is not None else UNSET,
        trusted_publisher=user.trusted_publisher if user.account is not None else UNSET,
        approver=user.approver if user.account is not None else UNSET,
        maintainers=reader(_accounts, manifest.maintainers),
        scripts=scripts,
        implicit_build=implicit,
        integrity=_integrity(dist),
        provenance=_provenance(dist, tells_publishing),
        dependencies=dependencies,
        deprecated=_deprecated(manifest.deprecated, tells_publishing),
        npm_version=_told(manifest.npm_version, tells_publishing),
        node_version=_told(manifest.node_version, tells_publishing),
        git_head=_told(manifest.git_head, tells_publishing),
        size=dist.unpacked_size if isinstance(dist.unpacked_size, int) and 0 <= dist.unpacked_size < 1 << 53 else UNSET,
        files=dist.file_count if isinstance(dist.file_count, int) and 0 <= dist.file_count < 1 << 31 else UNSET,
        repository=reader(repository_url, manifest.repository),
        licence=reader(_licence, manifest.license) or reader(_licence, manifest.licenses),
    )


def _told(value: Any, tells_publishing: bool) -> str | UnsetType:
    if isinstance(value, str) and value:
        return value[:200]
    return "" if tells_publishing else UNSET


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {name[:300]: text[:1000] for name, text in value.items() if isinstance(text, str)}


def _install_scripts(value: Any) -> dict[str, str]:
    """The scripts that run on install, in npm's order."""
    told = _texts(value) if not isinstance(value, dict) else value
    return {
        name: told[name][:LONGEST] for name in INSTALL_SCRIPTS if isinstance(told.get(name), str) and told[name].strip()
    }


def _scripts(scripts: dict[str, str], gypfile: bool) -> tuple[dict[str, str], bool]:
    """What runs on install, and whether it is node-gyp's build without a script that says so (npm's own rule)."""
    if gypfile and "install" not in scripts and "preinstall" not in scripts:
        return {"install": NODE_GYP} | scripts, True
    return scripts, gypfile and scripts.get("install") == NODE_GYP


def _integrity(dist: _Dist) -> dict[str, str] | UnsetType:
    if isinstance(dist.integrity, str) and dist.integrity:
        return {"tarball": dist.integrity[:1000]}
    if isinstance(dist.shasum, str) and dist.shasum:
        return {"tarball": f"sha1-{dist.shasum[:100]}"}
    return UNSET


def _provenance(dist: _Dist, tells_publishing: bool) -> str | UnsetType:
    if isinstance(dist.attestations, dict):
        provenance = dist.attestations.get("provenance")
        predicate = provenance.get("predicateType") if isinstance(provenance, dict) else None
        return predicate[:300] if isinstance(predicate, str) and predicate else "attested"
    return "" if tells_publishing else UNSET


def _user(value: Any) -> _User:
    """The publisher of a version; a trusted publication and a staged one say so in the same place."""
    account = _account(value)
    if account is None or not isinstance(value, dict):
        return _User(account)
    trusted, approver = value.get("trustedPublisher"), value.get("approver")
    provider = trusted.get("id") if isinstance(trusted, dict) else ""
    if isinstance(approver, dict):
        approver = approver.get("name")
    return _User(
        account,
        (provider[:100] if isinstance(provider, str) and provider else "unnamed") if isinstance(trusted, dict) else "",
        approver[:200] if isinstance(approver, str) else "",
    )


def _deprecated(value: Any, tells_publishing: bool) -> str | UnsetType:
    if isinstance(value, str):
        return value[:LONGEST]
    if value is True:
        return "deprecated"
    return "" if tells_publishing or value is False else UNSET


def _account(value: Any) -> Account | None:
    """An account from ``{name, email}`` or ``"name <email>"``; None for what names nobody."""
    if isinstance(value, dict):
        name, email = value.get("name"), value.get("email")
    elif isinstance(value, str):
        name, _, rest = value.partition("<")
        email = rest.partition(">")[0]
    else:
        return None
    if not isinstance(name, str) or not name.strip():
        return None
    return Account(name.strip()[:200], email.strip()[:320] if isinstance(email, str) else "")


def _accounts(value: Any) -> tuple[Account, ...] | UnsetType:
    if isinstance(value, dict) and value:  # one account alone, as some old documents have it
        value = [value]
    if not isinstance(value, list):
        return UNSET
    accounts = {account.name: account for one in value if (account := _account(one)) is not None}
    if value and not accounts:
        return UNSET
    return tuple(accounts[name] for name in sorted(accounts))


def _contributors(value: Any) -> tuple[str, ...] | UnsetType:
    if not isinstance(value, list):
        return UNSET
    names = (one.get("name") or one.get("email") if isinstance(one, dict) else one for one in value)
    return tuple(sorted({name.strip()[:200] for name in names if isinstance(name, str) and name.strip()}))


def _repository(value: Any, newest: Release | None) -> str | UnsetType:
    if value is UNSET:
        return newest.repository if newest else UNSET
    return repository_url(value)


def repository_url(value: Any) -> str:
    """One spelling of a repository's address: no ``git+`` prefix, no ``.git``, no credentials; ``""`` for none."""
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, dict):
        value = value.get("url")
    if not isinstance(value, str):
        return ""
    url = value.strip()[:1000].removeprefix("git+").removesuffix("/").removesuffix(".git")
    host, _, path = url.partition(":")
    if host in _HOSTS:
        return f"https://{_HOSTS[host]}/{path}"
    if "://" not in url:
        if url.startswith("git@"):
            return "https://" + url.removeprefix("git@").replace(":", "/", 1)
        return f"https://github.com/{url}" if url.count("/") == 1 and ":" not in url else url
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    scheme = "https" if scheme in {"git", "ssh", "http"} else scheme
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


def _licence(value: Any) -> str:
    if isinstance(value, list):
        return " OR ".join(filter(None, (_licence(one) for one in value[:20] if not isinstance(one, list))))
    if isinstance(value, dict):
        value = value.get("type") or value.get("name")
    return value.strip()[:300] if isinstance(value, str) else ""
