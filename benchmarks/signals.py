"""What the signals cost: their share of a first sweep, and the periodic pass over a watchlist that grows tenfold.

``python -m benchmarks.signals [PACKAGES]``; figures are ratios of medians taken in the same run.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from unittest.mock import patch

from alerts.routing import policy
from config.settings import Settings
from monitor import record
from monitor.changes.compounds import COMPOUNDS
from monitor.observations import Account, Package, Release, Standing
from monitor.queries.risk import risk_json
from monitor.queries.signals import signals_json
from monitor.record import Recorder
from monitor.results import Seen
from monitor.store.engine import Store
from monitor.store.targets import Wanted, by_subject, reconcile
from monitor.store.upgrade import upgrade

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BATCH = 200


def package(number: int, dice: Random) -> Package:
    """A package of ten releases; two thirds of them silent for years, as on the registry."""
    people = tuple(
        Account(f"user{dice.randrange(4000)}", f"u@host{dice.randrange(900)}.org")
        for _ in range(dice.choice((1, 1, 2, 5)))
    )
    last = NOW - timedelta(days=dice.choice((40, 900, 2500)))
    releases = {
        f"1.{minor}.0": Release(
            version=f"1.{minor}.0",
            published_at=last - timedelta(days=30 * (9 - minor)),
            publisher=people[0],
            maintainers=people,
            scripts={"postinstall": "node x.js"} if dice.random() < 0.02 else {},
            integrity={"tarball": f"sha512-{number}-{minor}"},
            dependencies={},
        )
        for minor in range(10)
    }
    return Package(
        ecosystem="npm",
        name=f"p{number}",
        standing=Standing.ACTIVE,
        maintainers=people,
        releases=releases,
        latest="1.9.0",
        contributors=(),
    )


def first_sweep(store: Store, recorder: Recorder, packages: list[Package]) -> float:
    """Seconds to record all of them for the first time."""
    with store.transaction() as session:
        wanted = [Wanted(watch="shop", subject=f"pkg:npm/{one.name}", sort="package") for one in packages]
        reconcile(session, wanted, NOW, Random(1))
    began = time.perf_counter()
    for start in range(0, len(packages), BATCH):
        batch = packages[start : start + BATCH]
        with store.transaction() as session:
            dues = {due.subject: due for due in by_subject(session, [f"pkg:npm/{one.name}" for one in batch])}
            seen = [Seen(due=dues[f"pkg:npm/{one.name}"], at=NOW, observation=one, looked_up=True) for one in batch]
            recorder.record(session, seen, NOW)
    return time.perf_counter() - began


def median(work: Callable[[], Any], times: int = 7) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def fill(folder: str, name: str, number: int, *, signals: bool) -> tuple[Store, Recorder, float]:
    store = Store(f"sqlite:///{folder}/{name}.db")
    upgrade(store, NOW)
    settings = Settings()
    recorder = Recorder(settings, policy(settings, COMPOUNDS), Random(1))
    dice = Random(7)
    packages = [package(one, dice) for one in range(number)]
    if signals:
        return store, recorder, first_sweep(store, recorder, packages)
    with patch.object(record, "weigh", lambda *_: []):
        return store, recorder, first_sweep(store, recorder, packages)


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        _, _, bare = fill(folder, "bare", number, signals=False)
        store, recorder, whole = fill(folder, "whole", number, signals=True)
        small, small_recorder, _ = fill(folder, "small", number // 10, signals=True)

        def reviewed(of: Store, by: Recorder, at: datetime) -> None:
            with of.transaction() as session:
                by.review(session, at)

        first = median(lambda: reviewed(store, recorder, NOW), 1)
        reviewed(small, small_recorder, NOW)
        often = median(lambda: reviewed(store, recorder, NOW + timedelta(minutes=1)))
        tenth = median(lambda: reviewed(small, small_recorder, NOW + timedelta(minutes=1)))
        with store.reading() as session:
            holding = len(signals_json(session, NOW))
            listed = median(lambda: signals_json(session, NOW), 3)
            ranked = median(
                lambda: risk_json(session, Settings().risk, Settings().thresholds, NOW, accounts=True, limit=10), 3
            )
        print(f"{number} packages, {holding} signals hold")
        print(f"recording a first sweep, with signals / without   {whole / bare:.2f}  ({whole:.1f} s, {bare:.1f} s)")
        print(f"first pass / first sweep                          {first / whole:.3f}  ({first:.2f} s)")
        print(f"a later pass / first sweep                        {often / whole:.4f}  ({often * 1000:.0f} ms)")
        print(f"a later pass, of all / of a tenth                 {often / tenth:.1f}")
        print(f"listing all signals                               {listed:.2f} s")
        print(f"ranking all accounts                              {ranked:.2f} s")


if __name__ == "__main__":
    main()
