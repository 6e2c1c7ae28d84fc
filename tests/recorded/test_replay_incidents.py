"""The watch beside real incidents and real histories: what it catches at once, and how seldom it cries wolf."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import UNSET

from config.settings import Settings, Thresholds
from monitor.changes.compare import history
from monitor.changes.model import Context
from monitor.replay.run import files_of, replayed
from monitor.replay.score import Score, total
from monitor.replay.timelines import ReplayError
from monitor.sources.packument import parse_packument

MOST_PER_PACKAGE_YEAR = 0.05
NOT_IN_THE_FACTS = {
    # The only grave thing about the dependency is its age, and no source dates it.
    "2018-05-getcookies-mailparser",
    # Silent for years, which stands in a remark only: no release before is dated.
    "2022-01-colors-faker",
    # 57 packages of which two are named.
    "2026-06-binding-gyp-miasma",
}


def scores(folder: Path, sort: str) -> dict[str, Score]:
    found = replayed(files_of(folder), sort, Settings(), None)
    return {one.id: one for one in found if not isinstance(one, ReplayError)}


@pytest.fixture(scope="module")
def incidents(recorded: Path) -> dict[str, Score]:
    return scores(recorded / "incidents", "incidents")


@pytest.fixture(scope="module")
def histories(recorded: Path) -> list[Score]:
    return [one for sort in ("npm", "pypi") for one in scores(recorded / sort, "documents").values()]


def test_every_incident_that_its_facts_show_raises_a_grave_alert_at_once(incidents: dict[str, Score]) -> None:
    assert len(incidents) == 31
    late = {name for name, one in incidents.items() if one.expected and not one.in_time}
    assert late == NOT_IN_THE_FACTS


def test_incidents_that_showed_nothing_raise_nothing(incidents: dict[str, Score]) -> None:
    assert [name for name, one in incidents.items() if not one.expected and one.grave] == []


def test_nearly_all_expected_kinds_are_seen_and_nearly_all_grave_alerts_are_right(incidents: dict[str, Score]) -> None:
    totals = total(list(incidents.values()))
    assert totals["recall"] >= 0.93
    assert totals["precision"] >= 0.95


def test_healthy_packages_raise_few_grave_alerts(histories: list[Score]) -> None:
    totals = total(histories)
    assert totals["package_years"] > 350
    assert totals["high_alerts_per_package_year"] <= MOST_PER_PACKAGE_YEAR


def test_the_way_of_publishing_hardly_ever_changes_on_healthy_packages(recorded: Path) -> None:
    context = Context(now=datetime(2026, 11, 1, tzinfo=UTC), thresholds=Thresholds())
    changed, years = 0, 0.0
    for file in files_of(recorded / "npm"):
        body = file.read_bytes()
        document = json.loads(gzip.decompress(body) if file.suffix == ".gz" else body)
        if "versions" not in document:
            continue
        package = parse_packument(json.dumps(document).encode(), document["name"])
        times = [r.published_at for r in (package.releases or {}).values() if r.published_at is not UNSET]
        years += (max(times) - min(times)).days / 365.25 if times else 0.0
        changed += sum(one.kind == "publish-environment-changed" for one in history(package, context))
    assert years > 250
    assert changed / years <= 0.01
