"""``python -m monitor.changes.reference > docs/kinds.md``: every kind of change, from the table itself."""

from __future__ import annotations

import sys

from monitor.changes.compounds import COMPOUNDS
from monitor.changes.kinds import CONFIRMED_KINDS, KINDS


def reference() -> str:
    """The page, as Markdown."""
    lines = [
        "# Kinds of changes",
        "",
        "Made by `python -m monitor.changes.reference` from the table in `monitor/changes/kinds.py`.",
        'Each severity can be changed in the configuration: `[severity]`, `release-published = "low"`.',
        "Some changes are graver or less grave than their kind, by their facts. Those marked † are told only after a",
        "second check, minutes later, saw them too.",
        "",
        "| kind | severity | why it matters | what to do |",
        "|---|---|---|---|",
    ]
    for kind in KINDS.values():
        mark = " †" if kind.id in CONFIRMED_KINDS else ""
        lines.append(f"| `{kind.id}`{mark} | {kind.severity} | {kind.why} | {kind.advice} |")
    lines += [
        "",
        "## Compound rules",
        "",
        "Small things that come together are graver than their parts. Add your own as `[[compound]]`.",
        "",
        "| rule | kinds | within | severity | reason |",
        "|---|---|---|---|---|",
    ]
    for rule in COMPOUNDS:
        parts = " and ".join(" or ".join(f"`{kind}`" for kind in part.split("|")) for part in rule.all)
        lines.append(f"| {rule.name} | {parts} | {rule.within.days} d | {rule.severity} | {rule.reason} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
