"""What is exported is what is stored, in forms that other programs take."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def taken(weaklink: Run, registry: Any, taken_over: Any) -> Run:
    """The command line of a watch whose one package was taken over."""
    weaklink("check")
    document = taken_over()
    document["versions"]["1.4.0"]["license"] = "=cmd|' /C calc'!A0"
    registry.documents["/left-pad"] = document
    assert weaklink("check").returncode == 0
    return weaklink


def test_changes_are_the_same_as_lines_as_a_table_and_as_parquet(taken: Run, folder: Path) -> None:
    told = {one["id"]: one for one in json.loads(taken("--json", "changes", "--since", "3650d").stdout)}
    lines = [json.loads(line) for line in taken("export").stdout.splitlines()]
    assert {one["id"]: one["kind"] for one in lines} == {number: one["kind"] for number, one in told.items()}
    table = list(csv.DictReader(io.StringIO(taken("export", "--format", "csv").stdout)))
    assert [int(row["id"]) for row in table] == [one["id"] for one in lines]
    assert not any(cell.startswith("=") for row in table for cell in row.values()), "no spreadsheet runs a cell"
    assert taken("export", "--format", "parquet", "--output", "changes.parquet").returncode == 0
    frame = polars.read_parquet(folder / "changes.parquet")
    assert frame["id"].to_list() == [one["id"] for one in lines]
    assert frame.schema["at"] == polars.Datetime("us", "UTC")
    assert json.loads(frame["evidence"][0]) == lines[0]["evidence"]


@pytest.mark.parametrize(("table", "least"), [("alerts", 1), ("snapshots", 2), ("signals", 0)])
def test_every_table_can_be_had(taken: Run, table: str, least: int) -> None:
    done = taken("export", table)
    assert (done.returncode, len(done.stdout.splitlines()) >= least) == (0, True)
    assert taken("export", table, "--format", "csv").stdout.count("\n") == len(done.stdout.splitlines()) + 1


def test_the_watchlist_is_a_valid_bill_of_materials_with_what_holds(taken: Run) -> None:
    text = taken("export", "--format", "cyclonedx").stdout
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    (component,) = json.loads(text)["components"]
    assert (component["purl"], component["name"]) == ("pkg:npm/left-pad", "left-pad")
    told = {one["name"]: one["value"] for one in component["properties"]}
    assert told["weaklink:watch"] == "shop"
    assert told["weaklink:alert"].startswith("critical: ")


def test_a_file_that_is_there_stays(taken: Run, folder: Path) -> None:
    (folder / "mine").write_text("mine")
    done = taken("export", "--output", "mine")
    assert (done.returncode, (folder / "mine").read_text()) == (2, "mine")
    assert "exists already" in done.stderr
    assert taken("export", "--format", "parquet").returncode == 2
    assert not list(folder.glob(".*.part"))
