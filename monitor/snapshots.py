"""From observations to what is stored: merging with what was known, encoding, digests.

Facts that a check did not tell keep their last known value and are named as stale (design, 4.1).
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace

from monitor.observations import Account, Domain, Package, Release

S = TypeVar("S", bound=Struct)

_encoder = msgspec.json.Encoder(order="deterministic")
_package_decoder = msgspec.json.Decoder(Package)
_domain_decoder = msgspec.json.Decoder(Domain)
_release_decoder = msgspec.json.Decoder(Release)
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


def encode_release(release: Release) -> bytes:
    """A release without its maintainers and dependencies, which many releases share (``encode`` for those)."""
    return encode(replace(release, maintainers=UNSET, dependencies=UNSET))


def decode_release(body: bytes, maintainers: bytes | None, dependencies: bytes | None) -> Release:
    release = _release_decoder.decode(body)
    if maintainers is None and dependencies is None:
        return release
    return replace(
        release,
        maintainers=UNSET if maintainers is None else _accounts_decoder.decode(maintainers),
        dependencies=UNSET if dependencies is None else _dependencies_decoder.decode(dependencies),
    )
