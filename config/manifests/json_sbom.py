"""A bill of materials in JSON, told by what it declares itself to be: names of such files are free."""

from __future__ import annotations

from config.manifests.cyclonedx import read_cyclonedx
from config.manifests.documents import json_of
from config.manifests.files import File
from config.manifests.model import Entry
from config.manifests.sbom import MEND
from config.manifests.spdx import read_spdx
from config.manifests.spdx3 import read_spdx3


def read_json_sbom(file: File) -> list[Entry]:
    """The packages of a CycloneDX, SPDX 2 or SPDX 3 document; ManifestError where it is none of them.

    GitHub's export holds its document under ``sbom``.
    """
    document = json_of(file)
    if isinstance(document, dict) and isinstance(document.get("sbom"), dict):
        document = document["sbom"]
    declared = document if isinstance(document, dict) else {}
    if declared.get("bomFormat") == "CycloneDX":
        return read_cyclonedx(file, declared)
    if "spdxVersion" in declared:
        return read_spdx(file, declared)
    if "spdx.org/rdf/3" not in str(declared.get("@context"))[:1000]:
        file.wrong("it is no bill of materials: neither CycloneDX nor SPDX", MEND)
    return read_spdx3(file, declared)
