"""A look at everything, and how long its answer is good."""

from __future__ import annotations

import pytest

from monitor.sparing import AT_MOST, RESTS, Sparing


class Looking:
    """A look that takes some seconds, by a clock of its own."""

    def __init__(self, takes: float) -> None:
        self.takes = takes
        self.now = 0.0
        self.looks = 0
        self._known: Sparing[int] = Sparing(lambda: self.now)

    def ask(self) -> tuple[int, float]:
        return self._known.get(self._look)

    def _look(self) -> int:
        self.looks += 1
        self.now += self.takes
        return self.looks


def test_a_dear_answer_is_good_for_a_hundred_times_what_it_cost_and_tells_its_age() -> None:
    looking = Looking(takes=2.0)
    assert looking.ask() == (1, 2.0)
    looking.now = RESTS * 2.0 - 1
    assert looking.ask() == (1, RESTS * 2.0 - 1)
    looking.now = RESTS * 2.0
    assert looking.ask() == (2, 2.0)


def test_a_small_store_is_looked_at_nearly_each_time() -> None:
    looking = Looking(takes=0.002)
    for number in range(5):
        assert looking.ask()[0] == number + 1
        looking.now += 1.0


def test_no_answer_is_older_than_ten_minutes() -> None:
    looking = Looking(takes=60.0)
    looking.ask()
    looking.now = AT_MOST - 1
    assert looking.ask() == (1, AT_MOST - 1)
    looking.now = AT_MOST
    assert looking.ask()[0] == 2


def test_a_look_that_failed_is_no_answer() -> None:
    known: Sparing[int] = Sparing(lambda: 0.0)
    with pytest.raises(ZeroDivisionError):
        known.get(lambda: 1 // 0)
    assert known.get(lambda: 7)[0] == 7
