"""How well recorded WHOIS replies are read, by top-level domain: ``python -m benchmarks.registration DIR``.

``DIR`` holds replies and an ``expected.json`` beside them.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from monitor.observations import Outcome
from monitor.sources.whois_dates import whois_date
from monitor.sources.whois_text import parse_whois

SAME = timedelta(hours=36)


def main(folder: Path) -> None:
    by_tld: dict[str, Counter[str]] = defaultdict(Counter)
    for name, expected in json.loads((folder / "expected.json").read_bytes()).items():
        count = by_tld[expected["tld"]]
        domain = expected["domain"] or f"x.{expected['tld']}"
        found = parse_whois((folder / name).read_bytes(), domain, "whois", datetime(2026, 1, 1, tzinfo=UTC))
        if expected["available"]:
            _count(count, "free", found.outcome is Outcome.NOT_FOUND)
            continue
        _count(count, "no limit for a fact", not expected["throttled"] or found.outcome is Outcome.UNAVAILABLE)
        for what, has in (("expires", found.expires_at), ("created", found.registered_at)):
            if (date := _stated(expected[what])) is not None:
                _count(count, what, isinstance(has, datetime) and abs(has - date) <= SAME)
        if expected["registrar"]:
            has_name = found.registrar if isinstance(found.registrar, str) else ""
            _count(count, "registrar", _first_word(has_name) == _first_word(str(expected["registrar"])))
    columns = ("free", "expires", "created", "registrar", "no limit for a fact")
    print(f"{'tld':24}" + "".join(f"{column:>21}" for column in columns))
    total: Counter[str] = Counter()
    for tld, count in sorted(by_tld.items()):
        total += count
        print(f"{tld:24}" + "".join(f"{_share(count, column):>21}" for column in columns))
    print(f"{'all':24}" + "".join(f"{_share(total, column):>21}" for column in columns))


def _count(count: Counter[str], what: str, right: bool) -> None:
    count[what] += 1
    count[f"{what} right"] += right


def _share(count: Counter[str], what: str) -> str:
    return f"{count[f'{what} right']}/{count[what]}" if count[what] else ""


def _stated(value: Any) -> datetime | None:
    first = value[0] if isinstance(value, list) else value
    return whois_date(str(first).partition("#")[0], "") if first else None


def _first_word(name: str) -> str:
    return name.split()[0].lower() if name.split() else ""


if __name__ == "__main__":
    main(Path(sys.argv[1]))
