"""Every format that a watchlist can name: one line each in one table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Final

from msgspec import Struct

from config.manifests.bun_lock import read_bun_lock
from config.manifests.cyclonedx import read_cyclonedx_xml
from config.manifests.files import File
from config.manifests.json_sbom import read_json_sbom
from config.manifests.model import Entry
from config.manifests.npm_lock import read_npm_lock
from config.manifests.package_json import read_package_json
from config.manifests.pdm_lock import read_pdm_lock
from config.manifests.pipfile_lock import read_pipfile_lock
from config.manifests.pnpm_lock import read_pnpm_lock
from config.manifests.poetry_lock import read_poetry_lock
from config.manifests.pylock import read_pylock
from config.manifests.pyproject import read_pyproject
from config.manifests.requirements import read_requirements
from config.manifests.spdx import read_spdx_tags, read_spdx_yaml
from config.manifests.uv_lock import read_uv_lock
from config.manifests.yarn_lock import read_yarn_lock

_PYTHON_LOCKS: Final = ("poetry.lock", "uv.lock", "pdm.lock", "Pipfile.lock", "pylock.toml", "pylock.*.toml")
_SBOMS: Final = ("bom.json", "*.bom.json", "*.cdx.json", "sbom.json", "*.sbom.json", "*.spdx.json", "*.spdx3.json")


class Format(Struct, frozen=True):
    """A family of files and its reader."""

    name: str
    files: tuple[str, ...]
    """Globs of the file names that its tools use; with a folder's name before a slash, only in such a folder."""
    read: Callable[[File], Sequence[Entry]]
    """What the file says that a project uses; ManifestError where it is not what its name says."""
    yields_to: tuple[str, ...] = ()
    """Globs of file names: a manifest says less than the lock file that lies beside it, and is not read then."""
    members_of: tuple[str, ...] = ()
    """Globs of lock files that also say what the members of a workspace use, whose manifests lie further down."""
    marks: tuple[bytes, ...] = ()
    """What stands near the start of such a file and of no other; any of them tells it under whatever name."""


FORMATS: Final[tuple[Format, ...]] = (
    Format("npm lock file", ("package-lock.json", "npm-shrinkwrap.json"), read_npm_lock),
    Format("Pipfile.lock", ("Pipfile.lock",), read_pipfile_lock),
    Format("pdm.lock", ("pdm.lock",), read_pdm_lock),
    Format("poetry.lock", ("poetry.lock",), read_poetry_lock),
    Format("pylock.toml", ("pylock.toml", "pylock.*.toml"), read_pylock),
    Format("uv.lock", ("uv.lock", "*.py.lock"), read_uv_lock),
    Format("pyproject.toml", ("pyproject.toml",), read_pyproject, _PYTHON_LOCKS, ("uv.lock",)),
    Format("requirements.txt", ("requirements*.txt", "*requirements.txt", "requirements/*.txt"), read_requirements),
    Format("requirements.in", ("requirements*.in", "*requirements.in"), read_requirements, ("*requirements*.txt",)),
    Format("SBOM", _SBOMS, read_json_sbom, marks=(b'"bomFormat"', b'"spdxVersion"', b'"SPDXID"', b"spdx.org/rdf/3")),
    Format(
        "CycloneDX XML",
        ("bom.xml", "*.bom.xml", "*.cdx.xml"),
        read_cyclonedx_xml,
        marks=(b"cyclonedx.org/schema/bom/1",),
    ),
    Format("SPDX tag-value", ("*.spdx",), read_spdx_tags, marks=(b"SPDXVersion:",)),
    Format("SPDX YAML", ("*.spdx.yml", "*.spdx.yaml"), read_spdx_yaml, marks=(b"spdxVersion:",)),
    Format("Yarn lock file", ("yarn.lock",), read_yarn_lock),
    Format("pnpm lock file", ("pnpm-lock.yaml",), read_pnpm_lock),
    Format("Bun lock file", ("bun.lock",), read_bun_lock),
    Format(
        "package.json",
        ("package.json",),
        read_package_json,
        yields_to=("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock"),
        members_of=("package-lock.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock"),
    ),
)


_START: Final = 4096
"""Bytes at the start of a file in which a mark is looked for."""


def format_of(path: PurePath | str, formats: Sequence[Format] = FORMATS) -> Format | None:
    """The format of a file by its name, or its folder's and its own; the first that fits, None where none does."""
    place = PurePath(path)
    return next((one for one in formats if any(place.match(glob) for glob in one.files)), None)


def format_within(data: bytes, formats: Sequence[Format] = FORMATS) -> Format | None:
    """The format of a file by its content, for one whose name says nothing."""
    start = data[:_START]
    return next((one for one in formats if any(mark in start for mark in one.marks)), None)
