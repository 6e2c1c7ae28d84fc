"""Every recorded document goes through the normaliser; what it says agrees with an independent count."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from config.settings import Thresholds
from config.severity import Severity
from monitor.changes.compare import history
from monitor.changes.kinds import KINDS
from monitor.changes.model import Context
from monitor.observations import Package
from monitor.sources.packument import parse_packument
from monitor.sources.pypi import parse_pypi

CONTEXT = Context(now=datetime(2026, 11, 1, tzinfo=UTC), thresholds=Thresholds())
HIGH_PER_PACKAGE_YEAR = 0.05


def npm(recorded: Path) -> Iterator[tuple[str, dict[str, Any], Package]]:
    fields = json.loads((recorded / "npm" / "fields.json").read_bytes())
    for name, counted in sorted(fields.items()):
        body = (recorded / "npm" / name).read_bytes()
        yield name, counted, parse_packument(gzip.decompress(body) if name.endswith(".gz") else body, counted["name"])


def pypi(recorded: Path) -> Iterator[tuple[str, dict[str, Any], Package]]:
    fields = json.loads((recorded / "pypi" / "fields.json").read_bytes())
    for name, counted in sorted(fields.items()):
        yield name, counted, parse_pypi((recorded / "pypi" / name).read_bytes(), counted["name"])


def test_packuments_read_as_they_were_counted(recorded: Path) -> None:
    for name, counted, package in npm(recorded):
        releases = list((package.releases or {}).values())
        publishers = {r.publisher.name for r in releases if r.publisher}
        found = {
            "versions": len(releases),
            "distinct_publishers": len(publishers),
            "versions_with_attestations": sum(bool(r.provenance) for r in releases),
            "versions_with_install_script": sum(bool(r.scripts) for r in releases),
            "versions_with_npmUser": sum(bool(r.publisher) for r in releases),
            "versions_with_trustedPublisher": sum(bool(r.trusted_publisher) for r in releases),
            "versions_deprecated": sum(bool(r.deprecated) for r in releases),
        }
        assert found == {key: counted[key] for key in found}, name
        # One recorded document lists one account twice, with two addresses: it is one account.
        assert len(package.maintainers or ()) in {counted["maintainers"], counted["maintainers"] - 1}, name
        assert all(release.published_at for release in releases), name


def test_pypi_documents_read_as_they_were_counted(recorded: Path) -> None:
    for name, counted, package in pypi(recorded):
        domains = {address.rpartition("@")[2].lower() for address in package.contacts or ()}
        assert domains == {*counted["author_email_domains"], *counted["maintainer_email_domains"]}, name
        if counted["ownership_roles"]:
            assert len(package.maintainers or ()) <= counted["ownership_roles"], name
        # Versions without a file are names only; the rest is served.
        assert len(package.releases or {}) <= max(counted["releases"], 2), name


def test_healthy_histories_show_few_grave_changes(recorded: Path) -> None:
    years, grave = 0.0, []
    for name, _counted, package in [*npm(recorded), *pypi(recorded)]:
        times = [r.published_at for r in (package.releases or {}).values() if r.published_at]
        if len(times) > 1:
            years += (max(times) - min(times)).days / 365.25
        for change in history(package, CONTEXT):
            severity = KINDS[change.kind].severity if change.severity is None else change.severity
            if severity >= Severity.HIGH:
                grave.append((name, change.kind, change.version))
    assert len(grave) / years <= HIGH_PER_PACKAGE_YEAR, grave
