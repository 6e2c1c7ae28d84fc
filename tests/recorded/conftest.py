"""The suite over real recorded documents: runs in place over ``RECORDED_DATA=DIR``, and only then is it collected."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DATA = os.environ.get("RECORDED_DATA", "")

collect_ignore_glob = [] if DATA else ["test_*.py"]


@pytest.fixture(scope="session")
def recorded() -> Path:
    """The folder of recorded documents (``npm/``, ``pypi/``, ``rdap/``, ``whois/``, ``locks/``, ``incidents/``)."""
    return Path(DATA)
