"""A table as a Parquet file; needs Polars, which the extra ``study`` brings."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from monitor.export.tables import Table
from monitor.spans import iso


def write_parquet(table: Table, pages: Iterable[list[dict[str, Any]]], file: Path) -> int:
    """Write the file and tell its rows. Numbers and moments keep their type; what has parts is JSON."""
    import polars

    kinds = {name: _kind(name) for name in table.columns}
    schema = {
        name: {"moment": polars.Datetime("us", "UTC"), "number": polars.Int64(), "text": polars.String()}[kind]
        for name, kind in kinds.items()
    }
    frames = [
        polars.DataFrame(
            {name: [_cell(row.get(name), kind) for row in page] for name, kind in kinds.items()}, schema=schema
        )
        for page in pages
    ]
    whole = polars.concat(frames) if frames else polars.DataFrame(schema=schema)
    whole.write_parquet(file)
    return whole.height


def _kind(column: str) -> str:
    if column == "id":
        return "number"
    return "moment" if column in {"at", "since"} or column.endswith(("_at", "_seen")) else "text"


def _cell(value: Any, kind: str) -> Any:
    if value is None or kind == "number":
        return value
    if kind == "moment":
        return value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return value if isinstance(value, str) else json.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    return iso(value) if isinstance(value, datetime) else str(value)
