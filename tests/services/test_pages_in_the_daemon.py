"""The pages inside the daemon: they come and go with it, move with the configuration, and never hold it up."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


class Running:
    """A daemon that a test started, and what it says."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._log = (folder / "log").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from monitor.cli import main; main()", "run"],
            cwd=folder,
            env=environment,
            stderr=self._log,
            stdout=subprocess.DEVNULL,
        )
        self._folder = folder

    def said(self) -> str:
        return (self._folder / "log").read_text()

    def until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not holds():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)

    def end(self) -> float:
        """Seconds from SIGTERM to its end."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0, self.said()
        return time.monotonic() - begun


@pytest.fixture
def run(folder: Path, environment: dict[str, str]) -> Iterator[Callable[[str], Running]]:
    started: list[Running] = []

    def start(web: str) -> Running:
        with (folder / "weaklink.toml").open("a") as file:
            file.write(web)
        started.append(Running(folder, environment))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/packages").status_code == 200
    except httpx.TransportError:
        return False


def test_open_streams_do_not_keep_the_daemon_from_stopping(run: Callable[[str], Running]) -> None:
    port = free_port()
    daemon = run(f'[web]\nlisten = "127.0.0.1:{port}"\n')
    daemon.until(lambda: answers(port) and "npm:left-pad" in httpx.get(f"http://127.0.0.1:{port}/packages").text)
    with httpx.stream("GET", f"http://127.0.0.1:{port}/events", timeout=20) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        assert next(lines) == "retry: 3000"
        assert daemon.end() < 10
        assert list(lines)
    assert "Traceback" not in daemon.said()


def test_a_port_that_is_taken_is_one_line_and_the_watch_goes_on(run: Callable[[str], Running], folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        daemon = run(f'[web]\nlisten = "127.0.0.1:{port}"\n')
        daemon.until(lambda: "cannot be served" in daemon.said())
        assert "the pages cannot be served; watching goes on" in daemon.said()
        assert f'problem="127.0.0.1:{port}: Address already in use"' in daemon.said()
        other = free_port()
        text = (folder / "weaklink.toml").read_text()
        (folder / "weaklink.toml").write_text(text.replace(str(port), str(other)))
        daemon.until(lambda: answers(other))
    assert daemon.said().count("cannot be served") == 1
    assert daemon.end() < 10


def test_pages_that_are_turned_off_listen_nowhere(run: Callable[[str], Running], folder: Path) -> None:
    port = free_port()
    daemon = run(f'[web]\nlisten = "127.0.0.1:{port}"\n')
    daemon.until(lambda: answers(port))
    text = (folder / "weaklink.toml").read_text()
    (folder / "weaklink.toml").write_text(text.replace(f"127.0.0.1:{port}", ""))
    daemon.until(lambda: not answers(port))
    assert daemon.end() < 10
