"""A take-over, from a registry on loopback to a webhook and a mailbox, through the real daemon."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from email import message_from_bytes
from email.message import Message
from email.policy import default
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from tests.services.crashing_daemon import daemon, stop

AT_ONCE = 12
"""Kill points that are tried at the same time, each with a database and addresses of its own."""
CONFIG = """
[schedule]
packages = "1s"

[registries.npm]
url = "{registry}"
requests_per_second = 1000.0

[web]
listen = ""

[[watch]]
name = "shop"
owner = "web-team"
packages = ["npm:left-pad"]

[[channel]]
name = "hook"
url = "{sink}-{name}?cto=50&rto=50"

[[channel]]
name = "mail"
url = "mailto://127.0.0.1:{port}/?from=weaklink@weaklink.example&to={name}@team.example&cto=50"

[[route]]
match = {{ severity = ">=high" }}
channels = ["hook", "mail"]
group_wait = "0s"
repeat = "24h"
"""


class Mailbox:
    """An SMTP server that keeps what it is sent."""

    def __init__(self) -> None:
        self.mails: list[Message] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    yield box, port
    server.stop()


class Place:
    """A folder with a configuration, and what arrives on its channels."""

    def __init__(self, folder: Path, name: str, registry: Any, sink: Any, mailbox: tuple[Mailbox, int]) -> None:
        folder.mkdir(exist_ok=True)
        self.name, self._sink, self._box = name, sink, mailbox[0]
        self.config = folder / "weaklink.toml"
        self.config.write_text(CONFIG.format(registry=registry.url, sink=sink.url, port=mailbox[1], name=name))

    def posts(self) -> list[dict[str, Any]]:
        return [json.loads(post["message"]) for path, post in self._sink.received if path == f"/hook-{self.name}"]

    def mails(self) -> list[Message]:
        return [mail for mail in self._box.mails if str(mail["To"]) == f"{self.name}@team.example"]

    def told(self) -> bool:
        return bool(self.posts() and self.mails())

    def deliveries(self) -> dict[str, str]:
        """The state of the message to each channel, as far as the database knows."""
        with closing(sqlite3.connect(self.config.parent / "weaklink.db")) as database:
            return dict(database.execute("SELECT channel, state FROM delivery"))

    def settled(self) -> bool:
        return self.told() and self.deliveries() == {"hook": "sent", "mail": "sent"}


@pytest.fixture
def place(tmp_path: Path, registry: Any, sink: Any, mailbox: tuple[Mailbox, int]) -> Callable[[str], Place]:
    return lambda name: Place(tmp_path / name, name, registry, sink, mailbox)


def wait_for(condition: Callable[[], bool], process: BaseProcess, seconds: float = 30) -> bool:
    """Whether the condition came true in time, and before the process died."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.is_alive():
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def test_a_take_over_is_told_once_on_each_channel(
    place: Callable[[str], Place], registry: Any, packument: Any, taken_over: Any
) -> None:
    here = place("team")
    registry.documents["/left-pad"] = packument()
    with daemon(here.config) as running:
        assert wait_for(lambda: len(registry.requests) >= 2, running)
        assert here.posts() == []

        registry.documents["/left-pad"] = taken_over()
        assert wait_for(here.told, running)
        asked = len(registry.requests)
        assert wait_for(lambda: len(registry.requests) >= asked + 3, running)
        assert stop(running) == 0

    (told,) = here.posts()
    assert told["severity"] == "critical"
    kinds = {fact["kind"] for item in told["items"] for fact in item["facts"]}
    assert {"publisher-changed", "install-script-added"} <= kinds
    (item,) = told["items"]
    assert item["reach"] == ["shop (web-team): direct"]
    assert item["advice"]
    (mail,) = here.mails()
    assert "left-pad" in mail["Subject"]
    assert "critical" in mail["Subject"]


def test_a_take_over_is_told_though_the_daemon_is_killed_at_any_step(
    place: Callable[[str], Place], registry: Any, packument: Any, taken_over: Any
) -> None:
    registry.documents["/left-pad"] = packument()
    first = place("first")
    with daemon(first.config) as running:
        assert wait_for(lambda: len(registry.requests) >= 2, running)
        assert stop(running) == 0
    database = (first.config.parent / "weaklink.db").read_bytes()
    registry.documents["/left-pad"] = taken_over()

    def killed_at(step: int) -> tuple[int | None, int]:
        """How the daemon ended, and how many messages came twice when it had been started again."""
        here = place(f"step-{step}")
        (here.config.parent / "weaklink.db").write_bytes(database)
        with daemon(here.config, step) as running:
            wait_for(here.settled, running)
            if running.is_alive():
                return stop(running), 0
        before = here.deliveries()
        with daemon(here.config) as again:
            assert wait_for(here.settled, again), f"lost at step {step}"
            assert stop(again) == 0
        keys = [told["key"] for told in here.posts()]
        assert len(set(keys)) == 1, f"told anew at step {step}"
        twice = {"hook": len(keys) - 1, "mail": len(here.mails()) - 1}
        # Only a message that was on its way can come again, once for each kill; it carries the same key.
        assert all(count <= (before.get(name) == "sending") for name, count in twice.items()), f"repeated at {step}"
        return running.exitcode, sum(twice.values())

    ends: list[tuple[int | None, int]] = []
    with ThreadPoolExecutor(AT_ONCE) as threads:
        # Until the daemon has told everything before its step comes.
        while not ends or ends[-1][0] == -signal.SIGKILL:
            ends += threads.map(killed_at, range(len(ends) + 1, len(ends) + 1 + AT_ONCE))
    killed = [repeated for ended, repeated in ends if ended == -signal.SIGKILL]
    assert len(killed) >= 10
