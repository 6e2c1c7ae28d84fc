"""What an address of a page asks for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitor.web.filters import BadInput, since

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("7d", NOW - timedelta(days=7)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T12:00+02:00", datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("all", None),
        ("", None),
    ],
)
def test_since_is_a_duration_or_a_moment(asked: str, found: datetime | None) -> None:
    assert since({"since": asked}, NOW) == found


@pytest.mark.parametrize(
    "asked", ["soon", "2026-13-01", "0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00", "9" * 30 + "d"]
)
def test_a_since_that_is_no_moment_is_bad_input(asked: str) -> None:
    with pytest.raises(BadInput):
        since({"since": asked}, NOW)
