"""The daemon, killed by SIGKILL at random moments of its work, again and again, while things change."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.services.forked import daemon, stop
from tests.services.watch import Watch, wait_for

log = logging.getLogger(__name__)

WATCHES = 10
"""Daemons that live and die at the same time, each over a database of its own."""


def test_what_happens_while_the_daemon_is_killed_hundreds_of_times_is_recorded_and_told_once(
    tmp_path: Path, registry: Any, sink: Any, pytestconfig: pytest.Config
) -> None:
    kills = pytestconfig.getoption("kills") // WATCHES

    def lives(number: int) -> tuple[int, int]:
        """How many messages it told, and how many came again."""
        rng = Random(number)
        here = Watch(tmp_path / f"watch-{number}", registry, sink, packages=kills // 2)
        with daemon(here.config) as running:
            assert wait_for(here.seen, running)
            assert stop(running) == 0
        here.assert_status_is_true(running=False)
        untouched = list(here.packages)
        for kill in range(kills):
            if untouched and kill % 2 == 0:
                here.take_over(untouched.pop())
            asked = kill % 5 == 0
            with daemon(here.config, await_ready=asked) as running:
                if asked:
                    here.assert_status_is_true()
                time.sleep(rng.uniform(0, 1))
                running.kill()
                running.join(60)
            here.died()
        with daemon(here.config) as running:
            assert wait_for(here.told, running), str(here)
            here.assert_status_is_true()
            assert stop(running) == 0
        return len(here.taken), here.assert_nothing_lost_nothing_twice()

    with ThreadPoolExecutor(WATCHES) as threads:
        lived = list(threads.map(lives, range(WATCHES)))
    told, again = (sum(counts) for counts in zip(*lived, strict=True))
    log.info("%d kills, %d messages, none lost; %d came again, which were on their way", kills * WATCHES, told, again)
