"""Recorded packuments as a dump: every figure beside a count that was made from the documents without this code."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config.settings import Thresholds
from monitor.study.intake import inputs
from monitor.study.report import Study
from monitor.study.run import study_files
from monitor.study.settle import Rules

NOW = datetime(2026, 11, 1, tzinfo=UTC)
EXPIRED = frozenset({"gmail.com"})
"""Certainly not expired, but an address of many a maintainer: it makes W1 count something."""


def study(path: Path) -> Study:
    return study_files(inputs([path]), NOW, Rules(now=NOW, expired_domains=EXPIRED), Thresholds(), lambda _size: None)


def first_of_each_name(folder: Path) -> list[dict[str, Any]]:
    """Documents with versions; of two of one package the first by file name."""
    found: dict[str, dict[str, Any]] = {}
    for file in sorted(folder.glob("*.json*")):
        body = file.read_bytes()
        document = json.loads(gzip.decompress(body) if file.suffix == ".gz" else body)
        if document.get("versions"):
            found.setdefault(document["name"], document)
    return list(found.values())


def test_a_folder_of_recorded_packuments_is_counted_as_by_hand(recorded: Path) -> None:
    found = study(recorded / "npm")
    documents = first_of_each_name(recorded / "npm")
    kinds = Counter({one["fault"]: one["count"] for one in found.faults})
    files = len(list((recorded / "npm").glob("*.json*")))
    assert found.counts.packages == len(documents)
    # The index of the folder is no packument, and two packages were recorded twice.
    assert kinds["no-name"] + kinds["broken-line"] + kinds["no-versions"] + kinds["duplicate"] == files - len(documents)
    measured = {one.id: one.statistics | {"known": one.known} for one in found.measures}

    latest = [document["versions"][document["dist-tags"]["latest"]] for document in documents]
    hooks = ("preinstall", "install", "postinstall")
    runs = sum(
        any((one.get("scripts") or {}).get(hook) for hook in hooks) or one.get("gypfile") is True for one in latest
    )
    assert measured["install-scripts"]["count"] == runs > 3

    people: dict[str, set[str]] = {}
    for document in documents:
        for one in document.get("maintainers") or []:
            if one["name"] != "npm":
                people.setdefault(one["name"], set()).add(document["name"])
    assert found.counts.maintainers == len(people)
    assert measured["packages-per-maintainer"]["max"] == max(map(len, people.values()))

    lapsed = [
        one
        for document in documents
        for one in document.get("maintainers") or []
        if one["email"].endswith("@gmail.com")
    ]
    assert measured["maintainers-on-expired-domains"]["count"] == len({one["name"] for one in lapsed}) > 3

    newest = [
        max(at for version, at in document["time"].items() if version not in {"created", "modified", "unpublished"})
        for document in documents
    ]
    cut = (NOW - timedelta(days=730)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert measured["unmaintained"]["known"] == len(documents)
    assert measured["unmaintained"]["count"] == sum(at <= cut for at in newest) > 3


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_packument_a_line_says_the_same_as_a_file_each(recorded: Path, tmp_path: Path, suffix: str) -> None:
    lines = "\n".join(json.dumps(document) for document in first_of_each_name(recorded / "npm")).encode()
    file = tmp_path / f"dump.jsonl{suffix}"
    file.write_bytes(gzip.compress(lines) if suffix else lines)
    one, other = study(recorded / "npm"), study(file)
    assert other.faults == []
    assert one.measures == other.measures
