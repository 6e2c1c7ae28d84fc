"""``weaklink replay``: one JSON document, a table, timelines as files, and what breaks the format on standard error."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from monitor.cli.app import weaklink
from monitor.cli.replaying import replay_  # noqa: F401 - adds the command

FACTS = {
    "id": "../../2026-01-one",
    "ecosystem": "npm",
    "packages": ["left-pad"],
    "bad_versions": [{"package": "left-pad", "version": "1.3.1", "published_at": "2026-01-10T08:30Z"}],
    "install_scripts": {"before": {}, "after": {"preinstall": "node setup.mjs"}},
    "expect_strict": ["install-script-added", "deprecated"],
    "timeline": [],
}


def run(*words: str) -> Result:
    return CliRunner().invoke(weaklink, [*words])


def facts(folder: Path) -> Path:
    folder.mkdir()
    (folder / "one.json").write_text(json.dumps(FACTS))
    return folder


def test_json_has_the_timelines_and_the_totals(tmp_path: Path) -> None:
    result = run("--json", "replay", str(facts(tmp_path / "in")), "--from", "incidents")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert list(document) == [
        "timelines",
        "recall",
        "precision",
        "package_years",
        "high_alerts",
        "high_alerts_per_package_year",
    ]
    (timeline,) = document["timelines"]
    assert list(timeline) == ["id", "expected", "raised", "missed", "first_alert", "false_alarms"]
    assert timeline["missed"] == ["deprecated"]
    assert timeline["first_alert"]["at"] == "2026-01-10T08:31:00Z"
    assert (document["recall"], document["precision"]) == (0.5, 1.0)


def test_people_read_what_was_missed_by_name(tmp_path: Path) -> None:
    result = run("replay", str(facts(tmp_path / "in")), "--from", "incidents")
    assert "at once" in result.output
    assert "missed" in result.output
    assert "recall 50%" in result.output


def test_timelines_are_kept_in_the_format_that_is_read_under_the_names_of_their_files(tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = run("--json", "replay", str(facts(tmp_path / "in")), "--from", "incidents", "--write", str(out))
    assert [file.name for file in out.iterdir()] == ["one.json"]
    again = run("--json", "replay", str(out))
    assert json.loads(again.stdout) == json.loads(first.stdout)


def test_what_is_read_is_never_written_over(tmp_path: Path) -> None:
    folder = facts(tmp_path / "in")
    assert run("replay", str(folder), "--from", "incidents", "--write", str(folder)).exit_code == 2
    assert json.loads((folder / "one.json").read_text()) == FACTS


def test_what_breaks_the_format_is_named_and_the_others_are_replayed(tmp_path: Path) -> None:
    folder = facts(tmp_path / "in")
    (folder / "two.json").write_text("[")
    result = run("--json", "replay", str(folder), "--from", "incidents")
    assert result.exit_code == 2
    assert "two.json" in result.stderr
    assert len(json.loads(result.stdout)["timelines"]) == 1
