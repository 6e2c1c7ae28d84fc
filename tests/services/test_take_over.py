"""A take-over, from a registry on loopback to a webhook and a mailbox, through the real daemon."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import Message
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

HERE = Path(__file__).parent
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
url = "{sink}"

[[channel]]
name = "mail"
url = "mailto://127.0.0.1:{port}/?from=weaklink@weaklink.example&to=team@team.example"

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


@pytest.fixture
def config(tmp_path: Path, registry: Any, sink: Any, mailbox: tuple[Mailbox, int]) -> Path:
    file = tmp_path / "weaklink.toml"
    file.write_text(CONFIG.format(registry=registry.url, sink=sink.url, port=mailbox[1]))
    return file


def start(config: Path, step: int = 0) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(HERE / "crashing_daemon.py"), str(step), str(config)]
    environment = {"PATH": os.environ["PATH"], "HOME": str(config.parent)}
    return subprocess.Popen(command, cwd=config.parent, env=environment, stderr=None)


def wait_for(
    condition: Callable[[], bool], process: subprocess.Popen[bytes] | None = None, seconds: float = 30
) -> bool:
    """Whether the condition came true in time, and before the process died."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        if process is not None and process.poll() is not None:
            return condition()
        time.sleep(0.05)
    return condition()


def stop(process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(10)


def test_a_take_over_is_told_once_on_each_channel(
    config: Path, registry: Any, sink: Any, mailbox: tuple[Mailbox, int], packument: Any, taken_over: Any
) -> None:
    registry.documents["/left-pad"] = packument()
    daemon = start(config)
    assert wait_for(lambda: len(registry.requests) >= 2, daemon)
    assert sink.posts == []

    registry.documents["/left-pad"] = taken_over()
    assert wait_for(lambda: bool(sink.posts and mailbox[0].mails), daemon)
    asked = len(registry.requests)
    assert wait_for(lambda: len(registry.requests) >= asked + 3, daemon)
    assert stop(daemon) == 0

    (told,) = sink.contents()
    assert told["severity"] == "critical"
    kinds = {fact["kind"] for item in told["items"] for fact in item["facts"]}
    assert {"publisher-changed", "install-script-added"} <= kinds
    (item,) = told["items"]
    assert item["reach"] == ["shop (web-team): direct"]
    assert item["advice"]
    (mail,) = mailbox[0].mails
    assert "left-pad" in mail["Subject"]
    assert "critical" in mail["Subject"]


def test_a_take_over_is_told_though_the_daemon_is_killed_at_any_step(
    config: Path, registry: Any, sink: Any, mailbox: tuple[Mailbox, int], packument: Any, taken_over: Any
) -> None:
    registry.documents["/left-pad"] = packument()
    daemon = start(config)
    assert wait_for(lambda: len(registry.requests) >= 2, daemon)
    stop(daemon)

    registry.documents["/left-pad"] = taken_over()
    database = (config.parent / "weaklink.db").read_bytes()
    killed, repeated = 0, 0
    for step in range(1, 60):
        sink.posts.clear()
        mailbox[0].mails.clear()
        for file in config.parent.glob("weaklink.db*"):
            file.unlink()
        (config.parent / "weaklink.db").write_bytes(database)

        daemon = start(config, step)
        wait_for(lambda: bool(sink.posts and mailbox[0].mails), daemon, 8)
        if daemon.poll() is None:
            stop(daemon)
        killed += daemon.returncode == -signal.SIGKILL
        if daemon.returncode == 0:
            break
        again = start(config)
        assert wait_for(lambda: bool(sink.posts and mailbox[0].mails), again), f"lost at step {step}"
        stop(again)
        keys = [told["key"] for told in sink.contents()]
        assert len(set(keys)) == 1, f"told anew at step {step}"
        repeated += len(keys) - 1 + len(mailbox[0].mails) - 1
    assert killed >= 10
    # Only a kill between a service's answer and its record can repeat a message; it carries the same key.
    assert repeated <= 4
