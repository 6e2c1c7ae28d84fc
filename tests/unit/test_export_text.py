"""Cells that strangers wrote: no spreadsheet runs them, and no terminal is moved by them."""

from __future__ import annotations

import csv
import io

import pytest

from monitor.export.text import as_csv


def cell(value: object) -> str:
    (row,) = csv.DictReader(io.StringIO(as_csv(["told"], [{"told": value}]), newline=""))
    return row["told"]


@pytest.mark.parametrize("value", ["=1+1", " =1+1", "\t@x", "＝1+1", "\n=1+1", "-1+1"])
def test_no_cell_is_a_formula(value: str) -> None:
    assert cell(value).startswith("'")


def test_what_moves_a_terminal_or_hides_is_shown_by_its_number() -> None:
    assert cell("a\x1b]0;x\x07\u202eb\nc\x00") == "a⟨U+001B⟩]0;x⟨U+0007⟩⟨U+202E⟩b\nc"
