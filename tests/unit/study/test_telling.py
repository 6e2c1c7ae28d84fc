"""What the command prints and writes."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from monitor.cli import studying  # noqa: F401 - adds the command
from monitor.cli.app import weaklink


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(weaklink, [str(one) for one in arguments], catch_exceptions=False)


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    people = [{"name": "alice", "email": "alice@gone.example"}, {"name": "bob", "email": "bob@here.example"}]
    records: list[dict[str, Any]] = [
        {
            "name": f"package-{n}",
            "maintainers": people[: 1 + n % 2],
            "contributors": n % 5,
            "last_release_at": f"{2015 + n % 7}-06-01T00:00:00Z",
            "install_script": n % 10 == 0,
            "dependents": n,
        }
        for n in range(120)
    ]
    (tmp_path / "dump.jsonl").write_text("\n".join(map(json.dumps, records)) + "\nbroken\n")
    (tmp_path / "expired.txt").write_text("gone.example\n")
    return tmp_path


def test_the_document_holds_every_signal_beside_the_published_figures(dump: Path) -> None:
    done = run("--json", "study", "--input", dump / "dump.jsonl", "--at", "2021-12-31")
    assert done.exit_code == 3
    document = json.loads(done.stdout)
    assert (document["at"], document["packages"], document["maintainers"]) == ("2021-12-31T00:00:00Z", 120, 2)
    assert {one["signal"] for one in document["measures"]} == {"W1", "W2", "W3", "W4", "W5", "W6"}
    by_name = {one["measure"]: one for one in document["measures"]}
    assert by_name["install-scripts"]["percent"] == 10
    assert by_name["packages-on-expired-domains"]["count"] is None
    assert by_name["packages-on-expired-domains"]["unknown"] == 120
    unverified = {
        one["value"] for told in document["measures"] for one in told["published"] if one["standing"] == "unverified"
    }
    assert unverified == {180.3, 4010}
    assert document["sources"]["study"]["doi"] == "10.1145/3510457.3513044"
    (fault,) = document["faults"]
    assert (fault["fault"], fault["count"], fault["first"][0]["line"]) == ("broken-line", 1, 121)


def test_people_read_a_table_and_the_faults_beside_it(dump: Path) -> None:
    done = run("study", "--input", dump / "dump.jsonl", "--expired-domains", dump / "expired.txt", "--at", "2021-12-31")
    assert "packages, install script" in done.stdout
    assert "10.00 %" in done.stdout
    assert "~180.3" in done.stdout
    assert "unknown  study 2022" not in done.stdout
    assert "1 × broken-line" in done.stderr
    assert "dump.jsonl:121" in done.stderr.replace("\n", "")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_file_holds_a_row_for_each_number(dump: Path, suffix: str) -> None:
    file = dump / f"out.{suffix}"
    run("study", "--input", dump / "dump.jsonl", "--output", file, "--at", "2021-12-31")
    rows = list(csv.DictReader(file.open())) if suffix == "csv" else pl.read_parquet(file).to_dicts()
    found = {(row["measure"], row["statistic"]): row for row in rows}
    assert len(found) == len(rows)
    share = found["install-scripts", "percent"]
    assert (float(share["value"]), float(share["study_value"]), float(share["census_value"])) == (10.0, 2.2, 1.74)
    assert found["packages-per-maintainer", "top-1-mean"]["study_standing"] == "unverified"
    assert not found["maintainers-on-expired-domains", "count"]["value"]


def test_a_json_file_holds_the_document(dump: Path) -> None:
    done = run("--json", "study", "--input", dump / "dump.jsonl", "--output", dump / "out.json")
    assert json.loads((dump / "out.json").read_text())["measures"] == json.loads(done.stdout)["measures"]


def test_plots_are_drawn_for_what_is_known_and_alike_each_time(dump: Path) -> None:
    for folder in ("one", "other"):
        run("study", "--input", dump / "dump.jsonl", "--plots", dump / folder, "--at", "2021-12-31")
    names = {file.name for file in (dump / "one").iterdir()}
    plots = {"signals", "maintainers-per-package", "packages-per-maintainer", "time-since-release"}
    assert names == {f"{plot}.{suffix}" for plot in plots for suffix in ("png", "svg")}
    for name in names:
        assert (dump / "one" / name).read_bytes() == (dump / "other" / name).read_bytes(), name
    (dump / "bare.jsonl").write_text('{"name": "a", "install_script": true}')
    run("study", "--input", dump / "bare.jsonl", "--plots", dump / "bare")
    assert {file.stem for file in (dump / "bare").iterdir()} == {"signals"}


def test_an_old_dump_is_told_to_be_old(dump: Path) -> None:
    assert "2021-06-01" in run("study", "--input", dump / "dump.jsonl").stdout


def test_without_the_extra_one_line_says_how_to_install_it(dump: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.startswith("monitor.study")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "polars", None)
    done = run("study", "--input", dump / "dump.jsonl")
    assert done.exit_code == 2
    assert "pip install 'weaklink[study]'" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["npm:left-pad", "--input", "dump.jsonl"], "either ITEMS"),
        (["--at", "2021-01-01"], "belong to an --input"),
        (["--input", "dump.jsonl", "--output", "out.xls"], "does not say the format"),
        (["--input", "expired.txt"], "does not say what it is"),
        (["--input", "nowhere.jsonl"], "does not exist"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    dump: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(dump)
    done = run("study", *arguments)
    assert done.exit_code == 2
    assert words in done.stderr
