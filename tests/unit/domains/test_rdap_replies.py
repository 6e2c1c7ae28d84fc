"""RDAP replies as servers really send them: other case, single elements for lists, redaction, errors of others."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from msgspec import UNSET

from monitor.observations import Outcome
from monitor.sources.http import Reply
from monitor.sources.rdap_reply import judge, moment, parse_rdap, status

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
WHOLE: dict[str, Any] = {
    "objectClassName": "domain",
    "handle": "D1-QUUX",
    "ldhName": "ALICE.QUUX.",
    "status": ["active", "Redemption Period"],
    "events": [
        {"eventAction": "Registration", "eventDate": "2001-02-03t04:05:06z"},
        {"eventAction": "registrar expiration", "eventDate": "2028-02-03T00:00:00Z"},
        {"eventAction": "EXPIRATION", "eventDate": "2027-02-03T04:05:06.1234567Z"},
    ],
    "nameservers": [{"ldhName": "NS1.ALICE.EXAMPLE."}, {"unicodeName": "ns2.alice.example"}],
    "entities": [
        {"roles": ["registrant"], "vcardArray": ["vcard", [["fn", {}, "text", "Alice"]]]},
        {"roles": ["Registrar"], "vcardArray": ["vcard", [["fn", {}, "text", ""], ["org", {}, "text", ["Reg", "EU"]]]]},
    ],
}


def test_case_and_spelling_do_not_matter() -> None:
    found = parse_rdap(WHOLE, "alice.quux", "rdap.example", NOW)
    assert found.outcome is Outcome.FOUND
    assert found.registered_at == datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert isinstance(found.expires_at, datetime)
    assert found.expires_at.replace(microsecond=0) == datetime(2027, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert found.nameservers == ("ns1.alice.example", "ns2.alice.example")
    assert (found.registrar, found.handle) == ("Reg, EU", "D1-QUUX")
    assert found.statuses == ("active", "redemption period")


def test_a_single_element_stands_for_a_list() -> None:
    single = WHOLE | {
        "status": "pendingDelete",
        "events": WHOLE["events"][2],
        "nameservers": WHOLE["nameservers"][0],
        "entities": WHOLE["entities"][1] | {"roles": "registrar"},
    }
    found = parse_rdap(single, "alice.quux", "rdap.example", NOW)
    assert isinstance(found.expires_at, datetime)
    assert (found.registrar, found.statuses) == ("Reg, EU", ("pending delete",))
    assert found.nameservers == ("ns1.alice.example",)


def test_what_is_redacted_is_unknown_and_not_empty() -> None:
    redacted = {"objectClassName": "domain", "ldhName": "alice.quux", "handle": "", "nameservers": [{"handle": "H1"}]}
    redacted |= {"redacted": [{"name": {"description": "Registrar"}, "method": "removal"}]}
    found = parse_rdap(redacted, "alice.quux", "rdap.example", NOW)
    assert found.outcome is Outcome.FOUND
    for fact in (found.handle, found.nameservers, found.registrar, found.expires_at, found.statuses):
        assert fact is UNSET
    assert parse_rdap(redacted | {"nameservers": []}, "alice.quux", "rdap.example", NOW).nameservers == ()


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (b"", Outcome.NOT_FOUND),
        (b"{}", Outcome.NOT_FOUND),
        (b'{"errorCode": 404, "title": "Not Found"}', Outcome.NOT_FOUND),
        (b'{"errorCode": "404"}', Outcome.NOT_FOUND),
        (b'{"rdapConformance": ["rdap_level_0"], "title": "Not Found"}', Outcome.NOT_FOUND),
        (b'{"message": "no Route matched with those values"}', Outcome.UNAVAILABLE),
        (b'{"errorCode": 429, "title": "Too many requests"}', Outcome.UNAVAILABLE),
        (b"[]", Outcome.UNAVAILABLE),
        (b"<html>not here</html>", Outcome.UNAVAILABLE),
    ],
)
def test_only_the_registry_denies_a_name(body: bytes, outcome: Outcome) -> None:
    assert judge(Reply(404, httpx.Headers(), body, 0), "alice.quux", "rdap.example", NOW).outcome is outcome


@pytest.mark.parametrize(
    ("code", "outcome"),
    [(404, Outcome.NOT_FOUND), ("404", Outcome.NOT_FOUND), (429, Outcome.UNAVAILABLE), ("x", Outcome.UNAVAILABLE)],
)
def test_an_error_that_comes_with_200_is_an_error(code: Any, outcome: Outcome) -> None:
    body = json.dumps({"errorCode": code, "ldhName": "alice.quux"}).encode()
    assert judge(Reply(200, httpx.Headers(), body, 0), "alice.quux", "rdap.example", NOW).outcome is outcome


@pytest.mark.parametrize("word", ["redemptionPeriod", "redemptionperiod", "REDEMPTION_PERIOD", "redemption  period"])
def test_a_grave_status_is_known_however_it_is_written(word: str) -> None:
    assert status(word) == "redemption period"


def test_a_date_in_small_letters_is_a_date() -> None:
    assert moment("2027-01-31t00:00:00z") == datetime(2027, 1, 31, tzinfo=UTC)
