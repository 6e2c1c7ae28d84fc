"""Recorded project documents beside counts that were made without this code: roles, files, dates, both readings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from msgspec import UNSET

from monitor.sources.pypi import parse_pypi


def documents(recorded: Path) -> Iterator[tuple[str, dict[str, Any], bytes]]:
    for file, counted in sorted(json.loads((recorded / "pypi" / "fields.json").read_bytes()).items()):
        yield file, counted, (recorded / "pypi" / file).read_bytes()


def test_roles_are_those_that_were_counted(recorded: Path) -> None:
    for file, counted, body in documents(recorded):
        maintainers = parse_pypi(body, counted["name"]).maintainers
        if not counted["has_ownership"]:
            assert maintainers is UNSET, file
        elif counted["ownership_roles"]:
            # One account may have two roles.
            users = {role["user"] for role in json.loads(body)["ownership"]["roles"]}
            assert {account.name for account in maintainers or ()} == users, file
            assert len(users) <= counted["ownership_roles"], file
        else:
            # Only an organisation is told, and its members are not.
            assert counted["ownership_org"] is (maintainers is UNSET), file


def test_the_serial_is_the_recorded_one(recorded: Path) -> None:
    for file, counted, body in documents(recorded):
        serial = counted["last_serial"]
        assert parse_pypi(body, counted["name"]).revision == (UNSET if serial is None else str(serial)), file


def test_every_version_with_a_file_is_a_release(recorded: Path) -> None:
    for file, counted, body in documents(recorded):
        document = json.loads(body)
        package = parse_pypi(body, counted["name"])
        assert len(document.get("releases") or {}) == counted["releases"], file
        filled = {version for version, files in (document.get("releases") or {}).items() if files}
        # The document's own version may be told by ``urls`` alone.
        assert filled <= set(package.releases or {}) <= filled | {document["info"]["version"]}, file


def test_every_file_with_a_date_and_a_digest_is_kept(recorded: Path) -> None:
    for file, counted, body in documents(recorded):
        document = json.loads(body)
        releases = parse_pypi(body, counted["name"]).releases or {}
        for version, files in (document.get("releases") or {}).items():
            if not files:
                continue
            release = releases[version]
            assert release.files == len(files), (file, version)
            assert set(release.integrity or {}) == {
                one["filename"] for one in files if one.get("digests") or one.get("md5_digest")
            }, file
            if any(one.get("upload_time_iso_8601") or one.get("upload_time") for one in files):
                assert release.published_at is not UNSET, (file, version)


def test_releases_come_in_order_of_publication(recorded: Path) -> None:
    for file, counted, body in documents(recorded):
        releases = parse_pypi(body, counted["name"]).releases or {}
        times = [release.published_at for release in releases.values() if release.published_at]
        assert all(one <= next_one for one, next_one in pairwise(times)), file


def test_a_spoiled_serial_changes_nothing_else(recorded: Path) -> None:
    for file, counted, body in documents(recorded):
        document = json.loads(body)
        document.pop("last_serial", None)
        fast = parse_pypi(json.dumps(document).encode(), counted["name"])
        assert parse_pypi(json.dumps(document | {"last_serial": []}).encode(), counted["name"]) == fast, file
