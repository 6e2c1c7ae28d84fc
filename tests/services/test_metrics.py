"""Metrics, probes, rules and the dashboard, with real daemons and workers and a real Prometheus."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.services.fleet import Member, fleet

FILES = Path(__file__).parents[2] / "docs" / "metrics"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def until(condition: Callable[[], Any], seconds: float = 90) -> Any:
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
    in_order(reply.text)
    assert 'weaklink_targets{sort="package"} 1.0' in reply.text
    assert 'weaklink_check_seconds_count{source="npm"} 1.0' in reply.text
    assert 'weaklink_checks_waiting{sort="package"} ' in reply.text
    assert "process_resident_memory_bytes " in reply.text
    assert "left-pad" not in reply.text, "labels are ours, never a package author's"


def test_the_probes_say_that_it_works(daemon: str) -> None:
    assert httpx.get(f"{daemon}/healthz").text == "ok\n"
    assert httpx.get(f"{daemon}/readyz").text == "ok\n"


@contextmanager
def prometheus(folder: Path, jobs: dict[str, list[str]]) -> Iterator[str]:
    """The API of a Prometheus that scrapes these addresses and has our rules."""
    port = free_port()
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(FILES / "alert-rules.yml")],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [url.removeprefix("http://") for url in urls]}]}
            for job, urls in jobs.items()
        ],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/tsdb",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{port}/api/v1"
    finally:
        process.terminate()
        process.wait(20)


def value(api: str, query: str) -> Any:
    reply = httpx.get(f"{api}/query", params={"query": query})
    return reply.json()["data"]["result"] if reply.status_code == 200 else []  # it says 503 while it starts


def rules(api: str) -> list[dict[str, Any]]:
    """All of them, once each was evaluated without an error."""

    def evaluated() -> Any:
        groups = httpx.get(f"{api}/rules").json()["data"]["groups"]
        told = [rule for group in groups for rule in group["rules"]]
        return told if all(rule["health"] == "ok" for rule in told) else []

    found: list[dict[str, Any]] = until(evaluated)
    assert len(found) == (FILES / "alert-rules.yml").read_text().count("- alert:")
    return found


def in_order(exposition: str) -> None:
    judged = subprocess.run(
        ["promtool", "check", "metrics"], input=exposition, text=True, capture_output=True, check=False
    )
    assert (judged.returncode, judged.stdout, judged.stderr) == (0, "", "")


def test_a_prometheus_takes_the_metrics_the_rules_and_the_dashboard(daemon: str, tmp_path: Path) -> None:
    with prometheus(tmp_path, {"weaklink": [daemon]}) as api:
        found = until(lambda: value(api, "sum(weaklink_targets)"))
        assert found[0]["value"][1] == "1"
        assert "firing" not in {rule["state"] for rule in rules(api)}
        until(lambda: value(api, "weaklink_source_up"))  # written every fifteen seconds
        known = set(httpx.get(f"{api}/label/__name__/values").json()["data"])
        for panel in json.loads((FILES / "grafana-dashboard.json").read_text())["panels"]:
            for target in panel["targets"]:
                reply = httpx.get(f"{api}/query", params={"query": target["expr"]})
                assert reply.status_code == 200, (panel["title"], reply.text)
                names = set(re.findall(r"weaklink_[a-z_]+", target["expr"]))
                # A channel's series begin with its first message.
                assert names - known <= {
                    "weaklink_deliveries_total",
                    "weaklink_messages_waiting",
                    "weaklink_told_seconds_bucket",
                }, panel["title"]


FLEET = """
[database]
url = "{database}"
[web]
listen = "127.0.0.1:0"
[workers]
in_daemon = false
[schedule]
packages = "2s"
[registries.npm]
url = "{registry}"
requests_per_second = 5000
[[watch]]
name = "shop"
packages = {packages}
"""
PACKAGES = 60


def elsewhere() -> None:
    """As a process on another machine."""
    socket.gethostname = lambda: "elsewhere"


def serves(member: Member, what: str = "metrics are served") -> str:
    """Where a process says that it listens."""
    return str(until(lambda: re.findall(rf"{what}.*(http://127\.0\.0\.1:[0-9]+)/", member.log()))[-1])


def test_the_processes_of_a_fleet_add_up_to_one_watch(
    postgresql_url: str, registry: Any, packument: Callable[[str], Any], tmp_path: Path
) -> None:
    names = [f"pkg-{number}" for number in range(PACKAGES)]
    registry.documents |= {f"/{name}": packument(name) for name in names}
    config = tmp_path / "weaklink.toml"
    packages = json.dumps([f"npm:{name}" for name in names])
    config.write_text(FLEET.format(database=postgresql_url, registry=registry.url, packages=packages))
    with fleet(config) as ships:
        leader = ships.start("run")
        standby = ships.start("run", prepare=elsewhere)
        beside = ships.start("run")
        workers = [ships.start("worker", "--listen", "127.0.0.1:0") for _ in range(2)]
        daemons = [serves(leader, "the pages are served"), serves(standby)]
        hands = [serves(one) for one in workers]
        assert "served" not in beside.log(), "the address is the leader's, on the same machine"
        assert httpx.get(f"{daemons[1]}/healthz").text == "standing by\n"
        with prometheus(tmp_path, {"weaklink": daemons, "weaklink-workers": hands}) as api:
            until(lambda: len(value(api, "weaklink_checks_total > 60")) == len(workers), 120)
            assert {one["metric"]["job"] for one in value(api, "weaklink_checks_total")} == {"weaklink-workers"}
            (counted,) = value(api, "sum by (source) (weaklink_checks_total)")
            assert 2 * PACKAGES < int(counted["value"][1]) <= len(registry.requests)
            assert value(api, "sum(weaklink_targets)")[0]["value"][1] == str(PACKAGES)
            assert [one["value"][1] for one in value(api, "sum(weaklink_leads) == 1 and count(weaklink_leads) == 2")]
            until(lambda: value(api, "weaklink_workers == 2"))
            assert "firing" not in {rule["state"] for rule in rules(api)}
        for url in (*hands, daemons[1]):
            in_order(httpx.get(f"{url}/metrics").text)
        assert {httpx.get(f"{url}/healthz").text for url in hands} == {"ok\n"}
        leader.kill()
        until(lambda: "this daemon leads" in beside.log() + standby.log())
        leads = beside if "this daemon leads" in beside.log() else standby
        url = serves(leads, "the pages are served")
        assert "weaklink_leads 1.0" in httpx.get(f"{url}/metrics").text
        assert {one.stop() for one in (*workers, beside, standby)} == {0}


def test_messages_that_were_given_up_are_told_once_although_another_daemon_tells_of_them(tmp_path: Path) -> None:
    def series(instance: str, values: str) -> dict[str, str]:
        return {
            "series": f'weaklink_messages_dead{{job="weaklink",channel="chat",instance="{instance}"}}',
            "values": values,
        }

    def told(at: str, times: int) -> dict[str, Any]:
        words = {"summary": "Messages to chat were given up"}
        words["description"] = "Nobody on this channel will hear of them. See `weaklink notify log`."
        alert = {"exp_labels": {"job": "weaklink", "channel": "chat", "severity": "critical"}, "exp_annotations": words}
        return {"eval_time": at, "alertname": "WeaklinkMessagesGivenUp", "exp_alerts": [alert] * times}

    # Two were given up in the first hour. In the third, another daemon comes to lead.
    one, other = series("a", "0x9 2x119 stale"), series("b", "_x130 2x109")
    tests = {
        "rule_files": [str(FILES / "alert-rules.yml")],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [one, other],
                "alert_rule_test": [told("5m", 0), told("30m", 1), told("100m", 0), told("140m", 0), told("200m", 0)],
            }
        ],
    }
    (tmp_path / "rules.json").write_text(json.dumps(tests))
    judged = subprocess.run(
        ["promtool", "test", "rules", tmp_path / "rules.json"], text=True, capture_output=True, check=False
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr
