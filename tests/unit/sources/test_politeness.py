"""How a host is asked: not too often, not too widely, and not at all while it wants or needs to be left alone."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from monitor.errors import Unavailable
from monitor.sources.politeness import FIRST_PAUSE, LONGEST_PAUSE, LONGEST_RETRY_AFTER, TRIP_AFTER, Host, together

START = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Time:
    """A clock that only sleeping, or a test, moves."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.set_by = timedelta(0)

    def clock(self) -> datetime:
        return START + self.set_by + timedelta(seconds=self.seconds)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.seconds += seconds

    def host(self, per_second: float = 1000.0, connections: int = 8) -> Host:
        return Host(
            "registry.example",
            per_second=per_second,
            connections=connections,
            clock=self.clock,
            elapsed=lambda: self.seconds,
            sleep=self.sleep,
        )


@pytest.fixture
def time() -> Time:
    return Time()


def trip(host: Host) -> None:
    for _ in range(TRIP_AFTER):
        host.failed("503 Service Unavailable")


async def test_no_more_requests_run_at_once_than_connections(time: Time) -> None:
    host, running, most = time.host(connections=3), 0, 0

    async def ask() -> None:
        nonlocal running, most
        async with host.turn():
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1

    await asyncio.gather(*(ask() for _ in range(20)))
    assert most == 3


async def test_requests_that_come_together_are_spread_to_the_rate(time: Time) -> None:
    host = time.host(per_second=10.0, connections=1)
    began = []
    for _ in range(11):
        async with host.turn():
            began.append(time.seconds)
    # The first may go at once, and one more that the idle time before has earned.
    assert began[-1] - began[0] == pytest.approx(0.9, abs=0.11)


async def test_one_failure_fewer_than_the_limit_leaves_the_host_open(time: Time) -> None:
    host = time.host()
    for _ in range(TRIP_AFTER - 1):
        host.failed("503")
    async with host.turn():
        host.succeeded()
    assert host.health().state == "up"


async def test_an_open_breaker_refuses_at_once_and_says_until_when(time: Time) -> None:
    host = time.host()
    trip(host)
    with pytest.raises(Unavailable, match="503 Service Unavailable") as raised:
        await host.turn().__aenter__()
    assert raised.value.retry_after == FIRST_PAUSE
    assert host.health().state == "down"
    assert host.health().down_since == START


async def test_a_half_open_breaker_lets_one_request_try(time: Time) -> None:
    host = time.host(per_second=1.0)
    trip(host)
    time.seconds += FIRST_PAUSE.total_seconds() + 1
    tried = 0

    async def ask() -> None:
        nonlocal tried
        with suppress(Unavailable):
            async with host.turn():
                tried += 1
                await asyncio.sleep(0)
                host.failed("503")

    await asyncio.gather(*(ask() for _ in range(10)))
    assert tried == 1


async def test_each_failed_try_doubles_the_pause_to_a_limit(time: Time) -> None:
    host = time.host()
    trip(host)
    pauses = []
    for _ in range(8):
        retry_at = host.health().retry_at
        assert retry_at is not None
        pauses.append(retry_at - time.clock())
        time.seconds += pauses[-1].total_seconds() + 1
        async with host.turn():
            host.failed("503")
    assert pauses[:3] == [FIRST_PAUSE, FIRST_PAUSE * 2, FIRST_PAUSE * 4]
    assert pauses[-1] == LONGEST_PAUSE


async def test_requests_that_were_under_way_when_the_breaker_opened_do_not_lengthen_its_pause(time: Time) -> None:
    host = time.host()
    trip(host)
    trip(host)
    assert host.health().retry_at == START + FIRST_PAUSE


async def test_a_success_that_was_under_way_does_not_end_a_wish_to_be_left_alone(time: Time) -> None:
    host = time.host()
    async with host.turn():
        host.slowed(timedelta(seconds=60))
        host.succeeded()
    with pytest.raises(Unavailable, match="asked us to wait"):
        await host.turn().__aenter__()


async def test_the_first_success_closes_the_breaker_for_everyone(time: Time) -> None:
    host = time.host()
    trip(host)
    time.seconds += FIRST_PAUSE.total_seconds() + 1
    async with host.turn():
        host.succeeded()
    async with host.turn(), host.turn():
        pass
    assert (host.health().state, host.health().last_error) == ("up", "")


async def test_a_cancelled_try_lets_the_next_one_try(time: Time) -> None:
    host = time.host()
    trip(host)
    time.seconds += FIRST_PAUSE.total_seconds() + 1

    async def hang() -> None:
        async with host.turn():
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with host.turn():
        host.succeeded()
    assert host.health().state == "up"


async def test_a_request_that_waits_for_its_turn_hears_that_the_host_wants_to_be_left_alone(time: Time) -> None:
    host, asked = time.host(per_second=1.0), 0

    async def ask() -> None:
        nonlocal asked
        with suppress(Unavailable):
            async with host.turn():
                asked += 1
                if asked == 2:
                    host.slowed(timedelta(seconds=60))

    await asyncio.gather(*(ask() for _ in range(8)))
    assert asked == 2


@pytest.mark.parametrize(
    ("stated", "obeyed"),
    [
        (timedelta(seconds=120), timedelta(seconds=120)),
        (timedelta(days=-30), timedelta(seconds=1)),
        (timedelta(days=3000), LONGEST_RETRY_AFTER),
    ],
)
async def test_a_wish_to_be_left_alone_is_kept_within_reason(time: Time, stated: timedelta, obeyed: timedelta) -> None:
    host = time.host()
    assert host.slowed(stated) == obeyed
    assert host.health().state == "slowed"
    time.seconds += obeyed.total_seconds() - 0.5
    with pytest.raises(Unavailable, match="asked us to wait"):
        await host.turn().__aenter__()
    time.seconds += 1
    async with host.turn():
        pass


async def test_new_limits_count_from_the_next_request_on(time: Time) -> None:
    host = time.host(connections=1)
    async with host.turn():
        host.limit(1000.0, 2)
        async with host.turn(), host.turn():
            assert host.health().state == "up"


@pytest.mark.parametrize("by", [timedelta(days=-1), timedelta(days=1)])
async def test_a_clock_that_is_set_neither_shuts_a_host_out_nor_lets_it_be_asked_too_soon(
    time: Time, by: timedelta
) -> None:
    host = time.host()
    host.slowed(timedelta(seconds=120))
    time.set_by = by
    time.seconds = 119
    with pytest.raises(Unavailable) as raised:
        async with host.turn():
            pass
    assert raised.value.retry_after == timedelta(seconds=1)
    assert host.health().retry_at == START + by + timedelta(seconds=120)
    time.seconds = 121
    async with host.turn():
        pass


async def test_a_host_is_down_for_as_long_as_it_was_whatever_the_clock_says(time: Time) -> None:
    host = time.host()
    trip(host)
    time.seconds = 20
    time.set_by = timedelta(days=1)
    assert host.health().down_since == START + timedelta(days=1)


async def test_a_host_of_two_registries_is_one_and_as_well_as_the_worse_of_them(time: Time) -> None:
    npm, pypi = time.host(), time.host()
    npm.succeeded()
    trip(pypi)
    for order in ([npm, pypi], [pypi, npm]):
        (one,) = together(host.health() for host in order)
        assert (one.state, one.last_ok_at, one.successes, one.failures) == ("down", START, 1, TRIP_AFTER)
