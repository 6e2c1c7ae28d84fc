"""Owed messages on their way: each channel in its own order and pace, with retry and backoff of its own.

At least once: a message is marked as sent after the service took it, so a process that is killed between the two
sends it again when its claim has run out. The idempotency key travels with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, repeat
from random import Random
from typing import Any, Final

import apprise
import httpx
import msgspec
from msgspec import Struct
from sqlmodel import Session

from alerts import heartbeat
from alerts.answers import listening
from alerts.messages.content import Message
from alerts.messages.escape import visible
from alerts.messages.render import Rendered, medium_of, render
from alerts.outbox import Claimed, claim_due, mark_failed, mark_sent, waiting_channels
from alerts.store import StoreError, Transactions
from config.clock import Clock
from config.log import log_of
from config.settings import Channel

SEND_TIMEOUT: Final = 60.0
"""Seconds for one message to one channel; less than the outbox's lease."""
CONNECT_TIMEOUT: Final = 10.0
READ_TIMEOUT: Final = 30.0
"""Seconds; a service that takes a message and answers later than we wait for gets it again."""
AT_ONCE: Final = 8
"""Channels that are sent to at the same time."""
WRITE_AGAIN: Final = (0.2, 1.0, 5.0)
"""Seconds between attempts to write an outcome down; the last one is repeated."""

log = log_of("messages")
# Apprise logs addresses of its own accord: what it has to say is taken from its result, and goes nowhere else.
logging.getLogger("apprise").propagate = False
logging.getLogger("apprise").addHandler(logging.NullHandler())


class Outcome(Struct, frozen=True):
    """What became of one message at one channel."""

    ok: bool
    words: str
    retry_after: timedelta | None = None


def _asset() -> apprise.AppriseAsset:
    """Nothing read from disk, nothing kept, no template or escape in a text that strangers wrote is followed."""
    asset = apprise.AppriseAsset(
        storage_mode=apprise.PersistentStoreMode.MEMORY,
        allow_templates=False,
        service_timeout=SEND_TIMEOUT - 5,
        result_log_memory_size=16_384,
        secure_logging=True,
    )
    asset.app_id = "weaklink"
    asset.app_desc = "supply-chain monitor"
    asset.app_url = ""
    asset.pgp_autogen = asset.pem_autogen = False
    asset.http_redirects = False
    return asset


def _service(url: str) -> apprise.NotifyBase | None:
    """What sends to an Apprise URL, as patient as we are where the URL (``cto``, ``rto``) says nothing else."""
    service = apprise.Apprise.instantiate(url, asset=_asset(), suppress_exceptions=True)
    if service is not None:
        told = vars(service)
        for name, least in (("socket_connect_timeout", CONNECT_TIMEOUT), ("socket_read_timeout", READ_TIMEOUT)):
            if name not in told:
                setattr(service, name, max(least, getattr(service, name)))
    return service


def check_channel_url(url: str) -> str | None:
    """What is wrong with an Apprise URL, without repeating it; None for one that can be used."""
    if _service(url) is not None:
        return None
    schema = url.partition("://")[0].lower()
    services = apprise.Apprise().details()["schemas"]
    if any(schema in (*(one["protocols"] or ()), *(one["secure_protocols"] or ())) for one in services):
        return f"its {schema}:// address is not complete"
    return f"no service is called {visible(schema, 30)}://"


async def send(channel: Channel, rendered: Rendered, *, key: str, thread: str = "", follows: bool = False) -> Outcome:
    """One message through one channel, with the service's true outcome. Never raises for trouble at the far end.

    Where the service carries headers, ``key`` goes along as ``Idempotency-Key``, and mails of one ``thread`` refer to
    each other.
    """
    service = _service(channel.url.get_secret_value())
    if service is None:
        return Outcome(False, "its URL is none that Apprise understands")
    if isinstance(headers := getattr(service, "headers", None), dict):
        headers |= _headers(service, key, thread, follows)
    sender = apprise.Apprise(asset=_asset())
    sender.add(service)
    notify = partial(
        sender.notify,
        title=rendered.title,
        body=rendered.body,
        body_format=rendered.body_format,
        interpret_escapes=False,
    )
    with listening() as answers:
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                result = await asyncio.to_thread(notify)
        except TimeoutError:
            return Outcome(False, f"no outcome within {SEND_TIMEOUT:.0f} s; it may have arrived all the same")
    if result:
        return Outcome(True, "accepted")
    said = [entry.message for one in result.results for attempt in one for entry in attempt]
    words = _words(said, channel) or f"not accepted ({result.status.name.lower()})"
    return Outcome(False, words, answers.retry_after or _retry_after(said))


def _headers(service: Any, key: str, thread: str, follows: bool) -> dict[str, str]:
    headers = {"Idempotency-Key": key}
    if getattr(service, "smtp_host", None) is not None:
        headers["Auto-Submitted"] = "auto-generated"
        if thread:
            # No mail has this identifier: clients gather what refers to the same one.
            headers["References"] = f"<{thread}@weaklink.invalid>"
            if follows:
                headers["In-Reply-To"] = headers["References"]
    return headers


def _words(said: Sequence[str], channel: Channel) -> str:
    """The service's last words, without any part of the channel's URL."""
    for line in reversed(said):
        if line.strip():
            secret = channel.url.get_secret_value()
            parts = [part for part in re.split(r"[:/@?&=]+", secret) if len(part) > 3]
            for part in sorted(parts, key=len, reverse=True):
                line = line.replace(part, "…")
            return visible(line.strip(), 300)
    return ""


def _retry_after(said: Iterable[str]) -> timedelta | None:
    return timedelta(minutes=1) if any("error=429" in line or "429" in line.split() for line in said) else None


class Deliverer:
    """Sends what the outbox owes."""

    def __init__(
        self,
        store: Transactions,
        channels: Sequence[Channel],
        clock: Clock,
        *,
        rng: Random | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        heartbeat_url: str = "",
        on_attempt: Callable[[str, bool, float | None], None] = lambda _channel, _ok, _late: None,
    ) -> None:
        """``on_attempt`` is told of each attempt: its channel, whether it was taken, and how late it was in seconds."""
        self._store = store
        self.use(channels, heartbeat_url)
        self._clock = clock
        self._rng = rng or Random()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._monotonic = monotonic
        self._on_attempt = on_attempt
        self._next: dict[str, float] = {}
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._draining = False
        self.on_free: Callable[[], None] = lambda: None
        """Called when a channel may be sent to again."""
        self.attempts = 0
        """Attempts that ended since the start; the watchdog looks at it."""

    def use(self, channels: Sequence[Channel], heartbeat_url: str = "") -> None:
        """From now on, these channels (a reload); what is under way ends with the old ones."""
        self._channels = {channel.name: channel for channel in channels}
        self._heartbeat_url = heartbeat_url

    async def deliver_due(self, now: datetime) -> int:
        """Begin to send what is due on channels that are free and within their rate; how many were begun."""
        waiting = await self._store.read(lambda session: waiting_channels(session, now))
        free = [name for name in waiting if name not in self._under_way and self._may_send(name)]
        if not free:
            return 0
        claims = await self._store.write(lambda session: claim_due(session, free, now))
        for claim in claims:
            task = asyncio.create_task(self._run(claim))
            self._under_way[claim.channel] = task
            task.add_done_callback(partial(self._done, claim.channel))
        return len(claims)

    async def deliver_channel(self, channel: str) -> None:
        """Send what is due on one channel, in order and within its rate, until nothing is or ``drain`` is called.

        Whoever calls this has the channel to itself, among all processes, until it returns.
        """
        while True:
            await asyncio.sleep(max(0.0, self._next.get(channel, 0.0) - self._monotonic()))
            if self._draining:
                return
            now = self._clock()
            claims = await self._store.write(lambda session: claim_due(session, [channel], now))  # noqa: B023
            if not claims:
                return
            self._under_way[channel] = task = asyncio.create_task(self._run(claims[0]))
            try:
                await asyncio.shield(task)
            finally:
                self._under_way.pop(channel, None)

    async def settle(self) -> None:
        """Wait until what is under way has its outcome."""
        while self._under_way:
            await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def drain(self, seconds: float) -> None:
        """Settle for at most so long; a claim that is left runs out and is sent again."""
        self._draining = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.settle()
        for task in list(self._under_way.values()):
            task.cancel()

    def _done(self, channel: str, _task: asyncio.Task[None]) -> None:
        self._under_way.pop(channel, None)
        pause = max(0.0, self._next.get(channel, 0.0) - self._monotonic())
        asyncio.get_running_loop().call_later(pause, lambda: self.on_free())

    def _may_send(self, name: str) -> bool:
        channel = self._channels.get(name)
        return channel is None or self._monotonic() >= self._next.get(name, 0.0)

    async def _run(self, claim: Claimed) -> None:
        checks: Sequence[str] = ()
        try:
            message = msgspec.json.decode(claim.message, type=Message)
            checks = message.checks
            outcome, give_up = await self._attempt(claim, message)
        except Exception:  # a mistake of ours over one message must not hold up all that comes after it
            log.exception("a message broke", message=claim.key, channel=claim.channel)
            outcome, give_up = Outcome(False, "weaklink: internal: it could not be sent"), timedelta(days=1)
        now = self._clock()
        late = (now - claim.happened_at).total_seconds() if claim.happened_at is not None else None
        self.attempts += 1
        self._on_attempt(claim.channel, outcome.ok, late)
        (log.info if outcome.ok else log.warning)(
            "message delivered" if outcome.ok else "message not taken",
            message=claim.key,
            channel=claim.channel,
            kind=claim.kind,
            attempt=claim.attempts,
            outcome=outcome.words,
            late_seconds=round(late, 1) if late is not None else None,
            checks=checks or None,
        )
        if outcome.ok:
            await self._until_written(lambda session: mark_sent(session, claim, now, outcome.words))
            return
        await self._until_written(
            lambda session: mark_failed(session, claim, now, outcome.words, give_up, self._rng, outcome.retry_after)
        )

    async def _until_written(self, work: Callable[[Session], None]) -> None:
        """Write an outcome, and try again while the database is away: forgotten, what was sent would be sent again.

        Meanwhile the channel counts as under way, so that nothing else goes there.
        """
        for wait in chain(WRITE_AGAIN, repeat(WRITE_AGAIN[-1])):
            try:
                await self._store.write(work)
            except StoreError:
                await asyncio.sleep(wait)
            else:
                return

    async def _attempt(self, claim: Claimed, message: Message) -> tuple[Outcome, timedelta]:
        """The outcome of one attempt, and how long the message is worth more of them."""
        give_up = heartbeat.WORTH_FOR if claim.kind == heartbeat.KIND else None
        if claim.channel == heartbeat.URL:
            async with self._slots:
                return await _request(self._heartbeat_url), give_up or heartbeat.WORTH_FOR
        channel = self._channels.get(claim.channel)
        if channel is None:
            return Outcome(False, "the configuration has no such channel any more"), give_up or timedelta(days=1)
        self._next[channel.name] = self._monotonic() + 60.0 / channel.per_minute
        rendered = render(message, medium_of(channel.url.get_secret_value(), channel.format), claim.key)
        follows = message.kind not in {"first", "digest", heartbeat.KIND}
        async with self._slots:
            outcome = await send(channel, rendered, key=claim.key, thread=message.thread, follows=follows)
        return outcome, give_up or channel.give_up_after


async def _request(url: str) -> Outcome:
    """A heartbeat to a dead man's switch: any answer of success will do."""
    if not url:
        return Outcome(False, "the configuration has no heartbeat.url any more")
    try:
        async with httpx.AsyncClient(timeout=30, follow_redirects=False) as client, client.stream("GET", url) as reply:
            status = reply.status_code
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:  # ValueError: a name that is none (IDNA)
        return Outcome(False, type(error).__name__)
    return Outcome(200 <= status < 300, f"answered {status}")


async def send_test(channels: Sequence[Channel], now: datetime) -> dict[str, Outcome]:
    """A real test message through each of these channels; the outcome of each."""
    message = Message(
        kind="test",
        severity="info",
        title="weaklink can reach you here",
        text="This is a test message. If you can read it, alerts that are routed to this channel will arrive.",
        at=now,
    )

    async def one(channel: Channel) -> tuple[str, Outcome]:
        medium = medium_of(channel.url.get_secret_value(), channel.format)
        return channel.name, await send(channel, render(message, medium, "test"), key="test")

    return dict(await asyncio.gather(*map(one, channels)))
