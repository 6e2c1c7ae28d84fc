"""OSV's documents: what is read, what is left out, what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.severity import Severity
from monitor.advisories.model import Advisory, Affected, Event, Range, decode, encode
from monitor.sources.advisory import LONGEST_SUMMARY, MOST_PACKAGES, parse_advisory
from monitor.sources.decode import BadDocument

DOCUMENT: dict[str, Any] = {
    "schema_version": "1.6.0",
    "id": "GHSA-aaaa-bbbb-cccc",
    "modified": "2026-11-02T00:00:00.123456Z",
    "published": "2026-11-01T00:00:00Z",
    "aliases": ["CVE-2026-1"],
    "summary": "Too much   trust\nin input",
    "affected": [
        {
            "package": {"ecosystem": "npm", "name": "@corp/tool", "purl": "pkg:npm/%40corp/tool"},
            "ranges": [
                {"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.2.0"}]},
                {"type": "GIT", "repo": "https://git.example/x", "events": [{"introduced": "0"}]},
            ],
            "versions": ["1.0.0"],
        },
        {"package": {"ecosystem": "Debian:12", "name": "tool"}, "ranges": []},
        {"package": {"ecosystem": "PyPI", "name": "Flask_Login"}, "versions": ["0.1"]},
    ],
    "database_specific": {"severity": "MODERATE", "cwe_ids": ["CWE-79"]},
}


def parse(**changes: Any) -> Advisory:
    return parse_advisory(json.dumps(DOCUMENT | changes).encode())


def test_an_advisory_is_read_as_far_as_it_is_used_here() -> None:
    found = parse()
    assert found == Advisory(
        id="GHSA-aaaa-bbbb-cccc",
        aliases=("CVE-2026-1",),
        summary="Too much trust in input",
        rating=Severity.MEDIUM,
        published_at=datetime(2026, 11, 1, tzinfo=UTC),
        modified_at=datetime(2026, 11, 2, 0, 0, 0, 123456, UTC),
        affected=(
            Affected("pkg:npm/%40corp/tool", ("1.0.0",), (Range((Event("introduced", "0"), Event("fixed", "1.2.0"))),)),
            Affected("pkg:pypi/flask-login", ("0.1",)),
        ),
    )
    assert decode(encode(found)) == found
    assert found.key == "CVE-2026-1"


@pytest.mark.parametrize(
    "changes",
    [{"id": "MAL-2026-1"}, {"aliases": ["MAL-2026-1"]}, {"database_specific": {"cwe_ids": ["CWE-506"]}}],
)
def test_what_reports_malice(changes: dict[str, Any]) -> None:
    assert parse(**changes).malicious
    assert not parse().malicious


@pytest.mark.parametrize(
    ("changes", "rating"),
    [
        (
            {"severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]},
            Severity.CRITICAL,
        ),
        ({"severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N"}]}, Severity.LOW),
        (
            {
                "severity": [
                    {"type": "CVSS_V4", "score": "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"}
                ]
            },
            Severity.CRITICAL,
        ),
        ({"severity": [{"type": "CVSS_V3", "score": "7.5"}]}, None),
        ({"severity": [{"type": "Ubuntu", "score": "high"}]}, None),
        ({"severity": 7}, None),
        ({}, None),
    ],
)
def test_the_rating_is_the_scores_where_no_database_says_a_word(
    changes: dict[str, Any], rating: Severity | None
) -> None:
    assert parse(database_specific={}, **changes).rating == rating


def test_a_range_of_which_a_part_cannot_be_read_says_nothing() -> None:
    for event in (7, {"introduced": "0", "fixed": "1"}, {"introduced": None}, {}, {"introduced": "9" * 300}):
        (one,) = parse(
            affected=[
                {
                    "package": {"ecosystem": "npm", "name": "x"},
                    "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, event]}],
                }
            ]
        ).affected
        assert one.ranges == (Range(),)


def test_a_summary_is_one_short_line_and_taken_from_the_details_where_there_is_none() -> None:
    assert parse(summary=None, details="\n# \n  The first words.\nMore").summary == "The first words."
    assert len(parse(summary="x" * 10_000).summary) == LONGEST_SUMMARY


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "no JSON"),
        (b"<html>", "web page"),
        (b"[]", "JSON list"),
        (b"{}", "no id"),
        (b'{"id": "../../etc/passwd"}', "no id"),
        (b'{"id": 7}', "no id"),
        (b'{"id": ' + b"[" * 100_000, "deep|no JSON"),
        (json.dumps({"id": "MAL-1", "affected": [{}] * (MOST_PACKAGES + 1)}).encode(), "packages"),
        (
            json.dumps(
                {
                    "id": "MAL-1",
                    "affected": [{"package": {"ecosystem": "npm", "name": "x"}, "versions": ["1"] * 30_000}],
                }
            ).encode(),
            "versions",
        ),
        (b'{"id": "MAL-1", "details": "' + b"x" * (5 * 1024 * 1024) + b'"}', "larger"),
    ],
)
def test_what_is_no_advisory_is_refused(body: bytes, problem: str) -> None:
    with pytest.raises(BadDocument, match=problem):
        parse_advisory(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=10,
)


@given(st.sampled_from(sorted(DOCUMENT)), JSON)
def test_any_json_in_any_field_is_an_advisory_or_a_bad_document(name: str, value: object) -> None:
    try:
        found = parse(**{name: value})
    except BadDocument:
        assert name == "id"
        return
    assert decode(encode(found)) == found
