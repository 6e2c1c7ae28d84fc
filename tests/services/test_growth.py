"""A target of a large store costs no more than one of a small store: counted in steps of SQLite, not in seconds."""

from __future__ import annotations

from pathlib import Path

from benchmarks.growth import Grown, sqlite_url

SMALL, LARGE = 1_000, 8_000
MORE = 1.3
FEW = 2.0
"""Hundreds of steps of one target, below which a count is too coarse to compare."""


def steps(folder: Path, targets: int) -> tuple[dict[str, float], dict[str, float]]:
    """By piece of work: hundreds of steps for one target, and the number of queries."""
    grown = Grown(sqlite_url(folder, targets), targets)
    for _ in range(2):  # in the first round there is less to compare with
        found = list(grown.round())
    grown.close()
    return {name: used.rows / n for name, _, used, n in found}, {name: used.queries for name, _, used, _ in found}


def test_the_work_for_a_target_does_not_grow_with_the_store(tmp_path: Path) -> None:
    (small, few), (large, many) = steps(tmp_path, SMALL), steps(tmp_path, LARGE)
    assert {name: large[name] for name in large if large[name] > max(FEW, MORE * small[name])} == {}
    # Values in an IN list are asked for in portions; nothing else may be asked for one by one.
    assert {name: many[name] for name in many if name != "reconciling everything" and many[name] > few[name] + 9} == {}
