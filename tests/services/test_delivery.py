"""Deliveries through Apprise to real endpoints on loopback: order, retry, dead letters, and one outcome for each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from aiohttp import web
from sqlalchemy import update
from sqlmodel import col, select

from alerts.deliver import Deliverer, check_channel_url
from alerts.findings import Finding
from alerts.heartbeat import URL
from alerts.messages.content import Message
from alerts.model import Delivery, DeliveryState
from alerts.outbox import LEASE, claim_due, release_claims
from config.settings import Channel, Settings
from config.severity import Severity
from monitor.health import watch_findings
from monitor.store.engine import Store
from monitor.store.upgrade import upgrade

START = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Post:
    """An outbox with a clock that a test moves."""

    def __init__(self, store: Store, channels: Iterable[Channel]) -> None:
        self.store = store
        self.now = START
        self.seconds = 0.0
        self.channels = list(channels)
        self.deliverer = Deliverer(
            store, self.channels, lambda: self.now, rng=Random(1), monotonic=lambda: self.seconds
        )

    def troubles(self) -> list[Finding]:
        """What the watch would tell of its channels."""
        settings = Settings(channel=tuple(self.channels))
        with self.store.reading() as session:
            return watch_findings(session, [], settings, self.now)

    def owes(self, channel: str, title: str, severity: str = "high") -> None:
        message = Message(kind="test", severity=severity, title=title, text=title, at=self.now)
        with self.store.transaction() as session:
            session.add(
                Delivery(
                    key=f"{channel}-{title}",
                    channel=channel,
                    kind="test",
                    created_at=self.now,
                    next_attempt_at=self.now,
                    message=msgspec.json.encode(message),
                )
            )

    async def passes(self, minutes: float) -> None:
        """Time goes on, and what is due is sent."""
        self.now += timedelta(minutes=minutes)
        self.seconds += minutes * 60
        await self.deliverer.deliver_due(self.now)
        await self.deliverer.settle()

    def states(self, channel: str) -> list[str]:
        with self.store.reading() as session:
            rows = session.exec(select(Delivery).where(Delivery.channel == channel).order_by(Delivery.id))  # type: ignore[arg-type]
            return [row.state for row in rows]

    def outcome(self) -> str:
        with self.store.reading() as session:
            return session.exec(select(Delivery)).first().outcome  # type: ignore[union-attr]


def channel(name: str, url: str, **told: Any) -> Channel:
    return Channel.model_validate({"name": name, "url": url, **told})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store(f"sqlite:///{tmp_path}/weaklink.db")
    upgrade(found, START)
    return found


async def test_a_message_arrives_with_its_key_and_is_sent_once(store: Store, sink: Any) -> None:
    post = Post(store, [channel("hook", sink.url)])
    post.owes("hook", "one")
    await post.passes(0)
    await post.passes(60)
    (told,) = sink.contents()
    assert told["key"] == "hook-one"
    assert post.states("hook") == [DeliveryState.SENT]


async def test_what_fails_is_tried_again_later_and_in_order(store: Store, sink: Any) -> None:
    post = Post(store, [channel("hook", sink.url)])
    sink.status = [500, 503]
    for title in ("one", "two"):
        post.owes("hook", title)
    await post.passes(0)
    assert sink.posts == []
    await post.passes(0.1)
    assert sink.posts == []
    for _ in range(6):
        await post.passes(2)
    assert [told["title"] for told in sink.contents()] == ["one", "two"]


async def test_a_dead_channel_delays_no_other_and_is_given_up_at_last(store: Store, sink: Any) -> None:
    dead = channel("dead", "json://127.0.0.1:9/very-secret-path", give_up_after="2h")
    post = Post(store, [dead, channel("hook", sink.url)])
    post.owes("dead", "one")
    post.owes("hook", "one")
    await post.passes(0)
    assert post.states("hook") == [DeliveryState.SENT]
    assert post.states("dead") == [DeliveryState.PENDING]
    for _ in range(30):
        await post.passes(10)
    assert post.states("dead") == [DeliveryState.DEAD]
    (told,) = post.troubles()
    assert (told.subject, told.severity, told.clears) == ("channel:dead", Severity.HIGH, False)
    assert told.evidence["undelivered"] == ["[high] one"]
    assert "very-secret" not in told.title + post.outcome()
    post.deliverer.use([channel("dead", sink.url)])
    post.owes("dead", "two")
    await post.passes(1)
    assert post.troubles() == []


async def test_the_gravest_message_that_is_held_up_says_how_grave_it_is(store: Store) -> None:
    post = Post(store, [channel("dead", "json://127.0.0.1:9/x")])
    post.owes("dead", "one")
    await post.passes(0)
    await post.passes(20)
    assert post.troubles() == []
    await post.passes(20)
    post.owes("dead", "taken over", severity="critical")
    (told,) = post.troubles()
    assert told.severity == Severity.CRITICAL
    assert told.evidence["undelivered"] == ["[critical] taken over", "[high] one"]
    assert "has taken no message for 40 minutes" in told.title


async def test_a_429_is_obeyed(store: Store, sink: Any) -> None:
    post = Post(store, [channel("hook", sink.url)])
    sink.status = [429]
    post.owes("hook", "one")
    await post.passes(0)
    await post.passes(0.5)
    assert sink.posts == []
    await post.passes(2)
    assert len(sink.posts) == 1


async def test_a_channels_rate_is_kept(store: Store, sink: Any) -> None:
    post = Post(store, [channel("hook", sink.url, per_minute=2)])
    for number in range(4):
        post.owes("hook", str(number))
    await post.passes(0)
    await post.passes(0.1)
    assert len(sink.posts) == 1
    await post.passes(0.5)
    assert len(sink.posts) == 2


async def test_a_service_that_cuts_the_connection_is_tried_again(store: Store, sink: Any, servers: Any) -> None:
    async def cut(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", cut)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    servers.run(runner.setup())
    servers.run(web.TCPSite(runner, "127.0.0.1", 0).start())
    post = Post(store, [channel("hook", f"json://127.0.0.1:{runner.addresses[0][1]}/x")])
    post.owes("hook", "one")
    await post.passes(0)
    assert post.states("hook") == [DeliveryState.PENDING]
    post.deliverer.use([channel("hook", sink.url)])
    await post.passes(5)
    assert post.states("hook") == [DeliveryState.SENT]
    servers.run(runner.cleanup())


async def test_a_claim_of_a_dead_process_runs_out(store: Store, sink: Any) -> None:
    post = Post(store, [channel("hook", sink.url)])
    post.owes("hook", "one")
    with store.transaction() as session:
        assert len(claim_due(session, ["hook"], post.now)) == 1
        assert claim_due(session, ["hook"], post.now) == []
    await post.passes(1)
    assert sink.posts == []
    await post.passes(LEASE.total_seconds() / 60)
    assert len(sink.posts) == 1


async def test_the_only_daemon_takes_over_the_claims_of_its_dead_self(store: Store, sink: Any) -> None:
    post = Post(store, [channel("hook", sink.url)])
    post.owes("hook", "one")
    with store.transaction() as session:
        claim_due(session, ["hook"], post.now)
        release_claims(session, post.now)
    await post.passes(0)
    assert len(sink.posts) == 1


@pytest.mark.parametrize(
    ("url", "said"),
    [("slakc://very-secret", "no service"), ("slack://x", "not complete"), ("json://127.0.0.1/x", None)],
)
def test_a_url_that_cannot_be_used_is_told_without_repeating_it(url: str, said: str | None) -> None:
    problem = check_channel_url(url)
    assert (problem is None) == (said is None)
    if problem is not None and said is not None:
        assert said in problem
        assert "very-secret" not in problem


async def test_a_message_that_cannot_be_sent_at_all_holds_up_its_channel_for_a_day_at_most(
    store: Store, sink: Any
) -> None:
    post = Post(store, [channel("hook", sink.url)])
    post.owes("hook", "broken")
    post.owes("hook", "whole")
    with store.transaction() as session:
        session.execute(update(Delivery).where(col(Delivery.key) == "hook-broken").values(message=b"{"))
    await post.passes(0)
    assert "internal" in post.outcome()
    for _ in range(30):
        await post.passes(61)
    assert post.states("hook") == [DeliveryState.DEAD, DeliveryState.SENT]


async def test_a_dead_mans_switch_at_a_name_that_is_none_is_trouble_of_that_attempt(store: Store) -> None:
    post = Post(store, [])
    post.deliverer.use([], "https://\u2603.example/ping")
    post.owes(URL, "alive")
    await post.passes(0)
    assert post.outcome() == "InvalidURL"
