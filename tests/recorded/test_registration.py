"""Every recorded WHOIS and RDAP reply goes through the parsers; the targets of expiry dates are held here."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec import UNSET

from monitor.observations import Outcome
from monitor.sources.rdap import parse_bootstrap
from monitor.sources.rdap_reply import moment, parse_rdap
from monitor.sources.whois_dates import whois_date
from monitor.sources.whois_text import parse_whois

AT = datetime(2026, 1, 1, tzinfo=UTC)
SAME = timedelta(hours=36)
"""Expectations of other projects keep or drop the time zone; a day and a half is the same date."""


def stated(value: Any) -> datetime | None:
    first = value[0] if isinstance(value, list) else value
    return whois_date(str(first).partition("#")[0], "") if first else None


def test_whois_replies(recorded: Path) -> None:
    counted: Counter[str] = Counter()
    trouble = []
    for name, expected in json.loads((recorded / "whois" / "expected.json").read_bytes()).items():
        domain = expected["domain"] or f"x.{expected['tld']}"
        found = parse_whois((recorded / "whois" / name).read_bytes(), domain, "whois.example", AT)
        if expected["available"]:
            counted["available"] += 1
            counted["available recognised"] += found.outcome is Outcome.NOT_FOUND
            continue
        if found.outcome is Outcome.NOT_FOUND:
            trouble.append(f"{name}: taken for free")
        if expected["throttled"]:
            counted["limited"] += 1
            if found.outcome is not Outcome.UNAVAILABLE:
                trouble.append(f"{name}: a limit taken for a fact")
            continue
        for wanted, has in (("expires", found.expires_at), ("created", found.registered_at)):
            date = stated(expected[wanted])
            if date is None:
                continue
            counted[wanted] += 1
            if isinstance(has, datetime):
                counted[f"{wanted} right"] += abs(has - date) <= SAME
                if abs(has - date) > SAME:
                    trouble.append(f"{name}: {wanted} {has} instead of {date}")
    print(dict(counted))  # noqa: T201 - the report of this suite
    assert not trouble
    assert counted["available recognised"] == counted["available"]
    assert counted["expires right"] >= 0.95 * counted["expires"]
    assert counted["created right"] >= 0.95 * counted["created"]


def test_rdap_replies(recorded: Path) -> None:
    for name, expected in json.loads((recorded / "rdap" / "fields.json").read_bytes()).items():
        body = (recorded / "rdap" / name).read_bytes()
        document = json.loads(body)
        if expected.get("objectClassName") != "domain":
            assert parse_rdap(document, "x.example", "rdap.example", AT).outcome is not Outcome.FOUND, name
            continue
        found = parse_rdap(document, expected["name"].lower(), "rdap.example", AT)
        assert found.outcome is Outcome.FOUND, name
        for event, has in (("expiration", found.expires_at), ("registration", found.registered_at)):
            date = moment(expected["events"].get(event))
            assert (date is None and has is UNSET) or has == date, name
        assert parse_rdap(document, "other.example", "rdap.example", AT).outcome is Outcome.UNAVAILABLE, name


def test_bootstrap_files(recorded: Path) -> None:
    full = parse_bootstrap((recorded / "rdap" / "rdap-conformance-tool-dns.json").read_bytes())
    assert len(full) > 1000
    assert full["com"].startswith("https://")
