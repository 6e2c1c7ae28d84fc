"""The study as a document and as a table of single numbers, and as files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import polars as pl
from msgspec import Struct

from config.settings import Thresholds
from monitor.study.counting import Counts
from monitor.study.faults import WORDS, Faults, file_and_line
from monitor.study.measures import Measure, measures
from monitor.study.problems import BadInput
from monitor.study.published import SOURCES

FORMATS: Final = (".csv", ".parquet", ".json")


class Study(Struct, frozen=True, kw_only=True):
    """What came out."""

    at: datetime
    thresholds: Thresholds
    counts: Counts
    measures: Sequence[Measure]
    faults: Sequence[dict[str, Any]]
    lost: bool
    """Something in the input could not be counted."""
    notes: Sequence[str]
    """What must be known to read the numbers rightly."""


def study_of(
    counts: Counts, at: datetime, thresholds: Thresholds, faults: Faults, files: Sequence[str], lost: bool
) -> Study:
    return Study(
        at=at,
        thresholds=thresholds,
        counts=counts,
        measures=measures(counts, thresholds),
        faults=[
            {
                "fault": str(fault),
                "column": column,
                "what": WORDS[fault],
                "count": seen.count,
                "first": [_named(at, files) for at in seen.places],
                "reason": seen.reason,
            }
            for fault, column, seen in faults
        ],
        lost=lost,
        notes=list(_notes(counts, at)),
    )


def _named(place: int, files: Sequence[str]) -> dict[str, Any]:
    file, line = file_and_line(place)
    return {"file": files[file], "line": line or None}


def _notes(counts: Counts, at: datetime) -> list[str]:
    notes = []
    if not counts.packages:
        return ["no package was counted"]
    for known, words in (
        (
            counts.maintainers_per_package.size,
            "maintainers are told of no package: W1, W4, W6 and half of W3 are unknown",
        ),
        (counts.contributors_per_package.size, "contributors are told of no package: W5 is unknown"),
        (counts.install_scripts.known, "install_script is told of no package: W2 is unknown"),
        (counts.unmaintained.known, "last_release_at is told of no package: W3 is unknown"),
    ):
        if not known:
            notes.append(words)
    if counts.maintainers and not counts.expired_maintainers.known:
        notes.append("which domains are expired is not told: W1 is unknown (--expired-domains, or domain_expired)")
    newest = counts.newest_release
    if newest is not None and (at - newest).days > 90:
        notes.append(
            f"the newest release is of {newest:%Y-%m-%d}: an old dump is best studied as of its own day (--at)"
        )
    return notes


def document(study: Study) -> dict[str, Any]:
    """The JSON of ``study`` (docs/study.md)."""
    return {
        "at": study.at,
        "packages": study.counts.packages,
        "maintainers": study.counts.maintainers,
        "thresholds": {
            "inactive_after_days": study.thresholds.inactive_after.days,
            "maintainers": study.thresholds.maintainers,
            "contributors": study.thresholds.contributors,
            "packages_per_maintainer": study.thresholds.packages_per_maintainer,
            "percentile": study.thresholds.percentile,
        },
        "measures": [
            {
                "signal": one.signal,
                "measure": one.id,
                "what": one.words,
                "of": one.of,
                "known": one.known,
                "unknown": one.unknown,
                **one.statistics,
                "published": [
                    {
                        "statistic": figure.statistic,
                        "value": figure.value,
                        "source": figure.source.key,
                        "standing": str(figure.standing),
                    }
                    for figure in one.published
                ],
            }
            for one in study.measures
        ],
        "sources": {one.key: {"title": one.title, "doi": one.doi, "packages": one.packages} for one in SOURCES},
        "notes": list(study.notes),
        "faults": list(study.faults),
    }


def numbers(study: Study) -> pl.DataFrame:
    """A row for each number, with the published ones beside it."""
    rows = [
        {
            "signal": one.signal,
            "measure": one.id,
            "what": one.words,
            "of": one.of,
            "statistic": statistic,
            "value": None if value is None else float(value),
            "known": one.known,
            "unknown": one.unknown,
            **{
                f"{source.key}_{name}": part
                for source in SOURCES
                for name, part in _figure(one, statistic, source.key).items()
            },
        }
        for one in study.measures
        for statistic, value in one.statistics.items()
    ]
    texts = dict.fromkeys(("signal", "measure", "what", "of", "statistic"), pl.String)
    figures = {f"{source.key}_{name}": type_ for source in SOURCES for name, type_ in _FIGURE.items()}
    return pl.DataFrame(rows, schema={**texts, "value": pl.Float64, "known": pl.Int64, "unknown": pl.Int64, **figures})


_FIGURE: Final = {"value": pl.Float64, "standing": pl.String}


def _figure(measure: Measure, statistic: str, source: str) -> dict[str, Any]:
    found = measure.figure(statistic, source)
    return {"value": float(found.value) if found else None, "standing": str(found.standing) if found else None}


def check_format(path: Path) -> None:
    """BadInput where a file's name asks for a format that is not written."""
    if path.suffix not in FORMATS:
        raise BadInput(f"{path}: its name does not say the format; end it in {', '.join(FORMATS)}")


def write(study: Study, path: Path) -> None:
    """Write the numbers as CSV or Parquet, or the document as JSON."""
    if path.suffix == ".csv":
        numbers(study).write_csv(path)
    elif path.suffix == ".parquet":
        numbers(study).write_parquet(path)
    else:
        text = json.dumps(document(study), indent=2, default=lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
        path.write_text(text + "\n", encoding="utf-8")
