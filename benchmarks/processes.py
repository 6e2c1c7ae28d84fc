"""A program with all that it starts: its CPU time, its memory, its end. And a place that messages are sent to."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


class Program:
    """A process in a session of its own: what it starts belongs to it."""

    def __init__(self, command: Sequence[str | Path], environment: Mapping[str, str], log: Path) -> None:
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                command, env=dict(environment), stdout=out, stderr=out, cwd=log.parent, start_new_session=True
            )
        self._log = log

    def _members(self) -> Iterator[tuple[Path, list[str]]]:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == self._process.pid:
                yield folder, fields

    def cpu(self) -> float:
        """Seconds so far, of all its processes and of those that have ended."""
        return sum(sum(map(int, fields[11:15])) for _, fields in self._members()) / TICKS

    def memory(self) -> float:
        """Megabytes of all its processes; what they share counts once."""
        total = 0
        for folder, _ in self._members():
            lines = (folder / "smaps_rollup").read_text().splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return total / 1024

    def wait_for(self, what: str, ready: Callable[[], bool], seconds: float = 120) -> float:
        """Seconds until it is so; its log where it never is."""
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            if ready():
                return time.perf_counter() - began
            if self._process.poll() is not None:
                break
            time.sleep(0.01)
        raise RuntimeError(f"not {what}:\n{self._log.read_text()[-3000:]}")

    def end(self) -> None:
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(15)


@contextmanager
def sink() -> Iterator[tuple[str, Mapping[str, int]]]:
    """Where webhooks are sent to: its address, and how many messages came to each path."""
    counts: dict[str, int] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            counts[self.path] = counts.get(self.path, 0) + 1
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}", counts
    server.shutdown()
