"""What is taken out of everything that is about to be shown."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from config import secrets
from config.load import load
from config.secrets import MASK, hide, masked, secrets_of


@pytest.fixture(autouse=True)
def nothing_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_hidden", secrets._Hidden())


def hidden_by(tmp_path: Path, text: str) -> set[str]:
    (tmp_path / "weaklink.toml").write_text(text)
    found = {*secrets_of(load(tmp_path / "weaklink.toml", env={}))}
    hide(found)
    return found


@pytest.mark.parametrize(
    ("url", "gone", "left"),
    [
        ("slack://TokenA12/TokenB34/TokenC56/#security", ["TokenB34", "TokenC56"], ["#security"]),
        (
            "mailtos://user:s3cr:et!@mail.example?to=team@example.org",
            ["s3cr:et!"],
            ["mail.example", "team@example.org"],
        ),
        ("https://hooks.example/services/T0/B0/XyZ-12345", ["XyZ-12345"], ["hooks.example", "services"]),
        ("pover://userkey99@apptoken77", ["userkey99", "apptoken77"], ["pover"]),
        ("json://127.0.0.1:8080/hook?+X-Api=abc.def&format=markdown", ["abc.def"], ["127.0.0.1", "hook", "markdown"]),
        ("ntfy://supply-chain-alerts", ["supply-chain-alerts"], ["ntfy"]),
    ],
)
def test_a_channel_is_hidden_whole_and_in_parts(tmp_path: Path, url: str, gone: list[str], left: list[str]) -> None:
    hidden_by(tmp_path, f'[[channel]]\nname = "x"\nurl = "{url}"\n')
    assert masked(f"could not reach {url}: refused") == f"could not reach {MASK}: refused"
    for part in gone:
        assert part not in masked(f"said {part} and {quote(part, safe='')}, and '{part}'")
    for part in left:
        assert part in masked(f"said {part} here")


def test_passwords_and_tokens_of_all_else_are_hidden(tmp_path: Path) -> None:
    hidden_by(
        tmp_path,
        """
        [database]
        url = "postgresql://weaklink:db-pass-1@db.example/weaklink"
        [registries.npm]
        url = "https://reader:npm-pass-2@npm.example/"
        scopes = { "@corp" = "https://corp-token-3@corp.example/" }
        changes_feed = "https://npm.example/_changes?token=feed-token-4"
        [domains]
        rdap_bootstrap = "https://u:rdap-pass-5@rdap.example/dns.json"
        [heartbeat]
        url = "https://ping.example/0b5c2a1e-beat-6"
        [advisories]
        api_url = "https://u:osv-pass-8@osv.example/"
        dumps_url = "https://dumps.example/?token=dumps-token-9"
        [[web.token]]
        name = "alice"
        secret = "web-token-7-web-token"
        """,
    )
    text = "db-pass-1 npm-pass-2 corp-token-3 feed-token-4 rdap-pass-5 0b5c2a1e-beat-6 web-token-7-web-token"
    text += " osv-pass-8 dumps-token-9"
    assert masked(text) == " ".join([MASK] * 9)
    assert masked("Basic " + base64.b64encode(b"reader:npm-pass-2").decode()) == f"Basic {MASK}"
    assert masked("weaklink asked db.example, npm.example and reader") == (
        "weaklink asked db.example, npm.example and reader"
    )


@given(st.text(min_size=8, max_size=60), st.text(max_size=50), st.text(max_size=50))
def test_a_secret_is_found_however_it_is_written(secret: str, before: str, after: str) -> None:
    assume(secret not in MASK)
    quoted = quote(secret), quote(secret, safe=""), quote_plus(secret)
    for written in (secret, *quoted, json.dumps(secret), repr(secret)):
        secrets._hidden.values.clear()
        hide([secret])
        assert secret not in masked(before + written + after).replace(MASK, "")
        assert MASK in masked(before + written + after)


def test_a_short_password_takes_no_words_apart(tmp_path: Path) -> None:
    hidden_by(tmp_path, '[database]\nurl = "postgresql://me:weak@db.example/x"\n')
    assert masked("weaklink: weak, me:weak@db") == f"weaklink: {MASK}, me:{MASK}@db"


def test_the_name_of_a_databases_user_is_no_secret(tmp_path: Path) -> None:
    assert not hidden_by(tmp_path, '[database]\nurl = "postgresql://weaklink@/weaklink?host=/run/postgresql"\n')


def test_what_was_a_secret_before_an_edit_is_one_still(tmp_path: Path) -> None:
    hidden_by(tmp_path, '[[channel]]\nname = "x"\nurl = "json://u:old-secret@h.example"\n')
    hidden_by(tmp_path, '[[channel]]\nname = "x"\nurl = "json://u:new-secret@h.example"\n')
    assert masked("old-secret new-secret") == f"{MASK} {MASK}"
