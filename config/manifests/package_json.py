"""``package.json``: what a project asks for, as ranges; a lock file beside it says more."""

from __future__ import annotations

from config.manifests.files import File
from config.manifests.model import Entry
from config.manifests.npm_names import aliased, exact, from_registry, local_purl, npm_purl, tarball
from config.manifests.npm_project import asked_by, project_of


def read_package_json(file: File) -> list[Entry]:
    """What a manifest and its workspaces ask for; a version only where a range allows no other.

    ManifestError where it, or the manifest of a workspace, is none.
    """
    project = project_of(file)
    own = {manifest.get("name") for _, manifest in project.values()}
    found: dict[tuple[str, bool], list[tuple[str, bool]]] = {}
    ranges: dict[str, dict[str, None]] = {}
    for within, manifest in project.values():
        asked = asked_by(within, manifest)
        for table, dev in ((asked.production, False), (asked.development, True)):
            for name, spec in table.items():
                if name in own or spec.startswith("workspace:"):
                    continue
                at = tarball(spec)
                registry = at is not None or from_registry(spec)
                real, wanted = at or aliased(name, spec)
                purl = npm_purl(within, real, name) if registry else local_purl(within, real)
                if purl:
                    found.setdefault((purl, registry), []).append((exact(wanted) if registry else "", dev))
                if registry and not spec.startswith("catalog:"):
                    ranges.setdefault(purl, {})[wanted] = None
    return [
        Entry(
            purl=purl,
            versions=tuple(dict.fromkeys(version for version, _ in asked_for if version)),
            direct=True,
            dev=all(dev for _, dev in asked_for),
            source=file.name,
            ranges=tuple(ranges.get(purl, ())) if registry else (),
            registry=registry,
        )
        for (purl, registry), asked_for in found.items()
    ]
