"""What real services are sent, taken from the wire: mail through Exim with STARTTLS, chats and webhooks over TLS."""

from __future__ import annotations

import asyncio
import json
import mailbox
import os
import pwd
import shutil
import smtplib
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.policy import default
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web
from apprise.plugins.slack import NotifySlack

from alerts import deliver
from alerts.deliver import send
from alerts.messages.content import Fact, Item, Line, Message
from alerts.messages.render import medium_of, render
from config.settings import Channel

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOSTILE = "<!channel> @everyone <https://evil.example|click> \u202eevil [x](https://evil.example) *b* <b>&amp;"
EXIM = """
spool_directory = {folder}
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/exim.pid
exim_user = {user}
exim_group = {group}
never_users =
primary_hostname = localhost
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
tls_advertise_hosts = *
tls_certificate = {folder}/server.pem
auth_advertise_hosts = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}
acl_smtp_rcpt = rcpt
keep_environment =
begin acl
rcpt:
  accept authenticated = *
  deny message = authenticate first
begin routers
all:
  driver = accept
  transport = file
begin transports
file:
  driver = appendfile
  file = {folder}/mbox
  user = {user}
  group = {group}
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_set_id = $auth2
  server_condition = ${{if and{{{{eq{{$auth2}}{{weaklink}}}}{{eq{{$auth3}}{{open-sesame}}}}}}}}
"""


def item(**changes: Any) -> Item:
    values: dict[str, Any] = {
        "alert": 7,
        "severity": "critical",
        "state": "open",
        "subject": "npm:left-pad",
        "title": f"left-pad 1.4.0 was published by {HOSTILE}",
        "why": "This account never published the package before.",
        "advice": "Do not update to this release.",
        "facts": (
            Fact(kind="publisher-changed", subject="npm:left-pad", title="x", before="a", after=HOSTILE, at=NOW),
        ),
        "reach": ("shop (web-team): direct",),
        "links": (("package", "https://registry.example/package/left-pad"),),
        "opened_at": NOW - timedelta(days=1),
    }
    return Item(**(values | changes))


def message(kind: str = "first", **changes: Any) -> Message:
    values: dict[str, Any] = {"severity": "critical", "title": item().title, "items": (item(),), "thread": "5eed"}
    return Message(kind=kind, at=NOW, **(values | changes))


async def post(url: str, told: Message | None = None, **other: Any) -> deliver.Outcome:
    channel = Channel.model_validate({"name": "there", "url": url})
    rendered = render(told or message(), medium_of(url), "key-1")
    return await send(channel, rendered, key="key-1", thread="5eed", **other)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """A certificate authority that this machine trusts during the test."""
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, str(tmp_path / "ca.pem"))
    return made


# --- mail ------------------------------------------------------------------------------------------------------------


class Exim:
    """Debian's mail server: takes mail after STARTTLS from who knows the password, and puts it into a file."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port

    def url(self, password: str = "open-sesame") -> str:
        people = "from=weaklink@weaklink.example&to=team@team.example"
        return f"mailtos://weaklink:{password}@localhost:{self.port}/?mode=starttls&{people}"

    def mails(self, count: int) -> list[Any]:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            found = list(mailbox.mbox(self.folder / "mbox", factory=None)) if (self.folder / "mbox").exists() else []
            if len(found) >= count:
                from email import message_from_bytes

                return [message_from_bytes(bytes(mail), policy=default) for mail in found]
            time.sleep(0.05)
        raise AssertionError((self.folder / "log" / "mainlog").read_text())


@pytest.fixture
def exim(authority: trustme.CA) -> Iterator[Exim]:
    folder = Path(tempfile.mkdtemp(prefix="exim"))
    user = "Debian-exim" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    group = user if os.getuid() == 0 else str(os.getgid())
    (folder / "log").mkdir()
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "exim.conf").write_text(EXIM.format(folder=folder, port=port, user=user, group=group))
    if os.getuid() == 0:
        for path in (folder, folder / "log", folder / "server.pem"):  # its configuration stays root's: it insists
            shutil.chown(path, user, user)
        folder.chmod(0o755)
    log = (folder / "started").open("wb")
    process = subprocess.Popen(["/usr/sbin/exim4", "-C", folder / "exim.conf", "-bdf"], stdout=log, stderr=log)
    for _ in range(200):
        try:
            with smtplib.SMTP("127.0.0.1", port, timeout=5):
                break
        except OSError:
            assert process.poll() is None, (folder / "started").read_text()
            time.sleep(0.05)
    yield Exim(folder, port)
    process.terminate()
    process.wait(10)
    shutil.rmtree(folder, ignore_errors=True)


async def test_a_mail_over_starttls_with_a_password_arrives_whole(exim: Exim) -> None:
    assert (await post(exim.url())).ok
    outcome = await post(exim.url(), message("resolved", items=(item(state="resolved"),)), follows=True)
    assert outcome.ok
    first, second = exim.mails(2)
    assert first.get_content_type() == "multipart/alternative"
    assert {part.get_content_type() for part in first.iter_parts()} == {"text/plain", "text/html"}
    assert first["Subject"].strip().startswith("[critical] left-pad 1.4.0 was published by")
    assert first["Idempotency-Key"] == "key-1"
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["References"] == second["References"] == second["In-Reply-To"] == "<5eed@weaklink.invalid>"
    assert first["In-Reply-To"] is None
    html = first.get_body(("html",)).get_content()
    assert "<script" not in html
    assert "https://evil.example|click&gt;" in html
    assert 'href="https://evil' not in html
    assert "\u202e" not in html + first.get_body(("plain",)).get_content() + first["Subject"]
    assert "it was opened 2026-11-19" in second.get_body(("plain",)).get_content()


async def test_a_wrong_password_is_told_without_repeating_it(exim: Exim) -> None:
    outcome = await post(exim.url(password="very-secret"))
    assert not outcome.ok
    assert "very-secret" not in outcome.words


async def test_a_name_cannot_break_out_of_a_mails_header(exim: Exim) -> None:
    assert (await post(exim.url(), message(title="x\r\nBcc: everyone@evil.example\r\n\r\nfree text"))).ok
    (mail,) = exim.mails(1)
    assert mail["Bcc"] is None
    assert mail["Subject"].split() == ["[critical]", "x", "Bcc:", "everyone@evil.example", "free", "text"]


async def test_a_mail_server_whose_certificate_nobody_knows_gets_no_password(
    exim: Exim, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "another.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "another.pem"))
    assert not (await post(exim.url())).ok
    assert "authenticator" not in (exim.folder / "log" / "mainlog").read_text()


# --- chats and webhooks over TLS -------------------------------------------------------------------------------------


class Endpoint:
    """An HTTPS server that keeps each request, and answers as a test prescribes."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.status: list[int] = []
        self.headers: dict[str, str] = {}
        self.seconds = 0.0
        """Between a request and its answer."""

    async def serve(self, request: web.Request) -> web.Response:
        self.requests.append((request.path, dict(request.headers), await request.read()))
        await asyncio.sleep(self.seconds)
        status = self.status.pop(0) if self.status else 200
        return web.Response(status=status, text="ok", headers=self.headers if status != 200 else {})

    def last(self) -> tuple[str, dict[str, str], Any]:
        path, headers, body = self.requests[-1]
        return path, headers, json.loads(body)


@pytest.fixture
def endpoint(servers: Any, authority: trustme.CA) -> Iterator[Endpoint]:
    found = Endpoint()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    servers.run(runner.setup())
    servers.run(web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start())
    found.port = runner.addresses[0][1]
    yield found
    servers.run(runner.cleanup())


SLACK = "slack://T1234567A/B1234567A/abcdefghijklmnopqrstuvwx/"


async def test_slack_gets_one_attachment_in_which_nothing_is_live(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NotifySlack, "webhook_url", f"https://localhost:{endpoint.port}/services")
    assert (await post(SLACK)).ok
    path, _, body = endpoint.last()
    assert path == "/services/T1234567A/B1234567A/abcdefghijklmnopqrstuvwx"
    (attachment,) = body["attachments"]
    text = attachment["title"] + attachment["text"]
    assert "<!" not in text
    assert "<https" not in text
    assert "@everyone" not in text
    assert "\u202e" not in text
    assert "&lt;!channel&gt;" in text
    assert "&amp;lt;" not in text
    assert "Do not update to this release." in text


async def test_mattermost_gets_markdown_that_mentions_nobody(endpoint: Endpoint) -> None:
    assert (await post(f"mmosts://localhost:{endpoint.port}/abcdefghijklmnop")).ok
    path, _, body = endpoint.last()
    assert path == "/hooks/abcdefghijklmnop"
    assert "@everyone" not in body["text"]
    assert "](https://evil" not in body["text"]
    assert "Do not update to this release." in body["text"]


async def test_ntfy_gets_plain_text(endpoint: Endpoint) -> None:
    assert (await post(f"ntfys://localhost:{endpoint.port}/watch")).ok
    _, headers, body = endpoint.last()
    assert body["topic"] == "watch"
    assert body["message"].count("\n") < 15
    assert headers.get("X-Markdown") != "yes"


async def test_a_webhook_gets_the_whole_content_and_its_key_as_a_header(endpoint: Endpoint) -> None:
    digest = message("digest", still=(Line(when=NOW, severity="low", title="old"),), more=2)
    assert (await post(f"jsons://localhost:{endpoint.port}/hook", digest)).ok
    _, headers, body = endpoint.last()
    assert headers["Idempotency-Key"] == "key-1"
    told = json.loads(body["message"])
    assert told["items"][0]["title"].endswith(HOSTILE.partition("\u202e")[2])
    assert (told["key"], told["kind"], told["more"], told["still"][0]["title"]) == ("key-1", "digest", 2, "old")


async def test_a_redirect_of_a_service_is_not_followed(endpoint: Endpoint) -> None:
    endpoint.status, endpoint.headers = [307], {"Location": f"https://localhost:{endpoint.port}/elsewhere"}
    assert not (await post(f"jsons://user:very-secret@localhost:{endpoint.port}/hook")).ok
    assert [path for path, *_ in endpoint.requests] == ["/hook"]


async def test_the_wait_that_a_service_asks_for_is_known(endpoint: Endpoint) -> None:
    hook = partial(post, f"jsons://localhost:{endpoint.port}/hook")
    for headers, wait in (
        ({"Retry-After": "1800"}, timedelta(minutes=30)),
        ({"Retry-After": "99999999"}, timedelta(hours=6)),
        ({"Retry-After": "soon"}, timedelta(minutes=1)),
        ({}, timedelta(minutes=1)),
    ):
        endpoint.status, endpoint.headers = [429], headers
        outcome = await hook()
        assert (outcome.ok, outcome.retry_after) == (False, wait)


async def test_a_service_that_hangs_is_given_up_in_time(
    servers: Any, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    monkeypatch.setattr(deliver, "SEND_TIMEOUT", 6.0)
    with socket.create_server(("127.0.0.1", unused_tcp_port)):
        began = time.monotonic()
        outcome = await post(f"json://127.0.0.1:{unused_tcp_port}/hook?rto=0.5&cto=0.5")
    assert not outcome.ok
    assert time.monotonic() - began < 5


async def test_a_service_that_takes_its_time_gets_a_message_once(endpoint: Endpoint) -> None:
    endpoint.seconds = 4.5  # Apprise by itself gives up after four
    hook = f"jsons://localhost:{endpoint.port}/hook"
    patient, impatient = await asyncio.gather(post(hook), post(f"{hook}?rto=0.5"))
    assert patient.ok
    assert not impatient.ok, "the URL has the last word"


async def test_a_certificate_nobody_knows_is_refused(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    assert not (await post(f"jsons://localhost:{endpoint.port}/hook")).ok
    assert endpoint.requests == []
