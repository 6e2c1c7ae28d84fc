"""Parquet: the same columns, judged a whole column at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import polars as pl

from monitor.study.faults import NAMED, Fault, Faults, place
from monitor.study.lines import BrokenStream
from monitor.study.records import (
    COLUMNS,
    LARGEST_COUNT,
    LONGEST_ADDRESS,
    LONGEST_NAME,
    MOST_SEATS,
    PACKAGES,
    SEATS,
    Batch,
)

ROWS: Final = 100_000
"""Rows that are read at once."""
MOST_ROWS: Final = 100_000_000
"""No registry has so many packages; a file of a few bytes can claim to have far more."""
_SEAT: Final = {"name": pl.String(), "email": pl.String(), "domain_expired": pl.Boolean()}


def read_parquet(path: Path, file: int, faults: Faults, progress: Callable[[int], None]) -> Iterator[Batch]:
    """The batches of a Parquet file. A column of another type than it should have is unknown as a whole."""
    size = path.stat().st_size
    try:
        source = pl.scan_parquet(path)
        schema = source.collect_schema()
        rows: int = source.select(pl.len()).collect().item()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise BrokenStream(f"no Parquet file: {_first_line(error)}") from None
    if rows > MOST_ROWS:
        raise BrokenStream(f"it claims to have {rows:,} rows")
    wrong = [column for column in COLUMNS if column in schema and not _fits(column, schema[column])]
    if "name" in wrong or "name" not in schema:
        raise BrokenStream("it has no column name of text, so nothing in it can be counted")
    for column in wrong:
        faults.note(
            Fault.WRONG_TYPE, [place(file, 0)], max(rows, 1), column=column, reason=f"the column is {schema[column]}"
        )
    usable = [column for column in COLUMNS if column in schema and column not in wrong]
    for start in range(0, rows, ROWS):
        try:
            found = source.select(usable).slice(start, ROWS).collect()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise BrokenStream(f"damaged after row {start}: {_first_line(error)}") from None
        yield _judge(found, place(file, start + 1), faults)
        progress(size * min(start + ROWS, rows) // rows - size * start // rows)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _fits(column: str, type_: pl.DataType) -> bool:
    if column == "name":
        return isinstance(type_, (pl.String, pl.Categorical, pl.Enum))
    if column == "maintainers":
        if not isinstance(type_, pl.List) or not isinstance(type_.inner, pl.Struct):
            return False
        inner = type_.inner.to_schema()
        return "name" in inner and all(inner.get(name, wanted) in (wanted, pl.Null) for name, wanted in _SEAT.items())
    if column == "last_release_at":
        return isinstance(type_, (pl.String, pl.Datetime, pl.Date, pl.Null))
    if column == "install_script":
        return isinstance(type_, (pl.Boolean, pl.Null))
    return type_.is_integer() or isinstance(type_, pl.Null)


def _judge(found: pl.DataFrame, first: int, faults: Faults) -> Batch:
    """The rows as a batch; names, counts and seats that cannot be are noted and left out or unknown."""
    found = found.with_columns(place=pl.int_range(first, first + len(found), dtype=pl.Int64))

    def note(fault: Fault, wrong: pl.Expr, column: str) -> None:
        at = found.filter(wrong)["place"]
        faults.note(fault, at.head(NAMED), at.len(), column=column)

    name = pl.col("name").cast(pl.String)
    nameless = ~name.str.len_chars().is_between(1, LONGEST_NAME).fill_null(False)
    note(Fault.NO_NAME, nameless, "")
    found = found.filter(~nameless)
    columns = {"place": pl.col("place"), "name": name}
    for column in ("contributors", "dependents"):
        if column in found.columns:
            wrong = ~pl.col(column).is_between(0, LARGEST_COUNT)
            note(Fault.WRONG_TYPE, wrong, column)
            columns[column] = pl.when(~wrong).then(pl.col(column)).cast(pl.Int64)
    if "last_release_at" in found.columns:
        columns["last_release_at"] = _as_text(found.schema["last_release_at"])
    if "install_script" in found.columns:
        columns["install_script"] = pl.col("install_script").cast(pl.Boolean)
    seats = SEATS.to_frame()
    if "maintainers" in found.columns:
        seats = _seats(found)
        fits = pl.col("name").str.len_chars().is_between(1, LONGEST_NAME).fill_null(False)
        bad = seats.filter(~fits | (pl.col("email").str.len_chars() > LONGEST_ADDRESS).fill_null(False))
        many = found.filter(pl.col("maintainers").list.len() > MOST_SEATS)
        broken = pl.col("place").is_in(pl.concat([bad["place"].unique(), many["place"]]).implode())
        note(Fault.WRONG_TYPE, broken, "maintainers")
        seats = seats.filter(~broken)
        columns["seats"] = pl.when(~broken).then(pl.col("maintainers").list.len().cast(pl.Int64))
    missing = {column: pl.lit(None, type_) for column, type_ in PACKAGES.items() if column not in columns}
    return Batch(found.select(**(columns | missing)).select(PACKAGES.names()), seats)


def _as_text(type_: pl.DataType) -> pl.Expr:
    column = pl.col("last_release_at")
    if isinstance(type_, (pl.Datetime, pl.Date)):
        moment = column.cast(pl.Datetime("ms"))
        if isinstance(type_, pl.Datetime) and type_.time_zone:
            moment = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None).cast(pl.Datetime("ms"))
        return moment.dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
    return column.cast(pl.String)


def _seats(found: pl.DataFrame) -> pl.DataFrame:
    listed = found.select("place", "maintainers").filter(pl.col("maintainers").list.len() > 0).explode("maintainers")
    told = found.schema["maintainers"].inner.to_schema()  # type: ignore[attr-defined]
    return listed.select(
        "place",
        *(
            (pl.col("maintainers").struct.field(name) if name in told else pl.lit(None)).cast(type_).alias(name)
            for name, type_ in _SEAT.items()
        ),
    )
