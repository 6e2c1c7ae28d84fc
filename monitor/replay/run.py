"""A folder of files, each replayed by itself, on every processor."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from config.settings import Settings
from monitor.replay.histories import read_document
from monitor.replay.incidents.convert import convert
from monitor.replay.incidents.facts import read_facts
from monitor.replay.pipeline import replay
from monitor.replay.score import Score
from monitor.replay.timelines import ReplayError, Timeline, read

FEW: Final = 4
"""Files that are not worth another process."""


def _incident(file: Path) -> Timeline:
    return convert(read_facts(file), str(file))


READERS: Final[Mapping[str, Callable[[Path], Timeline]]] = {
    "timelines": read,
    "incidents": _incident,
    "documents": read_document,
}
"""How a file becomes a timeline: it is one, it tells the facts of an incident, or it is a registry's document."""


def files_of(folder: Path) -> list[Path]:
    """The folder's JSON files by name, gzipped ones too."""
    return sorted(file for file in folder.iterdir() if file.name.endswith((".json", ".json.gz")) and file.is_file())


def replayed(files: Sequence[Path], sort: str, settings: Settings, out: Path | None) -> Iterator[Score | ReplayError]:
    """The score of each file, in order, or what breaks its format. ``out`` is a folder for the timelines themselves."""
    one = partial(_one, sort=sort, settings=settings, out=out)
    if len(files) <= FEW or (os.cpu_count() or 1) == 1:
        yield from map(one, files)
        return
    with ProcessPoolExecutor(min(os.cpu_count() or 1, len(files)), initializer=_look_for_cycles_less_often) as pool:
        yield from pool.map(one, files)


def _look_for_cycles_less_often() -> None:
    """Documents make objects by the hundred thousand, none of them in cycles."""
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


def _one(file: Path, sort: str, settings: Settings, out: Path | None) -> Score | ReplayError:
    try:
        timeline = READERS[sort](file)
        if out is not None:
            (out / file.name.removesuffix(".gz")).write_bytes(msgspec.json.encode(document(timeline)))
        return replay(timeline, settings)
    except ReplayError as error:
        return error


def document(timeline: Timeline) -> dict[str, Any]:
    """The timeline in the format that ``read`` reads."""
    return {
        "id": timeline.id,
        "title": timeline.title,
        "expect": timeline.expect,
        "quiet_until": timeline.quiet_until,
        "observations": [{"at": one.at, one.sort: one.document} for one in timeline.observations],
    }
