"""The real daemon over days that pass in seconds: what it holds does not grow with what it has done.

``python -m benchmarks.years`` does the same for a month of 10,000 targets, resident memory included.
"""

from __future__ import annotations

from benchmarks.years import days


def test_nothing_is_kept_for_a_check_or_a_day() -> None:
    # By the end of the second day everything was seen, fetched unchanged, told of, and away once.
    (_, before), *_, (_, after) = [found for found in days(targets=600, count=4) if found[0] >= 2]
    checks = after["checks"] - before["checks"]
    assert checks > 900
    # What is kept for a check has several blocks; caches and the allocator's own habits come to less.
    assert 1000 * (after["blocks"] - before["blocks"]) < 2 * checks
    assert after["fds"] <= before["fds"] + 3
    assert after["threads"] <= before["threads"] + 2
