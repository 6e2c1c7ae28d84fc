"""What a project of npm's kind asks for: its ``package.json`` and those of its workspaces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from config.manifests.documents import json_of, line_of
from config.manifests.files import File
from config.manifests.npm_names import specs
from config.manifests.workspaces import alternatives, globs_of, is_member

MANIFEST: Final = "package.json"
_OF_OTHERS: Final = ("lockfileVersion", "bomFormat", "spdxVersion", "@context")
_MOST_FOLDERS: Final = 20_000
"""Folders that are looked at for workspaces; the largest public monorepos have a tenth of that."""


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
    optional = manifest.get("peerDependenciesMeta")
    production = {n: spec for n, spec in peers.items() if n not in development and not _is_optional(optional, n)}
    for table in ("dependencies", "optionalDependencies"):
        production |= specs(file, manifest.get(table), table)
    return Asked(production, development)


def _is_optional(peers: Any, name: str) -> bool:
    stated = peers.get(name) if isinstance(peers, dict) else None
    return isinstance(stated, dict) and stated.get("optional") is True


def manifest_in(file: File) -> dict[str, Any]:
    """A ``package.json`` as data; ManifestError where it is none."""
    manifest = json_of(file)
    if not isinstance(manifest, dict):
        file.wrong("it is no package.json: it is no JSON object", "write it as npm init does")
    if other := next((key for key in _OF_OTHERS if key in manifest), None):
        file.wrong(f"it is no package.json: it has a {other}", "give the file the name of what it is")
    return manifest


def project_beside(lock: File) -> dict[str, tuple[File, dict[str, Any]]] | None:
    """The manifest beside a lock file and those of its workspaces, by folder; None where there is none beside."""
    beside = lock.beside(MANIFEST)
    return project_of(beside) if beside else None


def project_of(file: File) -> dict[str, tuple[File, dict[str, Any]]]:
    """A manifest (under the folder ``.``) and those of its workspaces, each with its file."""
    manifest = manifest_in(file)
    found = {".": (file, manifest)}
    globs = globs_of(manifest)
    line = line_of(file, "workspaces") if globs else None
    for folder in _folders(file, globs):
        inner = file.beside(f"{folder}/{MANIFEST}", line) if is_member(folder, globs) else None
        if inner is not None:
            found[folder] = (inner, manifest_in(inner))
    return found


def _folders(file: File, globs: Sequence[str]) -> list[str]:
    """The folders, by their paths from that of the manifest, that globs may mean."""
    budget = iter(range(_MOST_FOLDERS))
    found: dict[str, None] = {}
    for glob in globs:
        for parts in alternatives(glob) if not glob.startswith("!") else ():
            found |= dict.fromkeys(_walk(file, "", parts, budget))
    return list(found)


def _walk(file: File, folder: str, parts: Sequence[str], budget: Iterator[int]) -> Iterator[str]:
    if not parts:
        if folder:
            yield folder
        return
    head, rest = parts[0], parts[1:]
    if head == "**":
        yield from _walk(file, folder, rest, budget)
    elif not set(head) & set("*?["):
        if head != "..":
            yield from _walk(file, f"{folder}/{head}".lstrip("/"), rest, budget)
        return
    around = file.path.parent / folder
    if not file.files.hold(around):
        file.files.leave_out(around, file.name, line_of(file, "workspaces"))
        return
    for inner in _folders_in(around):
        if next(budget, None) is None:
            return
        path = f"{folder}/{inner}".lstrip("/")
        if head == "**":
            yield from _walk(file, path, parts, budget)
        elif is_member(inner, [head]):
            yield from _walk(file, path, rest, budget)


def _folders_in(folder: Path) -> list[str]:
    try:
        inside = [one.name for one in folder.iterdir() if one.is_dir() and not one.is_symlink()]
    except OSError:
        return []
    return sorted(name for name in inside if name != "node_modules" and not name.startswith("."))
