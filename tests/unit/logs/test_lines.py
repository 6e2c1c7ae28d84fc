"""What a line of the log looks like, whoever wrote it and whatever it is about."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import threading
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.messages.escape import _BLANKS
from config.log import log_of
from config.severity import Severity
from monitor.logs.allowance import MOST, WINDOW, Allowance
from monitor.logs.lines import Lines, as_json, as_text
from monitor.logs.setup import form_in_use, set_up

log = log_of("test")


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """The log of this process belongs to pytest."""
    root, own, hooks = logging.getLogger(), logging.getLogger("weaklink"), (sys.excepthook, threading.excepthook)
    before = root.handlers[:], root.level, own.level
    yield
    root.handlers[:], root.level, own.level = before
    sys.excepthook, threading.excepthook = hooks
    logging.captureWarnings(False)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def said(form: Any = "json", level: Any = "info", stream: io.StringIO | None = None) -> io.StringIO:
    stream = stream or io.StringIO()
    set_up(form, level, stream)
    return stream


def events(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_object_with_its_fields() -> None:
    stream = said()
    log.warning("message not taken", channel="team", attempt=3, severity=Severity.HIGH, checks=["a", "b"], late=None)
    (event,) = events(stream)
    assert event.pop("time").endswith("Z")
    assert event == {
        "level": "warning",
        "logger": "weaklink.test",
        "event": "message not taken",
        "channel": "team",
        "attempt": 3,
        "severity": "high",
        "checks": ["a", "b"],
    }


def test_an_exception_is_one_line_with_its_traceback_as_a_field() -> None:
    for form in ("json", "text"):
        stream = said(form)
        try:
            raise ValueError("what\nnow")
        except ValueError:
            log.exception("a part broke", part="checks")
        assert stream.getvalue().count("\n") == 1
        assert "test_lines.py" in stream.getvalue()
    stream = said()
    sys.excepthook(ValueError, ValueError("nobody caught it"), None)
    assert events(stream)[0]["error"] == "ValueError: nobody caught it"
    assert (events(stream)[0]["event"], events(stream)[0]["level"]) == ("weaklink broke", "critical")


def test_libraries_speak_in_the_same_form() -> None:
    stream = said()
    for name in ("uvicorn.error", "apscheduler.executors.default", "alembic.runtime.migration", "httpx", "asyncio"):
        logging.getLogger(name).error("%d of %s", 3, "them")
        logging.getLogger(name).info("this is for nobody")
    logging.getLogger("odd").error("%d", "no number")
    assert [event["event"] for event in events(stream)] == ["3 of them"] * 5 + ["%d"]


def test_what_others_say_over_and_over_is_bounded_and_counted() -> None:
    now = 0.0
    allowance = Allowance(lambda: now)
    record = logging.LogRecord("uvicorn.error", logging.WARNING, "", 0, "Invalid HTTP request received.", (), None)
    own = logging.LogRecord("weaklink.messages", logging.INFO, "", 0, "message delivered", (), None)
    assert sum(allowance.filter(record) for _ in range(1000)) == MOST
    assert all(allowance.filter(own) for _ in range(1000))
    now = WINDOW
    assert allowance.filter(record)
    assert record.fields == {"left_out": 1000 - MOST}  # type: ignore[attr-defined]


def test_values_in_the_words_of_a_library_fill_no_memory_and_no_disk() -> None:
    allowance = Allowance(lambda: 0.0)
    records = (logging.LogRecord("chatty", logging.WARNING, "", 0, f"number {n}", (), None) for n in range(10_000))
    assert sum(map(allowance.filter, records)) <= 500


@given(st.text(max_size=300), st.text(max_size=5000), st.sampled_from([as_json, as_text]))
def test_whatever_strangers_write_is_one_harmless_line(name: str, value: str, form: Any) -> None:
    record = logging.LogRecord("other", logging.ERROR, "", 0, f"%s {name}".replace("%", "%%"), (), None)
    record.fields = {"subject": value, "many": [value] * 100, "deep": {name: value}}
    line = Lines(form).format(record)
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"} or c in _BLANKS for c in line)
    line.encode()
    assert len(line) < 48 * 1024 * 2
    if form is as_json:
        assert len(json.loads(line)["many"]) <= 20


def test_a_line_is_never_too_long_for_the_journal() -> None:
    stream = said()
    fields: dict[str, Any] = {f"field{number}": "x" * 100_000 for number in range(10)}
    log.error("a part broke", **fields)
    assert len(stream.getvalue()) < 48 * 1024
    log.error("list", many=["x" * 100_000] * 100_000)
    assert len(stream.getvalue().splitlines()[1]) < 48 * 1024


def test_colours_are_for_terminals_that_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for stream, coloured in ((Terminal(), True), (io.StringIO(), False)):
        said("auto", stream=stream)
        log.info("watching", added=2)
        assert ("\x1b[" in stream.getvalue()) is coloured
        assert "watching" in stream.getvalue()
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        with monkeypatch.context() as one:
            one.setenv(name, value)
            stream = said("auto", stream=Terminal())
            log.info("watching", added=2)
            assert "\x1b" not in stream.getvalue()
            assert "watching  added=2 test" in stream.getvalue()


def test_a_terminal_shows_a_traceback_as_people_read_it() -> None:
    stream = said("text", stream=Terminal())
    try:
        raise ValueError("\x1b[2Jboo")
    except ValueError:
        log.exception("a part broke")
    assert "\x1b[2J" not in stream.getvalue()
    assert "Traceback" in stream.getvalue().splitlines()[1]


def test_journald_gets_json_with_a_priority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "journal").open("w+") as journal:
        found = os.fstat(journal.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        set_up("auto", "info", journal)
        assert form_in_use() == "json"
        log.warning("message not taken")
        log.info("message delivered")
        journal.seek(0)
        lines = journal.read().splitlines()
        assert [line[:4] for line in lines] == ["<4>{", "<6>{"]
        assert json.loads(lines[0][3:])["event"] == "message not taken"
        monkeypatch.setenv("JOURNAL_STREAM", "1:2")  # standard error was sent elsewhere since
        set_up("auto", "info", journal)
        assert form_in_use() == "text"


def test_levels_are_kept_and_may_change() -> None:
    stream = said(level="info")
    log.debug("checked")
    said(level="debug", stream=stream)
    log.debug("checked")
    said(level="error", stream=stream)
    log.warning("check failed")
    assert [event["level"] for event in events(stream)] == ["debug"]
