"""Knot, Debian's authoritative DNS server, on a port of its own on loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

import dns.exception
import dns.message
import dns.query


class Knot:
    """An authoritative DNS server of our own, whose zones a test writes and rewrites."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.zones: dict[str, str] = {}
        self._serial = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def zone(self, name: str, records: str) -> None:
        """A zone with its SOA and these lines."""
        self._serial += 1
        soa = f"@ SOA ns1.{name}. admin.{name}. {self._serial} 1 1 1 1"
        self.zones[name] = f"$ORIGIN {name}.\n$TTL 1\n{soa}\n{records}\n"

    def start(self) -> None:
        """(Re)start with the present zones, and wait until it answers."""
        self.stop()
        self._configure()
        command = ["/usr/sbin/knotd", "-c", str(self.folder / "knot.conf")]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._until_it_answers()

    def reload(self) -> None:
        """Serve the present zones soon, without a moment in which nothing is served."""
        assert self._process is not None
        self._configure()
        self._process.send_signal(signal.SIGHUP)

    def _configure(self) -> None:
        lines = ["server:", f"    listen: 127.0.0.1@{self.port}", f'    rundir: "{self.folder}"', '    user: "root"']
        lines += ["log:", "  - target: stderr", "    any: critical", "template:", "  - id: default"]
        lines += [f'    storage: "{self.folder}"', "    zonefile-sync: -1", "    journal-content: none", "zone:"]
        for name, text in self.zones.items():
            (self.folder / f"{name}.zone").write_text(text)
            lines += [f"  - domain: {name}", f'    file: "{name}.zone"']
        if os.getuid() != 0:
            lines.remove('    user: "root"')
        (self.folder / "knot.conf").write_text("\n".join(lines) + "\n")

    def _until_it_answers(self) -> None:
        query = dns.message.make_query(next(iter(self.zones)), "SOA")
        for _ in range(100):
            try:
                dns.query.udp(query, "127.0.0.1", port=self.port, timeout=0.2)
            except (dns.exception.DNSException, OSError):
                continue
            return
        raise TimeoutError("knot does not answer")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None
