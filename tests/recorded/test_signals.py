"""Signals of recorded documents beside what their raw JSON says, counted here without the normaliser."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec import UNSET

from config.settings import Thresholds
from monitor.changes.compare import history
from monitor.changes.model import Context
from monitor.observations import Package
from monitor.signals.model import Holds
from monitor.signals.w2_script import runs_on_install
from monitor.signals.w3_silence import activity, last_release, own_acts, silent
from monitor.signals.w4_maintainers import maintainers
from monitor.sources.decode import moment
from monitor.sources.packument import INSTALL_SCRIPTS, parse_packument
from monitor.sources.pypi import parse_pypi

NOW = datetime(2026, 11, 1, tzinfo=UTC)
TWO_YEARS = timedelta(days=730)


def packuments(recorded: Path) -> Iterator[tuple[str, dict[str, Any], Package]]:
    for file, counted in sorted(json.loads((recorded / "npm" / "fields.json").read_bytes()).items()):
        body = (recorded / "npm" / file).read_bytes()
        body = gzip.decompress(body) if file.endswith(".gz") else body
        yield file, json.loads(body), parse_packument(body, counted["name"])


def test_w2_holds_where_the_latest_manifest_has_a_script_that_npm_runs(recorded: Path) -> None:
    held = 0
    for file, raw, package in packuments(recorded):
        manifest = raw["versions"].get(raw["dist-tags"].get("latest"))
        if manifest is None:
            continue
        scripts = manifest.get("scripts") or {}
        wanted = (
            any(str(scripts.get(name) or "").strip() for name in INSTALL_SCRIPTS) or manifest.get("gypfile") is True
        )
        found = runs_on_install(package)
        assert isinstance(found, Holds) is wanted, file
        held += wanted
        if isinstance(found, Holds):
            assert found.evidence["does"], file
            assert found.since is not None, file
            released = moment(raw["time"][found.evidence["version"]])
            assert released is not None, file
            assert found.since <= released, file
    assert held > 3, "some of the recorded packages do run something"


def test_w3_counts_from_the_last_date_of_a_version(recorded: Path) -> None:
    silent_ones = 0
    for file, raw, package in packuments(recorded):
        dates = [moment(at) for v, at in raw["time"].items() if v not in {"created", "modified", "unpublished"}]
        assert last_release(package, NOW) == max(at for at in dates if at is not None), file
        silent_ones += isinstance(silent(last_release(package, NOW), TWO_YEARS, NOW), Holds)
    assert silent_ones > 3


def test_everybody_who_was_active_published_or_could(recorded: Path) -> None:
    for file, raw, package in packuments(recorded):
        named = {(m.get("_npmUser") or {}).get("name") for m in raw["versions"].values()}
        for manifest in raw["versions"].values():
            named |= {one.get("name") for one in manifest.get("maintainers") or () if isinstance(one, dict)}
        acts = activity(package, NOW)
        assert set(acts) <= named | {a.name for a in package.maintainers or ()}, file
        assert "GitHub Actions" not in acts, file
        assert max(acts.values(), default=NOW) <= NOW, file


def test_whoever_is_listed_is_as_active_as_their_packages(recorded: Path) -> None:
    acts: dict[str, datetime] = {}
    listed: dict[str, datetime] = {}
    for _file, raw, package in packuments(recorded):
        for name, at in activity(package, NOW).items():
            acts[name] = max(acts.get(name, at), at)
        dates = [moment(at) for v, at in raw["time"].items() if v not in {"created", "modified", "unpublished"}]
        last = max(at for at in dates if at is not None)
        for one in raw.get("maintainers") or ():
            listed[one["name"]] = max(listed.get(one["name"], last), last)
    people = listed.keys() - {"npm", "GitHub Actions"}
    assert {name for name in people if acts[name] < listed[name]} == set()
    silent_ones = {name for name in people if NOW - listed[name] >= TWO_YEARS}
    assert silent_ones
    # More is known only of those who could publish another package once, and cannot now.
    awake = {name for name in silent_ones if NOW - acts[name] < TWO_YEARS}
    assert len(awake) < len(silent_ones) / 10


def test_an_own_act_is_a_release_that_names_its_publisher(recorded: Path) -> None:
    unused = 0
    for file, raw, package in packuments(recorded):
        wanted: dict[str, datetime] = {}
        for version, manifest in raw["versions"].items():
            user, at = manifest.get("_npmUser") or {}, moment(raw["time"].get(version))
            told = [user.get("approver"), None if user.get("trustedPublisher") else user]
            by = {str(one.get("name") or "") for one in told if isinstance(one, dict)}
            if at is None:
                continue
            for name in by - {"", "npm", "GitHub Actions"}:
                wanted[name] = max(wanted.get(name, at), at)
        own, acts = own_acts(package, NOW), activity(package, NOW)
        assert own == wanted, file
        assert all(at <= acts[name] for name, at in own.items()), file
        unused += sum(at < acts[name] - TWO_YEARS for name, at in own.items())
    assert unused > 3, "some can publish active packages and have not for years"


def test_w4_counts_the_people_of_the_document(recorded: Path) -> None:
    for file, raw, package in packuments(recorded):
        if not raw.get("maintainers"):
            assert maintainers(package) in (UNSET, 0), file
            continue
        people = {one["name"] for one in raw["maintainers"]} - {"npm", "GitHub Actions"}
        assert maintainers(package) == len(people), file


def test_every_history_begins_with_the_first_release(recorded: Path) -> None:
    for file, raw, package in packuments(recorded):
        dated = {v: at for v in raw["versions"] if (at := moment(raw["time"].get(v))) is not None}
        first = history(package, Context(now=NOW, thresholds=Thresholds()))[0]
        assert first.kind == "release-published", file
        assert dated[first.version] == min(dated.values()), file
        assert "maintainers" in first.evidence or "maintainers" not in raw["versions"][first.version], file


def test_pypi_histories_begin_with_the_first_upload(recorded: Path) -> None:
    for file, counted in sorted(json.loads((recorded / "pypi" / "fields.json").read_bytes()).items()):
        package = parse_pypi((recorded / "pypi" / file).read_bytes(), counted["name"])
        dates = [r.published_at for r in (package.releases or {}).values() if isinstance(r.published_at, datetime)]
        if dates and len(dates) == len(package.releases or {}):
            first = history(package, Context(now=NOW, thresholds=Thresholds()))[0]
            assert first.happened_at == min(dates), file
            assert last_release(package, NOW) == max(dates), file
