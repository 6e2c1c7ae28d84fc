from __future__ import annotations

from pathlib import Path

from monitor.signals.reference import reference


def test_the_page_is_up_to_date() -> None:
    page = Path(__file__).parents[3] / "docs" / "signals.md"
    assert page.read_text(encoding="utf-8") == reference()
