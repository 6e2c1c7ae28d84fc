"""The systemd unit, judged by systemd itself."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.systemd import ServiceManager

UNITS = sorted((Path(__file__).parents[2] / "systemd").glob("weaklink*"))
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]


def test_systemd_has_nothing_to_say_against_the_units(tmp_path: Path) -> None:
    # The program is not installed where the units expect it, so something that is takes its place here.
    for unit in UNITS:
        text = re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", unit.read_text(), flags=re.MULTILINE)
        (tmp_path / unit.name).write_text(text)
    command = ["systemd-analyze", "verify", *map(str, sorted(tmp_path.iterdir()))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
    assert done.returncode == 0


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: str(unit.name))
def test_a_unit_exposes_little(unit: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=13", str(unit)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_the_service_manager_hears_what_the_daemon_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(address)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        manager = ServiceManager({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "90000000"})
        manager.ready("watching")
        assert heard.recv(1000) == b"READY=1\nSTATUS=watching"
        manager.alive()
        assert heard.recv(1000) == b"WATCHDOG=1"
        assert manager.watchdog is not None
        assert manager.watchdog.total_seconds() == 90


def test_without_a_service_manager_nothing_is_said() -> None:
    ServiceManager({}).ready("watching")
