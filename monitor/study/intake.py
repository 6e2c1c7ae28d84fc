"""Any input, file by file and block by block, as columns on disk: what is held in memory is one block."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from config.names import BadName, parse_domain
from monitor.study.columns import read_parquet
from monitor.study.decoding import read_block, read_document
from monitor.study.faults import MOST_FILES, Fault, Faults, place
from monitor.study.lines import LONGEST_LINE, BrokenStream, blocks, content
from monitor.study.problems import BadInput
from monitor.study.records import Batch, Record, batch
from monitor.study.settle import Rules, settle

STDIN: Final = Path("-")
_LINES: Final = (".jsonl", ".ndjson")
_DOCUMENT: Final = ".json"
_PARQUET: Final = ".parquet"
_TOGETHER: Final = 50_000
"""Records and maintainers that are written as one batch, so that what is held does not grow with small files."""

Progress = Callable[[int], None]
"""Is told how many bytes of the input were read since the last time."""


def inputs(paths: Sequence[Path]) -> list[Path]:
    """The files that these paths mean, folders walked through in the order of names."""
    found: list[Path] = []
    for path in paths:
        if path != STDIN and path.is_dir():
            inside = [
                Path(folder, name)
                for folder, _folders, names in sorted(os.walk(path))
                for name in sorted(names)
                if _sort(Path(name))
            ]
            if not inside:
                raise BadInput(f"{path}: the folder holds no .json, .jsonl, .ndjson (.gz) or .parquet file")
            found += inside
        elif path == STDIN or _sort(path):
            found.append(path)
        else:
            raise BadInput(
                f"{path}: its name does not say what it is; JSON Lines end in .jsonl or .ndjson, a packument in .json, "
                "either also in .gz, and Parquet in .parquet"
            )
    if len(found) > MOST_FILES:
        raise BadInput(f"{len(found)} files are too many; put the packuments into one .jsonl, a line each")
    return found


def _sort(path: Path) -> str:
    suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    known = (*_LINES, _DOCUMENT) if path.suffix == ".gz" else (*_LINES, _DOCUMENT, _PARQUET)
    return suffix if suffix in known else ""


def read_domains(path: Path) -> frozenset[str]:
    """A list of expired domains, a line each; blank lines and ``#`` comments are left out."""
    found = set()
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            name = line.partition("#")[0].strip()
            if name:
                try:
                    found.add(parse_domain(name))
                except BadName as error:
                    raise BadInput(f"{path}, line {number}: {error}") from None
    return frozenset(found)


def take_in(files: Sequence[Path], folder: Path, rules: Rules, faults: Faults, progress: Progress) -> None:
    """Write the settled records of all files to ``folder`` (``write_batch``)."""
    for number, found in enumerate(_batches(files, faults, progress)):
        write_batch(settle(found, rules, faults), folder, number)


def write_batch(settled: Batch, folder: Path, number: int) -> None:
    settled.packages.write_parquet(folder / f"packages-{number:06}.parquet", compression="lz4")
    settled.seats.write_parquet(folder / f"seats-{number:06}.parquet", compression="lz4")


def _batches(files: Sequence[Path], faults: Faults, progress: Progress) -> Iterator[Batch]:
    records: list[Record] = []
    places: list[int] = []
    weight = 0
    for number, path in enumerate(files):
        for found in _read(path, number, faults, progress):
            if isinstance(found, Batch):
                yield found
                continue
            records += found[0]
            places += found[1]
            weight += sum(1 + len(record.maintainers or ()) for record in found[0])
            if weight >= _TOGETHER:
                yield batch(records, places)
                records, places, weight = [], [], 0
    yield batch(records, places)


def _read(
    path: Path, number: int, faults: Faults, progress: Progress
) -> Iterable[Batch | tuple[list[Record], Sequence[int]]]:
    try:
        if path == STDIN:
            for block in blocks(sys.stdin.buffer):
                yield read_block(block, number, faults)
        elif not stat.S_ISREG(path.stat().st_mode):
            faults.note(Fault.BROKEN_FILE, [place(number, 0)], reason="no regular file")
        elif _sort(path) == _PARQUET:
            yield from read_parquet(path, number, faults, progress)
        elif _sort(path) == _DOCUMENT:
            yield _document(path, number, faults)
            progress(path.stat().st_size)
        else:
            with path.open("rb") as file:
                told = 0
                for block in blocks(content(file, path)):
                    yield read_block(block, number, faults)
                    progress(file.tell() - told)
                    told = file.tell()
    except BrokenStream as error:
        faults.note(Fault.BROKEN_FILE, [place(number, 0)], reason=str(error))
    except OSError as error:
        faults.note(Fault.BROKEN_FILE, [place(number, 0)], reason=error.strerror or str(error))


def _document(path: Path, number: int, faults: Faults) -> tuple[list[Record], list[int]]:
    """A file that is one document."""
    at = place(number, 1)
    with path.open("rb") as file:
        text = content(file, path).read(LONGEST_LINE + 1)
    if len(text) > LONGEST_LINE:
        faults.note(Fault.LONG_LINE, [at])
        return [], []
    record = read_document(text.removeprefix(b"\xef\xbb\xbf"), at, faults)
    return ([record], [at]) if record is not None else ([], [])
