"""Looks up everything that is installed among the known vulnerabilities: ``make audit``.

Fails where one is found that ``.ci/audit-accepted.txt`` does not name. What could not be looked up, since there is no
network or the index has no such answer, is said and fails nothing: it says nothing about the package.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

ACCEPTED: Final = Path(__file__).with_name("audit-accepted.txt")
FOUND: Final = 1
Verdict = tuple[int, list[str]]


def main(options: Sequence[str]) -> int:
    """Run pip-audit with further options of its own, for example ``-s osv``; the exit status."""
    accepted = accepted_in(ACCEPTED.read_text(encoding="utf-8"))
    ignored = [word for identifier in accepted for word in ("--ignore-vuln", identifier)]
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off", "--skip-editable"]
    done = subprocess.run([*command, *ignored, *options], capture_output=True, text=True, check=False)
    status, lines = verdict(done.stdout, done.stderr)
    lines += [f"accepted: {identifier}, {reason}" for identifier, reason in accepted.items()]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return status


def accepted_in(text: str) -> dict[str, str]:
    """The identifiers that are accepted, each with the reason; ValueError for one without."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        identifier, _, reason = line.partition(" ")
        if line.strip() and not line.startswith("#"):
            if not reason.strip():
                raise ValueError(f"{identifier} is accepted without a reason")
            found[identifier] = reason.strip()
    return found


def verdict(report: str, diagnostics: str) -> Verdict:
    """What pip-audit's report comes to: an exit status, and what to say."""
    try:
        packages: list[dict[str, Any]] = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (diagnostics.strip().splitlines() or ["it said nothing"])[-1]
        return 0, [f"NOT AUDITED: pip-audit could not do its work: {last}"]
    vulnerable = [one for one in packages if one.get("vulns")]
    skipped = [one["name"] for one in packages if "skip_reason" in one]
    lines = [
        f"{one['name']} {one['version']}: {', '.join([vuln['id'], *vuln.get('aliases', [])])}; "
        f"mended in {', '.join(vuln.get('fix_versions') or ['no release yet'])}"
        for one in vulnerable
        for vuln in one["vulns"]
    ]
    if skipped:
        shown = ", ".join(skipped[:5]) + (", …" if len(skipped) > 5 else "")
        lines.append(f"NOT AUDITED: {len(skipped)} of {len(packages)} packages are not known where it looks: {shown}")
    if len(skipped) < len(packages):
        audited = len(packages) - len(skipped)
        lines.append(f"audited: {audited} packages, {len(vulnerable)} of them vulnerable")
    return (FOUND if vulnerable else 0), lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
