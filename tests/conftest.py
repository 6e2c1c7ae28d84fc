"""What holds for all tests."""

from __future__ import annotations

import pytest
from hypothesis import settings

# How long an example takes says what else the machine does: times are for benchmarks/.
settings.register_profile("weaklink", deadline=None)
settings.load_profile("weaklink")


def pytest_addoption(parser: pytest.Parser) -> None:
    """How thorough the tests of sudden ends are; docs/performance.md has what longer runs showed."""
    parser.addoption("--kills", type=int, default=200, help="Daemons that are killed at random moments.")
    parser.addoption("--cuts", type=int, default=100, help="Random moments at which the power fails.")
