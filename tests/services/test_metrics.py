"""Metrics, probes, rules and the dashboard, with the real daemon and a real Prometheus."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

FILES = Path(__file__).parents[2] / "docs" / "metrics"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def until(condition: Callable[[], Any], seconds: float = 40) -> Any:
    """What the condition gives once it gives something; connections that are refused meanwhile give nothing."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if found := condition():
                return found
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("it did not come in time")


@pytest.fixture
def daemon(folder: Path, environment: dict[str, str], registry: Any) -> Iterator[str]:
    """The address of a daemon that has checked its one package."""
    port = free_port()
    with (folder / "weaklink.toml").open("a") as file:
        file.write(f'[web]\nlisten = "127.0.0.1:{port}"\n')
    command = [sys.executable, "-c", "from monitor.cli import main; main()", "run"]
    process = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    until(lambda: 'weaklink_checks_total{outcome="changed",source="npm"} 1.0' in httpx.get(f"{url}/metrics").text)
    yield url
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_the_exposition_is_in_order_and_names_what_counts(daemon: str) -> None:
    reply = httpx.get(f"{daemon}/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    judged = subprocess.run(
        ["promtool", "check", "metrics"], input=reply.text, text=True, capture_output=True, check=False
    )
    assert (judged.returncode, judged.stdout, judged.stderr) == (0, "", "")
    assert 'weaklink_targets{sort="package"} 1.0' in reply.text
    assert 'weaklink_check_seconds_count{source="npm"} 1.0' in reply.text
    assert 'weaklink_checks_waiting{sort="package"} ' in reply.text
    assert "process_resident_memory_bytes " in reply.text
    assert "left-pad" not in reply.text, "labels are ours, never a package author's"


def test_the_probes_say_that_it_works(daemon: str) -> None:
    assert httpx.get(f"{daemon}/healthz").text == "ok\n"
    assert httpx.get(f"{daemon}/readyz").text == "ok\n"


@pytest.fixture
def prometheus(daemon: str, tmp_path: Path) -> Iterator[str]:
    """A Prometheus that scrapes the daemon and has our rules."""
    port = free_port()
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(FILES / "alert-rules.yml")],
        "scrape_configs": [{"job_name": "weaklink", "static_configs": [{"targets": [daemon.removeprefix("http://")]}]}],
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={tmp_path}/prometheus.yml",
            f"--storage.tsdb.path={tmp_path}/tsdb",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stderr=subprocess.DEVNULL,
    )
    yield f"http://127.0.0.1:{port}/api/v1"
    process.terminate()
    process.wait(20)


def test_a_prometheus_takes_the_metrics_the_rules_and_the_dashboard(prometheus: str) -> None:
    def value(query: str) -> Any:
        reply = httpx.get(f"{prometheus}/query", params={"query": query})
        return reply.json()["data"]["result"] if reply.status_code == 200 else []  # it says 503 while it starts

    found = until(lambda: value("sum(weaklink_targets)"))
    assert found[0]["value"][1] == "1"

    def rules() -> Any:
        groups = httpx.get(f"{prometheus}/rules").json()["data"]["groups"]
        told = [rule for group in groups for rule in group["rules"]]
        return told if all(rule["health"] == "ok" for rule in told) else []

    judged = until(rules)
    assert len(judged) == (FILES / "alert-rules.yml").read_text().count("- alert:")
    assert "firing" not in {rule["state"] for rule in judged}
    until(lambda: value("weaklink_source_up"))  # written every fifteen seconds
    known = set(httpx.get(f"{prometheus}/label/__name__/values").json()["data"])
    for panel in json.loads((FILES / "grafana-dashboard.json").read_text())["panels"]:
        for target in panel["targets"]:
            reply = httpx.get(f"{prometheus}/query", params={"query": target["expr"]})
            assert reply.status_code == 200, (panel["title"], reply.text)
            names = set(re.findall(r"weaklink_[a-z_]+", target["expr"]))
            # A channel's series begin with its first message.
            assert names - known <= {
                "weaklink_deliveries_total",
                "weaklink_messages_waiting",
                "weaklink_told_seconds_bucket",
            }, panel["title"]
