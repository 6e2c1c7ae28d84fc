"""Writes the CycloneDX SBOM of weaklink with its extras, as it is installed, without development's: ``make sbom``."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TOP: Final = Path(__file__).parents[1]
EXTRAS: Final = ("postgresql", "study")
OURS: Final = "weaklink"


def main(file: Path) -> int:
    """Write it, valid by its JSON Schema; the exit status."""
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--pyproject", str(TOP / "pyproject.toml")]
    command += ["--mc-type", "application", "--output-reproducible", "--no-validate", sys.executable]
    bom = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    text = json.dumps(without_others(bom, used_by(OURS, EXTRAS)), indent=1, ensure_ascii=False, sort_keys=True)
    wrong = JsonStrictValidator(SchemaVersion.from_version(bom["specVersion"])).validate_str(text)
    if wrong is not None:
        sys.stderr.write(f"this is no valid SBOM: {wrong}\n")
        return 1
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"{text}\n", encoding="utf-8")
    return 0


def used_by(name: str, extras: tuple[str, ...]) -> dict[str, set[str]]:
    """What a distribution and its extras install here: each by its normalised name, with what it needs itself."""
    needs: dict[str, set[str]] = {}
    asked: dict[str, set[str]] = {}
    waiting = [(canonicalize_name(name), extra) for extra in ("", *extras)]
    while waiting:
        one, extra = waiting.pop()
        if extra in asked.setdefault(one, set()):
            continue
        asked[one].add(extra)
        try:
            stated = distribution(one).requires or ()
        except PackageNotFoundError:
            continue  # of an extra that asks for more than is installed
        needs.setdefault(one, set())
        for requirement in map(Requirement, stated):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                other = canonicalize_name(requirement.name)
                needs[one].add(other)
                waiting += [(other, more) for more in ("", *requirement.extras)]
    return needs


def without_others(bom: dict[str, Any], needs: dict[str, set[str]]) -> dict[str, Any]:
    """The components that are in use, and what they need of each other, without their authors' web addresses."""
    kept = [
        {key: value for key, value in one.items() if key != "externalReferences"}
        for one in bom["components"]
        if canonicalize_name(one["name"]) in needs
    ]
    references = {canonicalize_name(one["name"]): one["bom-ref"] for one in kept}
    references[OURS] = bom["metadata"]["component"]["bom-ref"]
    dependencies = [
        {"ref": reference, "dependsOn": sorted(references[other] for other in needs[name] if other in references)}
        for name, reference in sorted(references.items())
    ]
    return bom | {"components": kept, "dependencies": dependencies}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
