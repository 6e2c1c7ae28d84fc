"""The command line as a person and as a program use it, against a registry on loopback."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_a_sweep_shows_a_table_to_people(weaklink: Run) -> None:
    done = weaklink("check")
    assert done.returncode == 0
    assert "npm:left-pad" in done.stdout
    assert "1 checked, 1 seen for the first time" in done.stdout
    assert done.stderr == ""


def test_a_take_over_is_found_and_fails_the_build(weaklink: Run, registry: Any, taken_over: Any) -> None:
    weaklink("check")
    registry.documents["/left-pad"] = taken_over()
    done = weaklink("--json", "check", "--fail-on", "high")
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert {"publisher-changed", "install-script-added"} <= {f["kind"] for f in document["findings"]}

    changes = json.loads(weaklink("--json", "changes").stdout)
    assert {"id", "at", "kind", "severity", "subject", "ecosystem", "before", "after", "evidence", "watches"} <= set(
        changes[0]
    )
    assert changes[0]["at"].endswith("Z")
    (alert,) = json.loads(weaklink("--json", "alerts", "--state", "open").stdout)
    assert alert["severity"] == "critical"
    assert alert["advice"]
    assert {"id", "fingerprint", "state", "subject", "title", "changes", "opened_at", "watches"} <= set(alert)
    shown = json.loads(weaklink("--json", "show", "npm:left-pad").stdout)
    assert shown["subject"] == "pkg:npm/left-pad"
    assert shown["facts"]["maintainers"] == ["alice", "mallory"]
    assert {entry["history"] for entry in shown["timeline"]} == {True, False}
    account = json.loads(weaklink("--json", "show", "npm:~mallory").stdout)
    assert account["facts"]["packages"] == ["pkg:npm/left-pad"]


def test_what_strangers_write_moves_no_terminal(weaklink: Run, registry: Any, taken_over: Any) -> None:
    weaklink("check")
    hostile = "\x1b[2J\x1b]0;gone\x07 \u202egnp\r\u2066[bold]"
    document = taken_over()
    document["versions"]["1.4.0"] |= {"scripts": {"postinstall": hostile}, "license": hostile, "deprecated": hostile}
    document["maintainers"][1]["name"] = document["versions"]["1.4.0"]["_npmUser"]["name"] = f"mallory{hostile}"
    registry.documents["/left-pad"] = document | {"repository": hostile}
    shown = [weaklink(*command) for command in (("check",), ("show", "npm:left-pad"), ("changes",), ("alerts",))]
    shown += [weaklink("--json", "show", "npm:left-pad"), weaklink("alerts", "show", "1")]
    text = "".join(done.stdout + done.stderr for done in shown)
    assert "⟨U+001B⟩[2J" in text
    assert "⟨U+202E⟩" in text
    assert not set(text) & set("\x1b\x07\r\u202e\u2066")


def test_nothing_is_fetched_from_where_a_package_points(weaklink: Run, registry: Any, taken_over: Any) -> None:
    trap = f"{registry.url}trap"
    weaklink("check")
    document = taken_over()
    for version in document["versions"].values():
        version |= {"repository": {"type": "git", "url": f"git+{trap}.git"}, "homepage": trap, "bugs": {"url": trap}}
        version["dist"] |= {"tarball": f"{trap}/x.tgz", "attestations": {"url": f"{trap}/attestations"}}
        version["dependencies"] = {"direct": f"{trap}/direct.tgz", "git": f"git+{trap}/git.git"}
    registry.documents["/left-pad"] = document | {"repository": trap, "homepage": trap, "funding": trap}
    assert weaklink("check").returncode == 0
    assert weaklink("show", "npm:left-pad").returncode == 0
    assert [path for path, _ in registry.requests if "trap" in path] == []


def test_what_could_not_be_checked_is_exit_3_and_in_status(weaklink: Run, registry: Any) -> None:
    registry.documents["/left-pad"] = b"<html>Sign in</html>"
    done = weaklink("check")
    assert done.returncode == 3
    assert "not checked: npm:left-pad" in done.stdout
    status = weaklink("--json", "status")
    assert status.returncode == 3
    (failing,) = json.loads(status.stdout)["failing"]
    assert failing["subject"] == "pkg:npm/left-pad"
    assert "web page" in failing["error"]


def test_domains_are_shown_by_expiry_with_their_evidence(
    weaklink: Run, folder: Path, registry: Any, packument: Any, knots: Any, whois_server: Any
) -> None:
    knot = knots()
    knot.zone("alice-mail.org", "@ NS ns1.host.org.\n@ MX 10 mx.host.org.\n@ A 192.0.2.1")
    knot.start()
    registry.documents["/dns.json"] = {"services": [[["org"], [f"{registry.url}rdap/"]]]}
    registry.documents["/rdap/domain/alice-mail.org"] = {
        "objectClassName": "domain",
        "ldhName": "alice-mail.org",
        "events": [{"eventAction": "expiration", "eventDate": "2095-01-01T00:00:00Z"}],
    }
    document = packument()
    document["maintainers"] = [{"name": "alice", "email": "alice@alice-mail.org"}]
    registry.documents["/left-pad"] = document
    with (folder / "weaklink.toml").open("a") as stream:
        stream.write(f'[domains]\nnameservers = ["{knot.address}"]\nrdap_bootstrap = "{registry.url}dns.json"\n')
        stream.write(f'whois_server = "127.0.0.1:{whois_server.port}"\n')
    assert weaklink("check").returncode == 0
    assert weaklink("check").returncode == 0
    shown = json.loads(weaklink("--json", "show", "domain:alice-mail.org").stdout)
    assert shown["facts"]["state"] == "registered"
    assert shown["facts"]["expires_at"] == "2095-01-01T00:00:00Z"
    assert shown["facts"]["mail_exchangers"] == ["mx.host.org"]
    assert shown["facts"]["accounts"] == ["npm:~alice"]
    assert shown["facts"]["packages"] == ["pkg:npm/left-pad"]
    assert {one["type"] for one in shown["facts"]["evidence"]} == {"registration", "delegation"}
    assert [one["watch"] for one in shown["watches"]] == ["shop"]
    (listed,) = json.loads(weaklink("--json", "domains").stdout)
    assert (listed["domain"], listed["packages"]) == ("alice-mail.org", 1)
    account = json.loads(weaklink("--json", "show", "npm:~alice").stdout)
    assert account["facts"]["domains"] == ["alice-mail.org"]
    assert "alice-mail.org" in weaklink("domains").stdout


def test_init_never_overwrites(weaklink: Run, folder: Path) -> None:
    before = (folder / "weaklink.toml").read_text()
    done = weaklink("init")
    assert done.returncode == 2
    assert "stays as it is" in done.stderr
    assert (folder / "weaklink.toml").read_text() == before


def test_an_error_of_the_configuration_says_file_line_key_problem_and_mend(weaklink: Run, folder: Path) -> None:
    with (folder / "weaklink.toml").open("a") as stream:
        stream.write("\n[schedule]\npackges = '1h'\n")
    done = weaklink("config", "check")
    assert done.returncode == 2
    assert "weaklink.toml:12" in done.stderr
    assert "packages" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_channel_that_apprise_does_not_know_is_an_error_without_its_secret(weaklink: Run, folder: Path) -> None:
    with (folder / "weaklink.toml").open("a") as stream:
        stream.write('\n[[channel]]\nname = "x"\nurl = "slakc://very-secret-token"\n')
    done = weaklink("config", "check")
    assert done.returncode == 2
    assert "slakc" in done.stderr
    assert "very-secret" not in done.stderr + done.stdout


def test_a_name_that_is_not_watched_is_named(weaklink: Run) -> None:
    done = weaklink("check", "npm:right-pad")
    assert done.returncode == 2
    assert "npm:right-pad is not watched" in done.stderr
    assert weaklink("show", "npm:right-pad").returncode == 2
    assert weaklink("check", "npm:..").returncode == 2


def test_the_watchlist_is_edited_and_listed(weaklink: Run, folder: Path, registry: Any, packument: Any) -> None:
    registry.documents["/@babel/core"] = packument("@babel/core")
    assert weaklink("watch", "add", "npm:@babel/core").returncode == 0
    entries = json.loads(weaklink("--json", "watch", "list").stdout)[0]["entries"]
    assert [entry["purl"] for entry in entries] == ["pkg:npm/left-pad", "pkg:npm/%40babel/core"]
    assert weaklink("watch", "remove", "npm:@babel/core").returncode == 0
    assert "@babel" not in (folder / "weaklink.toml").read_text()


def test_what_no_registry_has_is_refused_with_the_nearest_names(weaklink: Run, folder: Path, registry: Any) -> None:
    before = (folder / "weaklink.toml").read_text()
    offered = [{"package": {"name": name}} for name in ("lfet-padd", "\x1b[2Jleft", "react")]
    registry.documents["/-/v1/search?text=lfet-pad&size=20"] = {"objects": offered}
    weaklink("check")  # what was watched is known
    done = weaklink("watch", "add", "npm:lfet-pad", "npm:right-pad")
    assert done.returncode == 2
    assert "the registry has no npm:lfet-pad; did you mean npm:lfet-padd or npm:left-pad?" in done.stderr
    assert "the registry has no npm:right-pad" in done.stderr
    assert (folder / "weaklink.toml").read_text() == before
    done = weaklink("watch", "add", "--offline", "npm:lfet-pad")
    assert (done.returncode, done.stdout) == (0, "npm:lfet-pad is watched in shop\n")


def test_what_cannot_be_verified_is_added_and_said(weaklink: Run, registry: Any) -> None:
    async def refuse(_request: Any) -> Any:
        return web.Response(status=401)

    registry.answers["/secret"] = refuse
    done = weaklink("watch", "add", "npm:secret")
    assert done.returncode == 0
    assert "whether there is npm:secret was not verified: 127.0.0.1" in done.stderr


def test_the_schema_is_one_json_document(weaklink: Run) -> None:
    assert json.loads(weaklink("config", "schema").stdout)["properties"]["watch"]


def test_a_backup_is_made_and_upgrade_has_nothing_to_do(weaklink: Run, folder: Path) -> None:
    weaklink("check")
    assert weaklink("db", "backup", "copy.db").returncode == 0
    assert (folder / "copy.db").stat().st_size > 0
    assert "up to date" in weaklink("db", "upgrade").stdout


def test_a_test_message_tells_each_channels_outcome(weaklink: Run, folder: Path, sink: Any) -> None:
    with (folder / "weaklink.toml").open("a") as stream:
        stream.write(f'\n[[channel]]\nname = "good"\nurl = "{sink.url}"\n')
        stream.write('\n[[channel]]\nname = "bad"\nurl = "json://127.0.0.1:9/very-secret-path"\n')
    done = weaklink("--json", "notify", "test")
    assert done.returncode == 3
    assert {one["channel"]: one["ok"] for one in json.loads(done.stdout)} == {"good": True, "bad": False}
    assert "very-secret" not in done.stdout + done.stderr
    assert sink.contents()[0]["kind"] == "test"


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


@pytest.fixture
def daemon(folder: Path, environment: dict[str, str]) -> Any:
    process = subprocess.Popen(
        [sys.executable, "-c", "from monitor.cli import main; main()", "run"],
        cwd=folder,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    if process.poll() is None:
        process.kill()
    process.wait(10)


def test_the_daemon_takes_up_an_edit_and_keeps_the_last_good_one(
    daemon: Any, folder: Path, registry: Any, packument: Any, weaklink: Run
) -> None:
    registry.documents["/right-pad"] = packument("right-pad")
    assert wait_for(lambda: any(path == "/left-pad" for path, _ in registry.requests))
    good = (folder / "weaklink.toml").read_text()
    (folder / "weaklink.toml").write_text(good.replace('"npm:left-pad"', '"npm:left-pad", "npm:right-pad"'))
    assert wait_for(lambda: any(path == "/right-pad" for path, _ in registry.requests))
    (folder / "good.toml").write_text(good)
    (folder / "weaklink.toml").write_text(good.replace("packages =", "pakages ="))

    def rejected() -> bool:
        alerts = json.loads(weaklink("--config", "good.toml", "--json", "alerts").stdout)
        return any(change["kind"] == "config-rejected" for alert in alerts for change in alert["changes"])

    assert wait_for(rejected)
    daemon.send_signal(signal.SIGHUP)
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(10) == 0
    status = json.loads(weaklink("--config", "good.toml", "--json", "status").stdout)
    assert status["targets"] == 2


def test_sigterm_ends_the_daemon_within_ten_seconds_though_a_source_hangs(daemon: Any, registry: Any) -> None:
    async def hang(_request: Any) -> None:
        await asyncio.sleep(60)

    registry.answers["/left-pad"] = hang
    assert wait_for(lambda: bool(registry.requests))
    began = time.monotonic()
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(10) == 0
    assert time.monotonic() - began < 10


def test_a_second_daemon_on_the_same_database_is_refused(daemon: Any, weaklink: Run, registry: Any) -> None:
    assert wait_for(lambda: bool(registry.requests))
    done = weaklink("run")
    assert done.returncode == 2
    assert "another weaklink run uses this database" in done.stderr
