"""``python -m monitor.changes.reference > docs/kinds.md``: every kind of change, from the table itself."""

from __future__ import annotations

import sys

from config.severity import Severity
from config.values import kind_and_least
from monitor.changes.compounds import COMPOUNDS
from monitor.changes.kinds import CONFIRMED_KINDS, KINDS
from monitor.spans import span


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
        parts = " and ".join(" or ".join(map(_part, part.split("|"))) for part in rule.all)
        lines.append(f"| {rule.name} | {parts} | {span(rule.within)} | {rule.severity} | {rule.reason} |")
    return "\n".join(lines) + "\n"


def _part(text: str) -> str:
    kind, least = kind_and_least(text)
    return f"`{kind}`" if least is Severity.INFO else f"`{kind}` ({least} by itself)"


if __name__ == "__main__":
    sys.stdout.write(reference())
