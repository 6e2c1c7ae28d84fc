"""Following a feed: whatever it tells, skips or forgets, no change of a watched package is missed."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlmodel import col

from config.settings import Schedule
from monitor.errors import Unavailable
from monitor.feeds.follow import Follower, Rhythm
from monitor.feeds.model import Announced, Page, reached
from monitor.schedule import AWAIT_FOR, until_shown
from monitor.store.engine import Store, StoreError
from monitor.store.tables import Target
from monitor.store.targets import add_targets
from monitor.store.upgrade import upgrade

START = datetime(2026, 11, 1, 12, tzinfo=UTC)
HOUR = Schedule().packages
WATCHED = ("pkg:npm/express", "pkg:npm/lodash", "pkg:npm/qs")


class Feed:
    """A feed that tells what a test puts into it."""

    source = "npm"

    def __init__(self) -> None:
        self.rows: list[tuple[int, str, str]] = []
        self.newest = 100
        self.down = False
        self.page = 1000

    def tell(self, name: str, revision: str = "") -> None:
        self.newest += 1
        self.rows.append((self.newest, f"pkg:npm/{name}", revision))

    async def head(self) -> int:
        if self.down:
            raise Unavailable("feed.example", "503")
        return self.newest

    async def after(self, cursor: int) -> Page:
        if self.down:
            raise Unavailable("feed.example", "503")
        rows = [row for row in self.rows if row[0] > cursor][: self.page]
        last = rows[-1][0] if rows else min(cursor, self.newest) if cursor > self.newest else cursor
        return Page(tuple(Announced(name, rev) for _, name, rev in rows), last, len(rows), len(rows) == self.page)


class Watch:
    """A store of three packages, far from due, with a feed that is followed."""

    def __init__(self, folder: Path) -> None:
        self.now = START
        self.store = Store(f"sqlite:///{folder}/weaklink.db")
        upgrade(self.store, START)
        with self.store.transaction() as session:
            add_targets(session, [(name, "package") for name in WATCHED], START, Random(0), listed=True)
        self.put_off()
        self.feed = Feed()
        self.nudges = 0
        self.begin()

    def begin(self) -> None:
        def nudge() -> None:
            self.nudges += 1

        self.follower = Follower(
            self.feed, self.store, lambda: self.now, lambda: self.now.timestamp(), Random(0), HOUR, nudge
        )

    def put_off(self) -> None:
        with self.store.transaction() as session:
            session.execute(update(Target).values(due_at=self.now + timedelta(hours=24)))

    def look(self, later: timedelta = timedelta(seconds=3)) -> None:
        self.now += later
        while asyncio.run(self.follower.advance()):
            pass

    def due(self, within: timedelta = timedelta(0)) -> set[str]:
        with self.store.reading() as session:
            return set(session.scalars(select(col(Target.subject)).where(col(Target.due_at) <= self.now + within)))


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    made = Watch(tmp_path)
    yield made
    made.store.close()


def test_the_first_time_everything_is_looked_at_within_the_usual_interval(watch: Watch) -> None:
    watch.look()
    assert watch.due() == set()
    assert watch.due(within=HOUR) == set(WATCHED)
    assert watch.follower.live


def test_a_watched_package_that_changes_is_due_at_once_and_nobody_waits_for_it(watch: Watch) -> None:
    watch.look()
    watch.feed.tell("express")
    watch.feed.tell("nobody-watches-this")
    watch.look()
    assert watch.due() == {"pkg:npm/express"}
    assert watch.nudges == 1


def test_a_restart_goes_on_where_the_work_is_recorded(watch: Watch) -> None:
    watch.look()
    watch.put_off()
    watch.begin()
    watch.feed.tell("qs")
    watch.look()
    assert watch.due(within=HOUR) == {"pkg:npm/qs"}


def test_work_that_could_not_be_written_is_told_again(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    watch.look()
    watch.feed.tell("lodash")

    async def full(_: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(watch.store, "write", full)
        with pytest.raises(StoreError):
            watch.look()
    watch.look()
    assert watch.due() == {"pkg:npm/lodash"}


def test_a_feed_that_begins_anew_has_everything_looked_at(watch: Watch) -> None:
    watch.look()
    watch.put_off()
    watch.feed.newest, watch.feed.rows = 3, [(3, "pkg:npm/qs", "")]
    watch.look()
    assert watch.due(within=HOUR) == set(WATCHED)


def test_a_feed_that_begins_anew_in_silence_shows_at_its_head(watch: Watch) -> None:
    watch.look()
    watch.put_off()

    async def silent(cursor: int) -> Page:
        return Page((), cursor, 0)

    watch.feed.newest, watch.feed.after = 3, silent  # type: ignore[method-assign]
    watch.look()
    assert watch.due(within=HOUR) == set()
    watch.look(timedelta(minutes=2))
    assert watch.due(within=HOUR) == set(WATCHED)


def test_a_feed_that_is_millions_ahead_is_not_caught_up_with(watch: Watch) -> None:
    watch.look()
    watch.put_off()
    watch.feed.newest += 5_000_000
    watch.begin()
    watch.look()
    assert watch.due(within=HOUR) == set(WATCHED)
    watch.feed.tell("qs")
    watch.look()
    assert watch.due() == {"pkg:npm/qs"}


def test_a_feed_that_is_down_is_not_relied_on_and_polling_goes_on(watch: Watch) -> None:
    watch.look()
    watch.put_off()
    watch.feed.down = True
    watch.look()
    assert watch.follower.live, "one answer that did not come is no outage"
    watch.look(timedelta(minutes=3))
    assert not watch.follower.live
    assert watch.due(within=HOUR) == set(WATCHED)
    health = watch.follower.health()
    assert (health.state, health.last_error, health.down_since) == ("down", "503", watch.now)
    watch.feed.down = False
    watch.look()
    assert watch.follower.live


def test_a_feed_that_stands_still_is_not_relied_on(watch: Watch) -> None:
    watch.look()
    for _ in range(30):
        watch.feed.tell("somebody-else")
        watch.look(timedelta(seconds=1))
    watch.put_off()
    watch.look(timedelta(minutes=9))
    assert watch.follower.live
    watch.look(timedelta(minutes=2))
    assert not watch.follower.live
    assert watch.follower.health().state == "stalled"
    assert watch.due(within=HOUR) == set(WATCHED)
    watch.feed.tell("express")
    watch.look()
    assert watch.follower.live
    assert "pkg:npm/express" in watch.due()


def test_a_quiet_private_feed_is_not_taken_for_one_that_stands_still() -> None:
    day = 86_400.0
    rhythm = Rhythm(began=0.0)
    for number in range(25):
        rhythm.heard(1, number * day)
    assert not rhythm.stalled(40 * day)
    assert rhythm.stalled(90 * day)


def test_what_was_fetched_in_the_announced_revision_is_not_fetched_again(watch: Watch) -> None:
    watch.look()
    watch.put_off()
    with watch.store.transaction() as session:
        session.execute(update(Target).values(revision="7-a"))
    watch.feed.tell("express", "7-a")
    watch.feed.tell("qs", "8-b")
    watch.look()
    assert watch.due() == {"pkg:npm/qs"}


@pytest.mark.parametrize(
    ("seen", "announced", "is_reached"),
    [
        ("8-a", "7-b", True),
        ("7-a", "8-b", False),
        ("123456", "123455", True),
        ("", "1-a", False),
        ("", "", False),
        ("x", "x", True),
        ("10-a", "9-a", True),
    ],
)
def test_a_revision_is_reached_by_its_number(seen: str, announced: str, is_reached: bool) -> None:
    assert reached(seen, announced) is is_reached


def test_a_cache_is_asked_again_ever_more_rarely_and_not_for_ever() -> None:
    at, looks = START, []
    while (wait := until_shown(START, at)) is not None:
        looks.append(wait)
        at += wait
    assert looks[0] == timedelta(seconds=10)
    assert looks == sorted(looks)
    assert len(looks) < 12
    assert at - START >= AWAIT_FOR


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("tell"), st.sampled_from(["express", "lodash", "qs", "other"])),
        st.sampled_from(["look", "restart", "reset", "down", "up", "leap"]).map(lambda what: (what, "")),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_no_announced_change_is_ever_missed(steps: list[tuple[str, str]]) -> None:
    """However a feed behaves, a package that changed is due at once or within the usual interval."""
    with tempfile.TemporaryDirectory() as folder:
        watch = Watch(Path(folder))
        watch.look()
        watch.put_off()
        changed: set[str] = set()
        for what, name in steps:
            match what:
                case "tell":
                    watch.feed.tell(name)
                    changed |= {f"pkg:npm/{name}"} & set(WATCHED)
                case "look":
                    watch.look()
                case "restart":
                    watch.begin()
                case "reset":
                    # What was told and not yet read is lost with the old sequence.
                    watch.feed.newest, watch.feed.rows = 1, []
                case "leap":
                    # A sequence that began anew and overtook us unread cannot be told from one that went on: the
                    # sweep is for that.
                    if watch.follower.health().state == "live" and watch.feed.newest > 50:
                        watch.feed.newest += 3_000_000
                case _:
                    watch.feed.down = what == "down"
        watch.feed.down = False
        watch.look(timedelta(minutes=5))
        watch.look(timedelta(minutes=5))
        assert changed <= watch.due(within=HOUR)
        watch.store.close()
