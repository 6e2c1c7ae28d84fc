"""The page about the kinds says what the table says."""

from __future__ import annotations

from pathlib import Path

from monitor.changes.reference import reference


def test_the_page_is_up_to_date() -> None:
    page = Path(__file__).parents[3] / "docs" / "kinds.md"
    assert page.read_text(encoding="utf-8") == reference()
