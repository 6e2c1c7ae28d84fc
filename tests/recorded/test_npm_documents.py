"""Recorded packuments beside counts that were made without this code: people, addresses, dates, and both readings."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from msgspec import UNSET

from monitor.observations import Account, Package
from monitor.sources.decode import moment
from monitor.sources.packument import parse_packument


def documents(recorded: Path) -> Iterator[tuple[str, dict[str, Any], bytes]]:
    for file, counted in sorted(json.loads((recorded / "npm" / "fields.json").read_bytes()).items()):
        body = (recorded / "npm" / file).read_bytes()
        yield file, counted, gzip.decompress(body) if file.endswith(".gz") else body


def packages(recorded: Path) -> Iterator[tuple[str, dict[str, Any], Package]]:
    for file, counted, body in documents(recorded):
        yield file, counted, parse_packument(body, counted["name"])


def addresses(accounts: Any) -> list[str]:
    known = accounts if isinstance(accounts, tuple) else ()
    return [account.email for account in known if isinstance(account, Account) and account.email]


def test_every_release_tells_its_maintainers_where_the_document_does(recorded: Path) -> None:
    for file, counted, package in packages(recorded):
        told = [r for r in (package.releases or {}).values() if r.maintainers is not UNSET]
        assert len(told) == counted["versions_with_maintainers"], file


def test_addresses_are_those_that_were_counted(recorded: Path) -> None:
    for file, counted, package in packages(recorded):
        found = addresses(package.maintainers)
        # An account that is listed twice, with two addresses, is one account with one of them.
        twice = counted["maintainers"] - len(package.maintainers or ())
        assert len(found) == counted["maintainers_with_email"] - twice, file
        domains = {address.rpartition("@")[2].lower() for address in found}
        assert domains == set(counted["email_domains"]), file


def test_the_maintainers_change_as_often_as_was_counted(recorded: Path) -> None:
    for file, counted, package in packages(recorded):
        releases = (package.releases or {}).values()
        sets = [{one.name for one in r.maintainers} for r in releases if isinstance(r.maintainers, tuple)]
        changes = sum(before != after for before, after in pairwise(sets))
        assert changes == counted["maintainer_set_changes"], file


def test_every_publish_date_of_a_served_version_is_the_recorded_one(recorded: Path) -> None:
    for file, _counted, body in documents(recorded):
        document = json.loads(body)
        package = parse_packument(body, document["name"])
        for version, release in (package.releases or {}).items():
            assert release.published_at == (moment(document["time"].get(version)) or UNSET), (file, version)


def test_every_entry_of_the_times_is_served_or_withdrawn(recorded: Path) -> None:
    for file, counted, body in documents(recorded):
        document = json.loads(body)
        package = parse_packument(body, document["name"])
        told = set(package.releases or {}) | set(package.withdrawn or {})
        others = {"created", "modified", "unpublished"} & set(document["time"])
        assert len(told | others) >= counted["time_entries"], file
        assert set(document["time"]) <= told | others, file


def test_releases_come_in_order_of_publication(recorded: Path) -> None:
    for file, _counted, package in packages(recorded):
        times = [r.published_at for r in (package.releases or {}).values() if r.published_at]
        assert all(one <= next_one for one, next_one in pairwise(times)), file


def test_a_spoiled_revision_changes_nothing_else(recorded: Path) -> None:
    for file, counted, body in documents(recorded):
        document = json.loads(body)
        document.pop("_rev", None)
        fast = parse_packument(json.dumps(document).encode(), counted["name"])
        assert parse_packument(json.dumps(document | {"_rev": []}).encode(), counted["name"]) == fast, file
