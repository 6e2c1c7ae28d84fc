"""A study from start to end: read, settle, count, report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from config.settings import Thresholds
from monitor.study.counting import count
from monitor.study.faults import LOST, Faults, place
from monitor.study.intake import Progress, take_in, write_batch
from monitor.study.records import Record, batch
from monitor.study.report import Study, study_of
from monitor.study.settle import Rules, settle


def study_files(files: Sequence[Path], at: datetime, rules: Rules, thresholds: Thresholds, progress: Progress) -> Study:
    """The study of a dump. What is read is kept as columns in a temporary folder (``TMPDIR``) until it is counted."""
    faults = Faults()
    with TemporaryDirectory(prefix="weaklink-study-") as name:
        folder = Path(name)
        take_in(files, folder, rules, faults, progress)
        counts = count(folder, at, thresholds.inactive_after, faults)
    lost = not counts.packages or faults.count(*LOST) > 0
    return study_of(counts, at, thresholds, faults, [str(file) for file in files], lost)


def study_records(records: Sequence[Record], at: datetime, thresholds: Thresholds) -> Study:
    """The study of a few records that are at hand."""
    faults = Faults()
    rules = Rules(now=at)
    places = [place(0, number) for number in range(1, len(records) + 1)]
    with TemporaryDirectory(prefix="weaklink-study-") as name:
        folder = Path(name)
        write_batch(settle(batch(records, places), rules, faults), folder, 0)
        counts = count(folder, at, thresholds.inactive_after, faults)
    return study_of(counts, at, thresholds, faults, ["the store"], lost=not records)
