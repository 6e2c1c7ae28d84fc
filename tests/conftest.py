"""What holds for all tests."""

from __future__ import annotations

import os
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings

LONG: Final = "long"
TIMES: Final = int(os.environ.get("HYPOTHESIS_TIMES", "50"))
"""How many times the examples of every property the profile ``long`` makes (docs/fuzzing.md)."""

# How long an example takes says what else the machine does: times are for benchmarks/.
settings.register_profile("ci", deadline=None)
settings.register_profile(LONG, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
PROFILE: Final = os.environ.get("HYPOTHESIS_PROFILE", "ci")
settings.load_profile(PROFILE)


def pytest_addoption(parser: pytest.Parser) -> None:
    """How thorough the tests of sudden ends are; docs/performance.md has what longer runs showed."""
    parser.addoption("--kills", type=int, default=200, help="Daemons that are killed at random moments.")
    parser.addoption("--cuts", type=int, default=100, help="Random moments at which the power fails.")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A profile gives no number of examples to tests that state their own, so the long run multiplies what each has."""
    if PROFILE != LONG:
        return
    for item in items:
        test: Any = getattr(item, "obj", None)
        test = getattr(test, "__func__", test)
        if is_hypothesis_test(test):
            own: Any = getattr(test, "_hypothesis_internal_use_settings", None) or settings.default
            test._hypothesis_internal_use_settings = settings(own, max_examples=own.max_examples * TIMES)
