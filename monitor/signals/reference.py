"""``python -m monitor.signals.reference > docs/signals.md``: every signal, from the table itself."""

from __future__ import annotations

import sys

from monitor.changes.script_rules import ANYWHERE, COMMANDS
from monitor.signals.model import Signal
from monitor.signals.table import SIGNALS

_INTRODUCTION = """\
# Signals

<!-- Written by `python -m monitor.signals.reference`; edit the modules in `monitor/signals/` instead. -->

A signal is a weak link that holds now: a state with a value, a threshold and a since-date, not an event. The six are
those of the study *What are Weak Links in the npm Supply Chain?* (Zahan and others, ICSE-SEIP 2022). `weaklink
signals` lists what holds, `weaklink show ITEM` tells it for one package or account. Thresholds stand under
`[thresholds]` in the configuration; each signal is judged when a fact changes, and once a minute for what becomes
true by the passing of time.

- **What holds when something is first seen is its state, and no news.** Later, a signal that is raised or cleared is
  a change of kind `signal-raised` or `signal-cleared` and goes the ordinary way to people, with low severity; W4 to
  W6 open no alert unless a route asks for `info`. Another severity for all of them: `[severity]`, `signal-raised =
  "info"`.
- **Unknown changes nothing.** A mirror that leaves out maintainers, a domain that cannot be looked up, a search that
  is not served: what held goes on to hold, with the last values that were known.
- **Nothing flaps.** A count that was too many clears when it falls to less than nine tenths of what raised it; a
  percentile that moves because others moved clears nothing. An edit of the thresholds, or of more than a tenth of
  what is watched, judges the counts anew, and tells nobody.
- **One cause, one alert.** W1 joins the alert of its domain, W2 that of its release, and the silence of a package
  with one maintainer that of this person.
"""


def reference() -> str:
    """The page, as Markdown."""
    parts = [_INTRODUCTION, *map(_signal, SIGNALS.values()), _scripts()]
    return "\n".join(parts)


def _signal(signal: Signal) -> str:
    return (
        f"## {signal.id}: {signal.name}\n\n"
        f"{signal.means}\n\n"
        f"- **About:** {' and '.join(f'{sort}s' for sort in signal.about)}\n"
        f"- **Holds when:** {signal.threshold}\n"
        f"- **Source:** {signal.source}\n"
        f"- **Does not mean:** {signal.not_means}\n"
        f"- **What to do:** {signal.advice}\n"
        f"- **Severity when raised:** {signal.severity}\n"
    )


def _scripts() -> str:
    """How install scripts are read (W2, `install-script-added` and `install-script-changed`)."""
    lines = [
        "## How install scripts are read",
        "",
        "Each command of a script is what the first of these rules that fits it says; words of the last group make the",
        "whole script alarming wherever they stand. Code: `monitor/changes/script_rules.py`.",
        "",
        "| it | reads as |",
        "|---|---|",
    ]
    lines += [f"| {rule.does} | {rule.verdict} |" for rule in (*COMMANDS, *ANYWHERE)]
    lines += ["| anything else | unclear |", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(reference())
