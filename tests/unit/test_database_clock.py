"""The time that follows a database's clock, whatever the machine's own says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from monitor.store.clock import LARGEST_STEP, SLOWEST, DatabaseClock

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
SPANS = st.floats(0, 7200, allow_nan=False)


class Machine:
    """A monotonic clock that a test moves, and a database whose time may be set."""

    def __init__(self) -> None:
        self.at = 1000.0
        self.set_by = timedelta(0)
        self.clock = DatabaseClock(lambda: self.at)

    @property
    def database(self) -> datetime:
        return START + timedelta(seconds=self.at) + self.set_by

    def look(self, there: float = 0.0, back: float = 0.0) -> None:
        asked = self.at
        self.at += there
        told = self.database
        self.at += back
        self.clock.seen(told, asked, self.at)


@given(st.lists(st.tuples(SPANS, st.floats(0, 3), st.floats(0, 3)), max_size=30))
def test_it_is_as_right_as_the_looks_are_quick(steps: list[tuple[float, float, float]]) -> None:
    machine = Machine()
    machine.look()
    shown = machine.clock()
    for passed, there, back in steps:
        machine.at += passed
        machine.look(there, back)
        now = machine.clock()
        assert now >= shown
        assert abs(now - machine.database) <= timedelta(seconds=SLOWEST / 2 + 1e-3)
        shown = now


@given(st.lists(st.tuples(SPANS, st.floats(-90_000, 90_000), st.booleans()), max_size=30))
def test_it_never_goes_back_and_no_look_moves_it_far(steps: list[tuple[float, float, bool]]) -> None:
    machine = Machine()
    machine.look()
    shown, at = machine.clock(), machine.at
    for passed, set_by, looks in steps:
        machine.at += passed
        machine.set_by += timedelta(seconds=set_by)
        if looks:
            machine.look()
        now = machine.clock()
        gone = timedelta(seconds=machine.at - at)
        assert gone / 2 - timedelta(milliseconds=1) <= now - shown <= gone + LARGEST_STEP + timedelta(milliseconds=1)
        shown, at = now, machine.at


def test_it_goes_half_as_fast_until_a_clock_that_was_set_back_has_caught_up() -> None:
    machine = Machine()
    machine.look()
    before = machine.clock()
    machine.set_by = timedelta(seconds=-60)
    machine.look()
    machine.at += 100
    assert machine.clock() - before == timedelta(seconds=50)
    machine.at += 100
    assert machine.clock() == machine.database
