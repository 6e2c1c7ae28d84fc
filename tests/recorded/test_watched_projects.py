"""Recorded lock files and SBOMs as a company has them: one folder below which everything is found, read and joined."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from config.load import load
from config.manifests.files import Files
from config.manifests.formats import format_of, format_within
from config.manifests.model import Entry, ManifestError
from config.manifests.reading import Manifests

SBOMS = {"CycloneDX SBOM": "bom.json", "SPDX SBOM": "sbom.spdx.json"}


def real_name(name: str, form: str, data: bytes) -> str:
    """The name that a tool gives such a file; an SBOM's own ending says in which of its formats it is."""
    if form in SBOMS and not data.lstrip().startswith(b"{"):
        return "x" + "".join(Path(name.removesuffix(".gz")).suffixes[-2:])
    return SBOMS.get(form, form)


def lay_out(locks: Path, root: Path) -> list[Path]:
    """Every recorded file in a folder of its own, under the name that its tool gives it."""
    placed = []
    for name, stated in json.loads((locks / "expected.json").read_text()).items():
        data = (locks / name).read_bytes()
        data = gzip.decompress(data) if name.endswith(".gz") else data
        path = root / name.replace(".", "-") / real_name(name, stated["format"], data)
        path.parent.mkdir()
        path.write_bytes(data)
        placed.append(path)
    return placed


def read_alone(path: Path) -> list[Entry] | None:
    try:
        file = Files().open(path, path.name)
        form = format_of(path.name) or format_within(file.data)
        return list(form.read(file)) if form else None
    except ManifestError:
        return None


def test_a_folder_leads_to_all_that_the_files_alone_lead_to(recorded: Path, tmp_path: Path) -> None:
    root = tmp_path / "projects"
    root.mkdir()
    placed = lay_out(recorded / "locks", root)
    (tmp_path / "weaklink.toml").write_text('[[watch]]\nname = "all"\nmanifests = ["projects"]\n')
    configuration = load(tmp_path / "weaklink.toml", env={})
    manifests = Manifests()
    reading = manifests.look(configuration)

    known = [path for path in placed if format_of(path.name)]
    assert len(known) > len(placed) * 0.9
    assert set(reading.files["all"]) == {str(path.relative_to(tmp_path)) for path in known}
    alone = {path: read_alone(path) for path in known}
    assert {one.name for one in reading.broken} == {
        str(path.relative_to(tmp_path)) for path, entries in alone.items() if entries is None
    }
    every = [entry for entries in alone.values() for entry in entries or ()]
    together = {(entry.purl, entry.registry): entry for entry in reading.entries["all"]}
    assert together.keys() == {(entry.purl, entry.registry) for entry in every}
    for key in together:
        mine = [entry for entry in every if (entry.purl, entry.registry) == key]
        assert set(together[key].versions) == {version for entry in mine for version in entry.versions}
        assert together[key].direct == any(entry.direct for entry in mine)
        assert together[key].dev == all(entry.dev for entry in mine)
    assert manifests.look(configuration) is reading
