"""Facts of an incident become observations: what is stated, at its time, and dull filling around it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from config.settings import Settings
from monitor.replay.incidents.convert import convert
from monitor.replay.incidents.facts import read_facts
from monitor.replay.incidents.filling import MAINTAINER, SCRIPT
from monitor.replay.pipeline import replay
from monitor.replay.timelines import ReplayError, Timeline


def timeline(folder: Path, **told: Any) -> Timeline:
    facts = {"id": "2026-01-one", "ecosystem": "npm", "packages": ["left-pad"], "timeline": []}
    file = folder / "facts.json"
    file.write_text(json.dumps(facts | told))
    return convert(read_facts(file), str(file))


def documents(made: Timeline, sort: str = "packument") -> list[dict[str, Any]]:
    return [msgspec.json.decode(one.document) for one in made.observations if one.sort == sort]


def publish(at: str, version: str, **fields: Any) -> dict[str, Any]:
    return {"at": at, "event": "publish", "fields": {"package": "left-pad", "version": version} | fields}


BAD = {"bad_versions": [{"package": "left-pad", "version": "1.3.1", "published_at": "2026-01-10T08:30Z"}]}


def test_what_is_stated_is_seen_at_its_time_and_nothing_else_changes(tmp_path: Path) -> None:
    made = timeline(tmp_path, **BAD, timeline=[publish("2026-01-10T08:30Z", "1.3.1", scripts_added=["postinstall"])])
    before, after = documents(made)
    assert [f"{one.at:%d %H:%M}" for one in made.observations] == ["09 08:30", "10 08:31"]
    assert made.quiet_until == made.observations[1].at - timedelta(minutes=1)
    old, new = before["versions"]["1.3.0"], after["versions"]["1.3.1"]
    assert new["scripts"] == {**old["scripts"], "postinstall": SCRIPT}
    differing = {key for key in new if new[key] != old[key]}
    assert differing == {"version", "scripts", "gitHead", "dist"}
    assert new["_npmUser"]["name"] == MAINTAINER


def test_expected_kinds_make_no_observation(tmp_path: Path) -> None:
    events = [publish("2026-01-10T08:30Z", "1.3.1")]
    silent = timeline(tmp_path, **BAD, timeline=events)
    loud = timeline(tmp_path, **BAD, timeline=events, expect_strict=["dormant-revival"], expect_other=["deprecated"])
    assert documents(silent) == documents(loud)
    assert loud.expect == ("dormant-revival", "deprecated")


def test_a_dull_past_raises_nothing(tmp_path: Path) -> None:
    score = replay(timeline(tmp_path, **BAD), Settings())
    assert score.raised == ["release-published"]
    assert score.grave == []


def test_accounts_are_those_that_sources_name_and_no_descriptions(tmp_path: Path) -> None:
    made = timeline(tmp_path, **BAD, publisher_before="GitHub Actions", publisher_after="account of a former employee")
    newest = documents(made)[-1]["versions"]["1.3.1"]
    assert newest["_npmUser"]["name"] == MAINTAINER
    past = documents(made)[0]["versions"]["1.3.0"]["_npmUser"]
    assert past["trustedPublisher"] == {"id": "github"}


def test_a_hand_over_without_a_release(tmp_path: Path) -> None:
    made = timeline(
        tmp_path,
        ecosystem="pypi",
        maintainers_before=["alice"],
        maintainers_after=["mallory"],
        detection={"first_bad_at": "2026-01-10T08:30Z"},
        expect_strict=["maintainer-added", "maintainer-removed"],
    )
    score = replay(made, Settings())
    assert score.missed == []
    assert score.in_time


def test_a_domain_lives_as_its_dates_imply(tmp_path: Path) -> None:
    made = timeline(
        tmp_path,
        ecosystem="pypi",
        domain={"name": "alice-mail.org", "reregistered_at": "2026-01-10T08:30:00Z"},
        expect_strict=["domain-expired", "domain-reregistered"],
    )
    assert [one["dns"]["rcode"] for one in documents(made, "domain")] == ["NOERROR", "NOERROR", "NXDOMAIN", "NOERROR"]
    score = replay(made, Settings())
    assert score.missed == []
    assert score.false_alarms == []


def test_a_dependency_that_the_attack_brings_has_no_past(tmp_path: Path) -> None:
    made = timeline(
        tmp_path,
        **BAD,
        packages=["left-pad", "right-pad"],
        dependencies_added=["right-pad"],
        timeline=[
            {"at": "2026-01-09", "event": "publish", "fields": {"package": "right-pad", "version": "4.2.0"}},
            publish("2026-01-10T08:30Z", "1.3.1", dependencies_added=["right-pad"]),
        ],
        expect_strict=["dependency-added"],
    )
    assert list(documents(made)[1]["versions"]) == ["4.2.0"]
    score = replay(made, Settings())
    assert score.in_time


def test_a_version_that_was_taken_back_stays_in_the_dates(tmp_path: Path) -> None:
    events = [publish("2026-01-10T08:30Z", "1.3.1"), {"at": "2026-01-10T12:00Z", "event": "unpublish"}]
    last = documents(timeline(tmp_path, **BAD, timeline=events))[-1]
    assert "1.3.1" not in last["versions"]
    assert "1.3.1" in last["time"]
    assert last["dist-tags"] == {"latest": "1.3.0"}


def test_a_part_of_another_shape_is_unknown_and_the_rest_is_replayed(tmp_path: Path) -> None:
    odd = {
        "publishers": {"left-pad": "mallory", "right-pad": {"after": "mallory"}},
        "dependency_ranges": {"left-pad": None, "right-pad": {"evil": 7}},
        "install_scripts": {"before": [], "after": {"postinstall": {"text": "x"}, "install": "node x.js"}},
        "maintainers_before": ["alice", None, {"name": "bob"}],
        "domain": "alice-mail.org",
        "last_good": "1.3.0",
        "detection": 7,
    }
    events = [publish("2026-01-10T08:30Z", "1.3.1", scripts={"install": "node x.js"}), "a remark", {"at": 7}]
    made = timeline(tmp_path, **BAD | odd, timeline=events, expect_strict=["install-script-added", 7])
    assert made.expect == ("install-script-added",)
    assert {one["name"] for one in documents(made)[0]["maintainers"]} == {"alice"}
    assert replay(made, Settings()).missed == []


def test_a_domain_is_known_from_the_events_alone(tmp_path: Path) -> None:
    events = [
        {"at": "2025-10-01", "event": "domain-expire", "fields": {"domain": "alice-mail.org"}},
        {"at": "2026-01-10T08:30Z", "event": "domain-register", "fields": {"domain": "alice-mail.org"}},
    ]
    expect = ["domain-expired", "domain-reregistered"]
    score = replay(timeline(tmp_path, timeline=events, expect_strict=expect), Settings())
    assert (score.missed, score.false_alarms) == ([], [])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"id": "x", "ecosystem": "cargo", "packages": ["a"], "timeline": []}', "ecosystem"),
        ('{"id": "x", "ecosystem": "npm", "packages": [], "timeline": []}', "packages"),
        ('{"id": "x", "ecosystem": "npm", "packages": ["a"]}', "timeline"),
        ("[", "facts.json"),
    ],
)
def test_facts_that_break_their_shape_are_named(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "facts.json"
    file.write_text(content)
    with pytest.raises(ReplayError, match=words):
        read_facts(file)
