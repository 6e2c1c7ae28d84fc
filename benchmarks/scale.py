"""How far it goes: ``python -m benchmarks.scale growth [--quick] [sqlite|postgresql]`` and ``… scale workers``.

*growth* measures what one target costs in stores of 1,000, 10,000, 100,000 and 1,000,000 targets (``--quick``: up to
100,000), in turn, and prints the medians and their ratio to the smallest store's. *workers* measures checks a
second with 1, 2, 4 and 8 workers (``benchmarks.workers``). docs/scale.md says what follows from both.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks.growth import WHOLE, Grown, sqlite_url
from benchmarks.metering import Used
from benchmarks.postgresql import create, server
from benchmarks.workers import workers

SIZES = (1_000, 10_000, 100_000, 1_000_000)
ROUNDS = 5
AIM = 1.3

Found = dict[str, dict[int, list[Used]]]
"""By piece of work and size of the store: the cost of one target in each round."""


def growth(sizes: Sequence[int], database: str) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(server()) if database == "postgresql" else ""
        stores = []
        for size in sizes:
            began = time.monotonic()
            grown = Grown(create(url, f"targets{size}") if url else sqlite_url(folder, size), size)
            stack.callback(grown.close)
            stores.append(grown)
            print(f"{size:,} targets: {grown.size / 1e6:,.0f} MB, made in {time.monotonic() - began:.0f} s", flush=True)
        found: Found = {}
        kinds = {}
        for number in range(ROUNDS + 1):
            for grown in stores:
                for name, kind, used, targets in grown.round():
                    kinds[name] = kind
                    # The first round reads what nobody has asked for yet.
                    if number:
                        each = Used(*(value / targets for value in (getattr(used, f) for f in Used.__struct_fields__)))
                        found.setdefault(name, {}).setdefault(grown.targets, []).append(each)
        report(found, kinds, sizes, database)


def report(found: Found, kinds: dict[str, str], sizes: Sequence[int], database: str) -> None:
    """Medians of one target, and how they grow from the smallest store to the largest."""
    print(f"\n{database}, for one target; medians of {ROUNDS} rounds in turn")
    heads = [f"{size:,}" for size in sizes]
    print(f"{'':38}{''.join(f'{head:>11}' for head in heads)}   growth")
    rows = "steps, in hundreds" if database == "sqlite" else "rows"
    for name, by_size in found.items():
        print(name + (", of all its targets" if kinds[name] == WHOLE else ""))
        for words, field, factor in (
            ("CPU us", "cpu", 1e6),
            ("wall us", "wall", 1e6),
            ("queries", "queries", 1),
            (rows, "rows", 1),
            ("kB read", "read", 1e-3),
            ("kB written", "written", 1e-3),
        ):
            middle = [median(getattr(used, field) for used in by_size[size]) * factor for size in sizes]
            if not any(middle):
                continue
            ratio = middle[-1] / middle[0] if middle[0] else float("inf")
            flat = " " if ratio <= AIM else "*"
            print(f"  {words:36}{''.join(f'{value:11.3f}' for value in middle)}{ratio:8.2f}{flat}")
    print(f"* more than {AIM}")


if __name__ == "__main__":
    what, *rest = sys.argv[1:] or [""]
    databases = [one for one in rest if not one.startswith("--")] or ["sqlite", "postgresql"]
    if what == "growth":
        for one in databases:
            growth(SIZES[:-1] if "--quick" in rest else SIZES, one)
    elif what == "workers":
        workers((1, 2, 4, 8))
    else:
        sys.exit(__doc__)
