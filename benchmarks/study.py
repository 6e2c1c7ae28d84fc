"""The study beside a plain loop over the same lines: ``python -m benchmarks.study [PACKAGES] [ROUNDS] [MORE]``.

Each measurement runs in a process of its own, in turn; medians are printed. All must give the same figures, which are
the published ones. ``MORE`` packages (5 million) are then studied to see that time grows with the number of packages.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def child(what: str, folder: Path) -> None:
    from benchmarks.synthetic_registry import AT

    began, cpu = time.perf_counter(), time.process_time()
    if what == "plain":
        from benchmarks.plain_study import study

        expired = set((folder / "expired-domains.txt").read_text().split())
        with (folder / "registry.jsonl").open("rb") as lines:
            found = study(lines, AT, AT, expired)
    else:
        from config.settings import Thresholds
        from monitor.study.intake import read_domains
        from monitor.study.run import study_files
        from monitor.study.settle import Rules

        rules = Rules(now=AT, expired_domains=read_domains(folder / "expired-domains.txt"))
        done = study_files([folder / f"registry.{what}"], AT, rules, Thresholds(), lambda _size: None)
        assert not done.faults
        found = {one.id: one.statistics | {"known": one.known, "unknown": one.unknown} for one in done.measures}
    print(
        json.dumps(
            {
                "wall": time.perf_counter() - began,
                "cpu": time.process_time() - cpu,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "figures": found,
            }
        )
    )


def measure(what: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.study", "--child", what, str(folder)]
    measured: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return measured


def same(one: Any, other: Any) -> bool:
    """Whether two sets of statistics agree, where both have a measure."""
    for measure_, told in other.items():
        for name, value in told.items() if measure_ != "faults" else ():
            seen = one[measure_][name]
            if seen != value and abs(seen - value) > 1e-9 * abs(value):
                return False
    return True


def generate(folder: Path, packages: int) -> None:
    command = [sys.executable, "-m", "benchmarks.synthetic_registry", str(folder), str(packages)]
    subprocess.run(command, check=True)


def main(packages: int, rounds: int, more: int) -> None:
    kinds = {"plain": "plain loop, JSON Lines", "jsonl": "study, JSON Lines", "parquet": "study, Parquet"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate(folder, packages)
        sizes = {kind: (folder / f"registry.{kind}").stat().st_size / 1e6 for kind in ("jsonl", "parquet")}
        print(f"{packages:,} packages; {sizes['jsonl']:.0f} MB as JSON Lines, {sizes['parquet']:.0f} MB as Parquet")
        runs: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
        for _ in range(rounds):
            for kind in kinds:
                runs[kind].append(measure(kind, folder))
        figures = runs["plain"][0]["figures"]
        assert all(same(run["figures"], figures) for found in runs.values() for run in found)
        middle = {
            kind: {key: statistics.median(run[key] for run in found) for key in ("wall", "cpu", "peak_mb")}
            for kind, found in runs.items()
        }
        print(f"{rounds} rounds{'wall s':>24}{'CPU s':>8}{'us each':>9}{'peak MB':>9}")
        for kind, found in middle.items():
            each = found["wall"] * 1e6 / packages
            print(f"{kinds[kind]:24}{found['wall']:8.2f}{found['cpu']:8.2f}{each:9.2f}{found['peak_mb']:9.0f}")
        print(f"study / plain loop, wall time, JSON Lines     {ratio(middle, 'jsonl', 'wall'):6.2f}   aim < 1")
        print(f"study / plain loop, wall time, Parquet        {ratio(middle, 'parquet', 'wall'):6.2f}   aim < 1")
        print(f"study / plain loop, peak memory, JSON Lines   {ratio(middle, 'jsonl', 'peak_mb'):6.2f}   aim < 1")
        for kind in ("jsonl", "parquet"):
            good = middle[kind]["wall"] < 60 and middle[kind]["peak_mb"] < 2048
            print(f"{kinds[kind]}: under 60 s and 2 GB: {'yes' if good else 'NO'}")
    if more:
        with tempfile.TemporaryDirectory() as name:
            generate(Path(name), more)
            for kind in ("jsonl", "parquet"):
                found = measure(kind, Path(name))
                # CPU time: the other programs of a machine weigh on a minute more than on ten seconds.
                growth = found["cpu"] / more / (middle[kind]["cpu"] / packages)
                print(
                    f"{more:,} packages, {kinds[kind]}: {found['wall']:.1f} s, {found['peak_mb']:.0f} MB; "
                    f"CPU time a package {growth:.2f} of that above   aim <= 1.2"
                )


def ratio(middle: dict[str, dict[str, float]], kind: str, key: str) -> float:
    return middle[kind][key] / middle["plain"][key]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], Path(sys.argv[3]))
    else:
        numbers = [int(argument) for argument in sys.argv[1:]]
        main(*(numbers + [1_630_101, 3, 5_000_000][len(numbers) :]))
