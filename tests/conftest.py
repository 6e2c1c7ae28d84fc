"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# How long an example takes says what else the machine does: times are for benchmarks/.
settings.register_profile("weaklink", deadline=None)
settings.load_profile("weaklink")
