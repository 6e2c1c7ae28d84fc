"""What the daemon writes while everything goes wrong that can, and how one check is followed through it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from alerts import heartbeat
from config.settings import Heartbeat
from monitor.cli.app import weaklink as commands
from monitor.store.engine import Store

Event = dict[str, Any]

SECRETS = {
    "webhook": "Wh-token-4f1c",
    "password": "pw-mail-77aa",
    "chat": "Chat0Token9Ab",
    "beat": "beat-uuid-51d0",
    "page": "page-token-0123456789",
    "feed": "feed-login-8d2b",
    "scope": "scope-token-61fe",
    "npmrc": "npmrc-token-93cb",
    "rdap": "rdap-login-2c44",
    "database": "db-password-19ef",
    "edit": "edited-secret-b7b7",
}

CONFIG = """
[web]
listen = "127.0.0.1:{port}"
[[web.token]]
name = "alice"
secret = "${{page}}"
[log]
format = "json"
level = "debug"
[schedule]
packages = "2s"
[heartbeat]
url = "http://127.0.0.1:9/${{beat}}"
[domains]
rdap_bootstrap = "http://reader:${{rdap}}@127.0.0.1:9/dns.json"
nameservers = ["127.0.0.1:9"]
whois_server = "127.0.0.1:9"
timeout = "1s"
[registries.npm]
url = "{url}"
scopes = {{ "@corp" = "{corp}" }}
changes_feed = "http://reader:${{feed}}@127.0.0.1:9/_changes"
timeout = "2s"
[[watch]]
name = "shop"
packages = ["npm:left-pad", "npm:@corp/gone", "npm:odd"]
domains = ["lapsed.example"]
[[channel]]
name = "good"
url = "{sink}/${{webhook}}"
[[channel]]
name = "refused"
url = "json://user:${{password}}@127.0.0.1:9/"
[[channel]]
name = "chat"
url = "slack://${{chat}}/B12345678/C123456789012345678901234/"
[[route]]
match = {{ severity = ">=low" }}
channels = ["good", "refused"]
group_wait = "0s"
"""


def until(condition: Callable[[], Any], seconds: float = 120) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come in time"
        time.sleep(0.1)
    return found


class Daemon:
    """``weaklink run`` and what it writes."""

    def __init__(self, folder: Path, environment: dict[str, str], *options: str) -> None:
        self._file = folder / "daemon.log"
        with self._file.open("w") as stream:
            command = [sys.executable, "-c", "from monitor.cli import main; main()", "run", *options]
            self.process = subprocess.Popen(command, cwd=folder, env=environment, stderr=stream, stdout=stream)

    def written(self) -> str:
        return self._file.read_text()

    def events(self, event: str = "", **fields: Any) -> list[Event]:
        """Its lines of this event with these fields; each line must be one JSON object."""
        lines = [json.loads(line) for line in self.written().splitlines(keepends=True) if line.endswith("\n")]
        return [one for one in lines if event in {"", one["event"]} and fields.items() <= one.items()]

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0, self.written()


@pytest.fixture
def start(folder: Path, environment: dict[str, str]) -> Iterator[Callable[..., Daemon]]:
    started: list[Daemon] = []

    def begin(*options: str) -> Daemon:
        started.append(Daemon(folder, environment, *options))
        return started[-1]

    yield begin
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait(10)


def owe_a_heartbeat(folder: Path) -> None:
    store = Store(f"sqlite:///{folder}/weaklink.db")
    with store.transaction() as session:
        now = datetime.now(UTC)
        heartbeat.owe(session, Heartbeat(url="http://127.0.0.1:9/"), "all is well", now, now)
    store.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def test_no_failure_of_any_kind_writes_a_secret(
    start: Callable[..., Daemon],
    weaklink: Any,
    folder: Path,
    environment: dict[str, str],
    registry: Any,
    sink: Any,
    taken_over: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    environment |= SECRETS
    monkeypatch.chdir(folder)

    def said_by(*words: str) -> str:
        """What a command says; in this process, since that is sooner."""
        done = CliRunner().invoke(commands, words, env=environment)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.output
        return done.output + done.stderr

    login = f"http://u:{SECRETS['scope']}@127.0.0.1:9/"
    port = free_port()
    good = CONFIG.format(port=port, url=registry.url, corp=login, sink=sink.url)
    (folder / "weaklink.toml").write_text(good)
    (folder / ".npmrc").write_text(f"{registry.url.removeprefix('http:')}:_authToken={SECRETS['npmrc']}\n")
    registry.documents["/odd"] = b"<html>sign in</html>"
    said = [said_by("db", "upgrade")]
    owe_a_heartbeat(folder)
    daemon = start()
    until(lambda: daemon.events("checked", subject="pkg:npm/left-pad"))
    registry.documents["/left-pad"] = taken_over()

    for event, fields in (
        ("check failed", {"subject": "pkg:npm/odd"}),
        ("check failed", {"subject": "pkg:npm/%40corp/gone"}),
        ("check failed", {"subject": "domain:lapsed.example"}),
        ("message not taken", {"channel": "refused"}),
        ("message delivered", {"channel": "good"}),
        ("message not taken", {"channel": "heartbeat url"}),
        ("feed does not answer", {}),
    ):
        until(partial(daemon.events, event, **fields))

    # A token where none is wanted, a wrong one, and bytes that are no HTTP.
    pages = f"http://127.0.0.1:{port}"
    for headers in ({"Authorization": f"Bearer {SECRETS['page']}"}, {"Authorization": "Bearer wrong-token-of-mine"}):
        replies = [httpx.get(pages + path, headers=headers) for path in ("/metrics", "/api/v1/status", "/nope")]
        assert not any(SECRETS["page"] in reply.text for reply in replies)
    with socket.create_connection(("127.0.0.1", port)) as raw:
        raw.sendall(b"\0\1 " + SECRETS["page"].encode() + b"\r\n\r\n")
        raw.recv(1000)

    def rejected(before: int) -> bool:
        return len(daemon.events("configuration rejected")) > before

    # Edits whose secret stands where it cannot be used.
    channel = '[[channel]]\nname = "new"\nurl = "nothing://${edit}"'
    for wrong in ('[database]\nurl = "${edit}"', channel, "depth = ${edit}"):
        (folder / "weaklink.toml").write_text(f"{good}\n{wrong}\n")
        before = len(daemon.events("configuration rejected"))
        until(partial(rejected, before))
        said.append(said_by("config", "check"))
        assert "weaklink.toml:" in said[-1] or "nothing://" in said[-1]
    (folder / "weaklink.toml").write_text(good)
    until(lambda: daemon.events("configuration taken up"))
    shown = ["status", "--json status", "notify log", "config check", "alerts", "--json alerts", "export"]
    said += [said_by(*words.split()) for words in (*shown, "show npm:left-pad", "--json show npm:left-pad")]
    daemon.end()
    said += [said_by(*words.split()) for words in ("check", "--json check", "notify test --channel refused")]

    elsewhere = '[database]\nurl = "postgresql://me:${database}@127.0.0.1:9/weaklink?connect_timeout=2"\n'
    (folder / "weaklink.toml").write_text(elsewhere + good)
    refused = [weaklink("run"), weaklink("run", "--log-format", "json")]
    assert [one.returncode for one in refused] == [2, 2]
    assert json.loads(refused[1].stderr)["event"] == "weaklink cannot go on"

    written = "".join([daemon.written(), *said, *(one.stdout + one.stderr for one in refused)])
    stored = (folder / "weaklink.db").read_bytes()
    for name, secret in SECRETS.items():
        assert secret not in written, name
        assert secret.encode() not in stored, name
    assert "left-pad" in written
    assert b"left-pad" in stored


def test_one_check_is_followed_from_its_answer_to_the_messages(
    start: Callable[..., Daemon],
    weaklink: Any,
    folder: Path,
    registry: Any,
    sink: Any,
    taken_over: Any,
) -> None:
    with (folder / "weaklink.toml").open("a") as file:
        file.write(f'[web]\nlisten = ""\n[[channel]]\nname = "team"\nurl = "{sink.url}"\n')
        file.write('[schedule]\npackages = "2s"\n[log]\nlevel = "debug"\n')
        file.write('[[route]]\nmatch = { severity = ">=low" }\nchannels = ["team"]\ngroup_wait = "0s"\n')
    daemon = start("--log-format", "json")
    until(lambda: daemon.events("checked"))
    registry.documents["/left-pad"] = taken_over()
    delivered = until(lambda: daemon.events("message delivered"))[0]
    unchanged = until(lambda: daemon.events("checked", outcome="unchanged"))
    daemon.end()

    (check,) = delivered["checks"]
    trail = [one for one in daemon.events() if one.get("check") == check or check in one.get("checks", ())]
    steps = [one["event"] for one in trail]
    assert [step for step, after in zip(steps, ["", *steps], strict=False) if step != after] == [
        "checked",
        "change",
        "alert opened",
        "message owed",
        "message delivered",
    ]
    assert {one["kind"] for one in trail if one["event"] == "change"} >= {"publisher-changed", "install-script-added"}
    assert len([one for one in daemon.events() if one.get("check") == unchanged[0]["check"]]) == 1
    assert {one["level"] for one in daemon.events("checked")} == {"debug"}

    # The evidence names it too, and so does the message itself.
    changes = json.loads(weaklink("--json", "changes").stdout)
    assert {one["evidence"]["check"] for one in changes if one["kind"] == "publisher-changed"} == {check}
    assert check in json.dumps(sink.contents())
    shown = json.loads(weaklink("--json", "show", "npm:left-pad").stdout)
    assert check in {one["evidence"].get("check") for one in shown["timeline"]}
    alerts = json.loads(weaklink("--json", "alerts").stdout)
    assert check in json.dumps(alerts)


def test_checks_that_find_nothing_new_and_fail_on_say_nothing_more(
    start: Callable[..., Daemon], folder: Path, registry: Any
) -> None:
    text = (folder / "weaklink.toml").read_text().replace('"npm:left-pad"', '"npm:left-pad", "npm:odd"')
    text = text.replace("[registries.npm]", "[registries.npm]\nsearches_per_minute = 0")
    (folder / "weaklink.toml").write_text(f'{text}[web]\nlisten = ""\n[schedule]\npackages = "1s"\n')
    registry.documents["/odd"] = b"<html>sign in</html>"

    def asked(path: str) -> int:
        return sum(one == path for one, _ in registry.requests)

    daemon = start("--log-format", "json")
    until(lambda: asked("/left-pad") > 4 and asked("/odd") > 2)
    daemon.end()
    assert [one["event"] for one in daemon.events(level="warning")] == ["check failed"]
    assert {one["event"] for one in daemon.events()} == {
        "database brought up to date",
        "watching",
        "check failed",
        "stopped",
    }
