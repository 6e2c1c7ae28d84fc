"""What people read: complete, short, and harmless whatever strangers wrote."""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from apprise import Apprise
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.messages.content import Fact, Item, Message
from alerts.messages.escape import header, markdown, slack, visible
from alerts.messages.render import medium_of, render, said

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SERVICES = [
    "slack://x",
    "mailtos://x",
    "discord://x",
    "mmost://x",
    "ntfy://x",
    "json://x",
    "pagerduty://x",
    "tgram://x",
]
# Half of a surrogate pair is no text: neither documents nor stored messages that hold one are decoded.
EVIL = st.text(
    st.sampled_from("ab<>&@*_`~[](){}#!|\\\"'\r\n\t\x00\x1b\u202e\u200b\u2066\ufeff:/.0")
    | st.characters(exclude_categories=["Cs"]),
    max_size=60,
) | st.sampled_from(
    ["<!channel>", "@everyone", "@here", "<https://evil.example|ok>", "[ok](https://evil.example)", "a\r\nBcc: x"]
)


def message(text: str = "left-pad", items: int = 1, facts: int = 4) -> Message:
    fact = Fact(
        kind="publisher-changed", subject=text, title=text, before=[text], after={text: text}, at=NOW, happened_at=NOW
    )
    item = Item(
        alert=7,
        severity="critical",
        state="open",
        subject=text,
        title=text,
        why="Because.",
        advice="Wait.",
        reason=text,
        facts=(fact,) * facts,
        reach=(f"{text} (web): direct",) * 5,
        links=((f"release {text}", "https://registry.example/p"),),
        link="https://weaklink.example/alerts/7",
    )
    return Message(kind="first", severity="critical", title=text, items=(item,) * items, thread="t", at=NOW)


@pytest.mark.parametrize("service", SERVICES)
def test_a_message_says_what_when_whom_why_and_what_to_do(service: str) -> None:
    rendered = render(message(), medium_of(service), "key-1")
    for words in ("left-pad", "2026-11-20", "Because", "Wait", "web"):
        assert words in rendered.title + rendered.body
    assert "critical" in rendered.title


@pytest.mark.parametrize("service", ["slack://x", "discord://x", "ntfy://x"])
def test_one_alert_in_a_chat_takes_less_than_fifteen_lines(service: str) -> None:
    assert len(render(message(), medium_of(service)).body.splitlines()) < 15


@pytest.mark.parametrize("service", SERVICES)
def test_a_long_message_is_cut_by_us_with_a_count(service: str) -> None:
    medium = medium_of(service)
    rendered = render(message("x" * 250, items=60), medium)
    assert len(rendered.body) <= medium.limit
    if medium.name in {"text", "markdown"}:
        assert "more" in rendered.body.splitlines()[-1]


def test_a_webhook_gets_the_content_and_its_key() -> None:
    told = json.loads(render(message(), medium_of("jsons://x"), "key-1").body)
    assert told["key"] == "key-1"
    assert told["items"][0]["facts"][0]["kind"] == "publisher-changed"


def digest(count: int) -> Message:
    grave = message().items[0]
    weak = msgspec.structs.replace(grave, severity="medium", title="something weak", why="", advice="")
    items = (grave, *(msgspec.structs.replace(weak, alert=number) for number in range(count)))
    return Message(kind="digest", severity="critical", title="new", items=items, thread="t", at=NOW)


def test_a_mail_tells_few_whole_and_many_in_a_table_after_the_grave_ones() -> None:
    few, many = (render(digest(count), medium_of("mailto://x")).body for count in (2, 9))
    assert few.count("<h1") == 3
    assert (many.count("<h1"), many.count("something weak</a>")) == (1, 9)
    assert many.index("<h1") < many.index("Also new") < many.index("something weak")


@pytest.mark.parametrize("service", ["slack://x", "ntfy://x"])
def test_a_chat_says_the_title_once(service: str) -> None:
    rendered = render(message("a title", facts=1), medium_of(service))
    assert "a title" in rendered.title
    assert not rendered.body.startswith(("a title", "*a title"))
    two = render(message("a title", items=2, facts=1), medium_of(service))
    assert two.body.startswith(("a title", "*a title"))


@pytest.mark.parametrize("service", ["slack://x", "mailto://x"])
def test_facts_that_are_left_out_are_counted(service: str) -> None:
    told = message(facts=2)
    item = msgspec.structs.replace(told.items[0], more_facts=11)
    assert "… and 11 more" in render(msgspec.structs.replace(told, items=(item,)), medium_of(service)).body


def test_moments_and_names_of_facts_are_shown_as_people_write_them() -> None:
    assert said({"expires_at": "2026-11-26T00:00:00+00:00"}) == "expires at: 2026-11-26 00:00 UTC"
    assert said("2026-13-99T00:00:00+00:00") == "2026-13-99T00:00:00+00:00"


def harmless(text: str) -> bool:
    return all(c in "\n" or unicodedata.category(c) not in {"Cc", "Cf", "Co", "Cs"} for c in text)


@settings(max_examples=150, deadline=None)
@given(EVIL, st.sampled_from(SERVICES))
def test_nothing_hidden_survives_in_any_medium(text: str, service: str) -> None:
    rendered = render(message(text), medium_of(service), "key")
    assert harmless(rendered.title.replace("\ufe0f", ""))
    if service != "json://x":
        assert harmless(rendered.body)
    assert "\n" not in rendered.title


@settings(max_examples=150, deadline=None)
@given(EVIL)
def test_slack_sees_no_mention_and_no_link_of_a_stranger(text: str) -> None:
    assert not {"@", "*", "`"} & set(slack(text))
    assert not re.search(r"(?<![^\W_])_", slack(text)), "italics begin at an underscore that begins a word"
    sent: list[Any] = []
    service = Apprise.instantiate("slack://T1234567A/B1234567A/abcdefghijklmnopqrstuvwx/")
    assert service is not None
    service.request_rate_per_sec = 0
    service._send = lambda _url, payload, **_: sent.append(payload) or {"ok": True}  # type: ignore[attr-defined,func-returns-value]
    rendered = render(message(text), medium_of("slack://x", "markdown"))
    assert service.notify(title=rendered.title, body=rendered.body, body_format=rendered.body_format)
    # Slack's own rule: without these two characters there is neither a link nor a mention.
    assert not {"<", ">"} & set(sent[0]["attachments"][0]["title"] + sent[0]["attachments"][0]["text"])


@settings(max_examples=150, deadline=None)
@given(EVIL)
def test_markdown_sees_no_mention_and_no_link_of_a_stranger(text: str) -> None:
    shown = markdown(text)
    assert "@everyone" not in shown
    assert "://" not in shown
    assert "](" not in shown.replace("\\]", "").replace("\\(", "")


@settings(max_examples=150, deadline=None)
@given(EVIL)
def test_html_sees_no_tag_of_a_stranger(text: str) -> None:
    clean = render(message("plain"), medium_of("mailto://x"), "k").body
    dirty = render(message(text), medium_of("mailto://x"), "k").body
    assert dirty.count("<script") == 0
    assert dirty.count("<a ") == clean.count("<a ")
    assert dirty.count("<img") == 0


@given(EVIL)
def test_a_header_is_one_printable_line(text: str) -> None:
    assert "\n" not in header(text)
    assert "\r" not in header(text)
    assert harmless(visible(text))


def test_what_is_hidden_is_made_visible() -> None:
    assert visible("a\u202eb") == "a⟨U+202E⟩b"
    assert visible("a\x1b[31m") == "a⟨U+001B⟩[31m"
