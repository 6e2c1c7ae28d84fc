"""A document cut at its releases: nothing of a later day stands in an earlier cut."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from monitor.replay.histories import read_document
from monitor.replay.timelines import ReplayError

ALICE, BOB = {"name": "alice", "email": "alice@alice.example"}, {"name": "bob", "email": "bob@bob.example"}
PACKUMENT: dict[str, Any] = {
    "name": "left-pad",
    "dist-tags": {"latest": "2.0.0"},
    "maintainers": [BOB],
    "time": {
        "created": "2020-01-01T00:00:00Z",
        "1.0.0": "2020-01-01T00:00:00Z",
        "2.0.0-rc.1": "2020-03-01T00:00:00Z",
        "1.0.1": "2020-03-01T00:01:00Z",
        "2.0.0": "2020-05-01T00:00:00Z",
        "0.9.0": "2019-12-01T00:00:00Z",
    },
    "versions": {
        "1.0.0": {"version": "1.0.0", "maintainers": [ALICE], "deprecated": "old"},
        "2.0.0-rc.1": {"version": "2.0.0-rc.1", "maintainers": [ALICE, BOB]},
        "1.0.1": {"version": "1.0.1", "maintainers": [ALICE, BOB]},
        "2.0.0": {"version": "2.0.0", "maintainers": [ALICE, BOB]},
    },
}


def cuts(folder: Path, document: Any, name: str = "one.json") -> list[dict[str, Any]]:
    file = folder / name
    body = json.dumps(document).encode()
    file.write_bytes(gzip.compress(body) if name.endswith(".gz") else body)
    return [msgspec.json.decode(one.document) for one in read_document(file).observations]


def test_a_packument_is_cut_at_each_release_and_ends_as_it_is(tmp_path: Path) -> None:
    found = cuts(tmp_path, PACKUMENT)
    assert [list(one["versions"]) for one in found[:-1]] == [["1.0.0"], ["1.0.0", "2.0.0-rc.1", "1.0.1"]]
    assert [one["dist-tags"]["latest"] for one in found] == ["1.0.0", "1.0.1", "2.0.0"]
    assert [[who["name"] for who in one["maintainers"]] for one in found] == [["alice"], ["alice", "bob"], ["bob"]]
    assert found[-1] == PACKUMENT


def test_what_has_no_date_is_told_in_the_last_cut_only(tmp_path: Path) -> None:
    first, *_, last = cuts(tmp_path, PACKUMENT)
    assert "deprecated" not in first["versions"]["1.0.0"]
    assert "0.9.0" not in first["time"]
    assert last["versions"]["1.0.0"]["deprecated"] == "old"


def test_a_project_of_pypi_is_cut_by_its_uploads(tmp_path: Path) -> None:
    def file(name: str, at: str) -> dict[str, Any]:
        return {"filename": name, "packagetype": "sdist", "upload_time_iso_8601": at}

    late = file("x-1.0-py3-none-any.whl", "2020-06-01T00:00:00Z")
    releases = {
        "1.0": [file("x-1.0.tar.gz", "2020-01-01T00:00:00Z"), late],
        "1.1": [file("x-1.1.tar.gz", "2020-03-01T00:00:00Z")],
    }
    document = {"info": {"name": "x", "version": "1.1"}, "releases": releases, "urls": releases["1.1"]}
    first, last = cuts(tmp_path, document, "x.json.gz")
    assert list(first["releases"]) == ["1.0"]
    assert len(first["releases"]["1.0"]) == 1
    assert last == document


@pytest.mark.parametrize("document", [[], {"name": "x"}, {"name": "x", "versions": {"1.0.0": {}}, "time": {}}, 7])
def test_what_cannot_be_cut_is_named(tmp_path: Path, document: Any) -> None:
    with pytest.raises(ReplayError, match=r"one\.json"):
        cuts(tmp_path, document)
