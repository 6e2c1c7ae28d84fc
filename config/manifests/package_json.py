"""``package.json``: what a project asks for, as ranges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from config.manifests.files import File
from config.manifests.npm_names import specs


class Asked(Struct, frozen=True):
    """What one manifest asks for: names and ranges."""

    production: dict[str, str]
    """With what is optional, and with peers, which are installed too."""
    development: dict[str, str]


def asked_by(file: File, manifest: Mapping[str, Any]) -> Asked:
    """What a ``package.json``, or the copy of one in a lock file, asks for; ManifestError where that is no table."""
    peers = specs(file, manifest.get("peerDependencies"), "peerDependencies")
    development = specs(file, manifest.get("devDependencies"), "devDependencies")
    # A library names a peer for its users, and once more for its own tests: that one is development's.
    production = {name: spec for name, spec in peers.items() if name not in development}
    for table in ("dependencies", "optionalDependencies"):
        production |= specs(file, manifest.get(table), table)
    return Asked(production, development)
