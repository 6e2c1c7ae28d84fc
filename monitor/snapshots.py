"""From observations to what is stored: merging with what was known, encoding, digests.

Facts that a check did not tell keep their last known value and are named as stale (design, 4.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from monitor.observations import Account, Domain, Package, Release

S = TypeVar("S", bound=Struct)

_encoder = msgspec.json.Encoder(order="deterministic")
_package_decoder = msgspec.json.Decoder(Package)
_domain_decoder = msgspec.json.Decoder(Domain)
_accounts_decoder = msgspec.json.Decoder(tuple[Account, ...])
_dependencies_decoder = msgspec.json.Decoder(dict[str, str])


def encode(value: Any) -> bytes:
    """JSON with sorted keys, so that equal values have equal bytes."""
    return _encoder.encode(value)


def digest(body: bytes) -> bytes:
    """Sixteen bytes that stand for a stored value."""
    return blake2b(body, digest_size=16).digest()


def merge(before: S, after: S) -> S:
    """``after``, with the last known value of every fact it does not tell."""
    kept = {
        name: getattr(before, name)
        for name in after.__struct_fields__
        if getattr(after, name) is UNSET and getattr(before, name) is not UNSET
    }
    return replace(after, **kept) if kept else after


def merge_packages(before: Package, after: Package) -> Package:
    """Like ``merge``, release by release; releases that are no longer served are left out.

    A document of one version adds to the releases that were known and takes none away.
    """
    merged = merge(before, after)
    if before.releases is UNSET or after.releases is UNSET:
        return merged
    releases = {
        version: merge(old, release) if (old := before.releases.get(version)) is not None else release
        for version, release in after.releases.items()
    }
    if not after.complete:
        releases = before.releases | releases
    return replace(merged, releases=releases, complete=True)


def stale_facts(before: Struct, after: Struct) -> tuple[str, ...]:
    """Names of the facts that were known before and that this check did not tell."""
    return tuple(
        name
        for name in after.__struct_fields__
        if getattr(after, name) is UNSET and getattr(before, name) is not UNSET and name != "revision"
    )


def encode_package(package: Package) -> bytes:
    """The facts of a package but its releases, which have rows of their own, and its revision, which is no fact."""
    return encode(replace(package, releases=UNSET, revision=UNSET))


def decode_package(facts: bytes) -> Package:
    return _package_decoder.decode(facts)


def encode_domain(domain: Domain) -> bytes:
    """The facts of a domain without the evidence, which is new at every check, and its wording."""
    return encode(replace(domain, evidence=(), reason=""))


def decode_domain(facts: bytes) -> Domain:
    return _domain_decoder.decode(facts)


class Own(Struct, frozen=True):
    """What hardly two releases share; the rest of a release repeats and is stored once per distinct value."""

    integrity: dict[str, str] | UnsetType = UNSET
    git_head: str | UnsetType = UNSET
    size: int | UnsetType = UNSET
    files: int | UnsetType = UNSET


_NOT_COMMON = {*Own.__struct_fields__, "version", "published_at", "maintainers", "dependencies"}
COMMON = tuple(name for name in Release.__struct_fields__ if name not in _NOT_COMMON)
"""Facts of a release that its neighbours mostly repeat, but its maintainers and dependencies."""

_common_decoder = msgspec.json.Decoder(Release)
_own_decoder = msgspec.json.Decoder(Own)


def encode_own(release: Release) -> bytes:
    return _encoder.encode(Own(release.integrity, release.git_head, release.size, release.files))


def encode_common(release: Release) -> bytes:
    told = {name: value for name in COMMON if (value := getattr(release, name)) is not UNSET}
    return _encoder.encode({"version": "", **told})


class ReleaseReader:
    """Puts stored releases together again; each shared value is decoded once."""

    def __init__(self, values: Mapping[bytes, bytes]) -> None:
        self._values = values
        self._read: dict[bytes, Any] = {}

    def __call__(
        self,
        version: str,
        published_at: datetime | None,
        own: bytes,
        common: bytes,
        maintainers: bytes | None,
        dependencies: bytes | None,
    ) -> Release:
        mine = _own_decoder.decode(own)
        shared: Release = self._value(_common_decoder, common)
        return replace(
            shared,
            version=version,
            published_at=UNSET if published_at is None else published_at,
            integrity=mine.integrity,
            git_head=mine.git_head,
            size=mine.size,
            files=mine.files,
            maintainers=UNSET if maintainers is None else self._value(_accounts_decoder, maintainers),
            dependencies=UNSET if dependencies is None else self._value(_dependencies_decoder, dependencies),
        )

    def _value(self, decoder: msgspec.json.Decoder[Any], key: bytes) -> Any:
        found = self._read.get(key)
        if found is None:
            found = self._read[key] = decoder.decode(self._values[key])
        return found
