"""People see to alerts on the command line, while the same database is written by checks."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]

ROUTES = """
[[channel]]
name = "hook"
url = "json://127.0.0.1:9/x"
owner = "web-team"
[[channel]]
name = "mail"
url = "json://127.0.0.1:9/y"
[[route]]
match = { severity = "critical" }
channels = ["mail"]
continue = true
[[route]]
match = { severity = ">=high", owner = "web-team" }
[[route]]
match = { kind = "deprecated" }
channels = ["mail"]
digest = "0 8 * * *"
"""


@pytest.fixture
def taken(weaklink: Run, folder: Path, registry: Any, taken_over: Any) -> Run:
    """The command line of a watch that has one alert: a take-over."""
    with (folder / "weaklink.toml").open("a") as file:
        file.write(ROUTES)
    weaklink("check")
    registry.documents["/left-pad"] = taken_over()
    assert weaklink("check").returncode == 0
    return weaklink


def alerts(weaklink: Run, *arguments: str) -> Any:
    return json.loads(weaklink("--json", "alerts", *arguments).stdout)


def test_an_alert_goes_from_open_to_resolved_with_its_life_on_record(taken: Run) -> None:
    (alert,) = alerts(taken, "--state", "open")
    number = str(alert["id"])
    assert (
        "is acknowledged" in taken("alerts", "ack", number, "--by", "bob", "--note", "looking", "--until", "2d").stdout
    )
    assert alerts(taken, "--state", "open") == []
    assert alerts(taken, "--state", "acknowledged")[0]["acknowledged"]["note"] == "looking"
    assert taken("alerts", "resolve", number, "--by", "bob").returncode == 0
    shown = alerts(taken, "show", number)
    assert shown["events"][0]["what"] == "opened"
    assert [(event["what"], event["who"]) for event in shown["events"]][-2:] == [
        ("acknowledged", "bob"),
        ("resolved", "bob"),
    ]
    assert {delivery["channel"] for delivery in shown["deliveries"]} <= {"hook", "mail"}
    told = taken("alerts", "show", number).stdout
    assert "acknowledged" in told
    assert "left-pad" in told


def test_what_was_accepted_is_listed_and_can_be_forgotten(taken: Run) -> None:
    assert taken("alerts", "accept", "1", "--note", "our new release engineer").returncode == 0
    accepted = alerts(taken, "accepted")
    assert {"maintainer-added", "publisher-changed"} <= {one["kind"] for one in accepted}
    assert {one["note"] for one in accepted} == {"our new release engineer"}
    assert taken("alerts", "forget", str(accepted[0]["id"])).returncode == 0
    assert len(alerts(taken, "accepted")) == len(accepted) - 1


def test_a_silence_hides_and_status_says_what(taken: Run) -> None:
    done = taken("silence", "add", "subject=npm:left-*", "--for", "7d", "--reason", "known")
    assert "hides 1 open alerts, the gravest critical" in done.stdout
    assert alerts(taken)[0]["state"] == "silenced"
    status = json.loads(taken("--json", "status").stdout)
    assert (status["silences"][0]["hides"], status["silences"][0]["worst"]) == (1, "critical")
    assert "Silence 1 hides 1 alerts, the gravest critical" in taken("status").stdout
    assert json.loads(taken("--json", "silence", "list").stdout)[0]["reason"] == "known"
    assert "subject=pkg:npm/left-*" in taken("silence", "list").stdout
    assert taken("silence", "remove", "1").returncode == 0
    assert alerts(taken)[0]["state"] == "open"
    assert taken("silence", "remove", "1").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("silence", "add", "colour=red", "--for", "7d", "--reason", "x"), "no matcher"),
        (("silence", "add", "kind=deprecated", "--for", "soon", "--reason", "x"), "write a duration"),
        (("silence", "add", "kind=deprecated", "--for", "7d", "--reason", " "), "needs a reason"),
        (("alerts", "ack", "99"), "no alert 99"),
        (("route", "test", "severity=loud"), "no severity"),
        (("route", "test", "kind=maintainer-aded"), "no kind"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(taken: Run, arguments: tuple[str, ...], said: str) -> None:
    done = taken(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_route_test_says_who_would_hear_and_why(taken: Run) -> None:
    def told(*words: str) -> Any:
        return json.loads(taken("--json", "route", "test", *words).stdout)

    assert told("severity=critical owner=web-team")["channels"] == ["hook", "mail"]
    assert told("severity=high owner=web-team")["channels"] == ["hook"]
    quiet = told("severity=high owner=data-team")
    assert quiet["channels"] == []
    assert [one["why"] for one in quiet["routes"]] == [
        "severity is high, not critical",
        "owner is data-team, not web-team",
        "kind is not stated, not deprecated",
    ]
    assert "Nobody would hear of it." in taken("route", "test", "severity=low").stdout
    assert "in the digest (0 8 * * *)" in taken("route", "test", "kind=deprecated").stdout


def test_every_message_is_on_record(taken: Run) -> None:
    found = json.loads(taken("--json", "notify", "log").stdout)
    assert all({"channel", "kind", "title", "state", "outcome", "seconds_from_happening"} <= set(one) for one in found)
    assert taken("notify", "log").returncode == 0
