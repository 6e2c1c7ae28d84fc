"""What pages make of what strangers wrote: shown, and powerless."""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from config.names import package_purl
from monitor.queries import story
from monitor.queries.story import Lane, Section, Span, Story, Tick
from monitor.web.diff import diff_rows
from monitor.web.filters import BadInput, alert_filter, change_filter, target_filter
from monitor.web.pages.overview import visits
from monitor.web.pages.signing import local
from monitor.web.pictures.timeline import timeline
from monitor.web.render import code, path_of, query_string, shown

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


def harmless(text: str) -> bool:
    return not any(unicodedata.category(character) in {"Cc", "Cf", "Cs"} for character in text)


@given(JSON)
def test_whatever_is_shown_is_visible_and_of_a_bearable_length(value: object) -> None:
    assert harmless(shown(value))
    assert len(shown(value)) < 300 * 10


def test_scripts_keep_their_lines_and_show_what_hides_in_them() -> None:
    assert code("a\n\tb\u202e\x00") == "a\n    b⟨U+202E⟩⟨U+0000⟩"
    assert len(code("x" * 100_000)) < 21_000


@given(JSON, JSON)
def test_a_difference_never_fails_and_says_nothing_of_equals(before: object, after: object) -> None:
    assert all(sign in "-+=" and harmless(text) for sign, text in diff_rows(before, after))
    assert all(sign == "=" for sign, _ in diff_rows(after, after))


def test_a_difference_names_the_parts_that_went_and_came() -> None:
    before = {"install": "node a.js", "postinstall": "true"}
    after = {"install": "node b.js", "postinstall": "true"}
    assert diff_rows(before, after) == [
        ("-", "install: node a.js"),
        ("+", "install: node b.js"),
        ("=", "postinstall: true"),
    ]
    assert diff_rows(["alice", "bob"], ["bob"]) == [("-", "alice"), ("=", "bob")]
    assert diff_rows(None, "x") == [("+", "x")]


def test_every_subject_has_its_page() -> None:
    assert path_of(package_purl("npm", "@babel/core")) == "/packages/npm/@babel/core"
    assert path_of("npm:~a/../<b>") == "/maintainers/npm/a%2F..%2F%3Cb%3E"
    assert path_of("domain:example.org") == "/domains/example.org"
    assert path_of("channel:a&b") == "/deliveries?channel=a%26b"
    assert path_of("source:host") == "/health"
    assert path_of("<script>") == ""


@given(st.text(), st.text())
def test_a_difference_of_texts_is_bounded(before: str, after: str) -> None:
    assert len(diff_rows(before * 50, after * 50)) <= 61


def test_links_keep_the_filters_that_are_set() -> None:
    assert query_string({"state": "open", "before": "", "q": "a&b", "n": None}) == "?state=open&q=a%26b"
    assert query_string({}) == ""


@given(st.dictionaries(st.sampled_from(["state", "severity", "kind", "subject", "since", "watch", "q"]), st.text()))
def test_filters_answer_or_say_what_is_wrong(params: dict[str, str]) -> None:
    for read in (alert_filter, lambda given: change_filter(given, NOW), lambda given: target_filter(given, "package")):
        with suppress(BadInput):
            assert read(QueryParams(params)) is not None


@given(st.text())
def test_a_visit_cookie_of_anybody_s_making_does_no_harm(cookie: str) -> None:
    _, begun = visits(cookie, NOW)
    assert begun <= NOW


def test_what_is_new_is_what_came_since_the_visit_before() -> None:
    def cookie(*times: datetime | None) -> str:
        return ".".join(f"{at.timestamp():.0f}" if at else "" for at in times)

    assert visits("", NOW) == (None, NOW)
    earlier, minutes = NOW - timedelta(days=2), timedelta(minutes=10)
    assert visits(cookie(None, earlier, earlier + minutes), NOW) == (earlier, NOW)
    assert visits(cookie(earlier, NOW - minutes, NOW - minutes), NOW) == (earlier, NOW - minutes)


def test_signing_in_leads_nowhere_else() -> None:
    assert local("/alerts/3") == "/alerts/3"
    for elsewhere in ("https://attacker.example/", "//attacker.example", "/\\attacker.example", "javascript:1", ""):
        assert local(elsewhere) == "/"


def test_a_picture_escapes_its_labels_and_has_no_inline_style() -> None:
    lanes = (Lane("<script>alert(1)</script>\u202e", "npm:~<x>", (Tick(NOW, "high", '"><img>'),), (Span(NOW, None),)),)
    drawn = str(timeline(Story((Section("Events", lanes),)), NOW, 'a"b'))
    assert "<script" not in drawn
    assert "<img" not in drawn
    assert "\u202e" not in drawn
    assert "style=" not in drawn


def test_an_empty_story_draws_nothing() -> None:
    assert timeline(Story(()), NOW, "x") == ""
    assert story.Story((Section("Events", (Lane("x"),)),)).empty
