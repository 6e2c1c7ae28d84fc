"""Addresses, replies of registration services, the verdict and what changed: pure, and hostile input throughout."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from config.settings import Schedule, Thresholds
from monitor.addresses import Sort, mailbox
from monitor.changes.domains import compare_domains, next_check, remembered
from monitor.changes.model import Context
from monitor.observations import Delegation, Domain, DomainState, Outcome, Registration
from monitor.sources.rdap_reply import moment, parse_rdap, status
from monitor.sources.whois_dates import whois_date
from monitor.sources.whois_text import parse_whois
from monitor.verdict import verdict

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
WARN = (60, 30, 14, 7, 1)


@pytest.mark.parametrize(
    ("address", "sort", "registrable"),
    [
        ("alice@alice-mail.org", Sort.ORDINARY, "alice-mail.org"),
        ("alice@mail.alice.co.uk", Sort.ORDINARY, "alice.co.uk"),
        ("alice@Bücher.de", Sort.ORDINARY, "xn--bcher-kva.de"),
        ("alice@xn--bcher-kva.de", Sort.ORDINARY, "xn--bcher-kva.de"),
        ('"a@b"@alice-mail.org', Sort.ORDINARY, "alice-mail.org"),
        ("alice@gmail.com", Sort.FREE_MAIL, "gmail.com"),
        ("1+alice@users.noreply.github.com", Sort.FORGE, "github.com"),
        ("x@privaterelay.appleid.com", Sort.FORWARDING, "appleid.com"),
        ("x@mailinator.com", Sort.DISPOSABLE, "mailinator.com"),
        ("x@alice.github.io", Sort.PLATFORM, "github.io"),
        ("x@example.org", Sort.RESERVED, "example.org"),
        ("x@host.invalid", Sort.RESERVED, ""),
    ],
)
def test_an_address_hangs_on_a_domain(address: str, sort: Sort, registrable: str) -> None:
    found = mailbox(address)
    assert (found.sort, found.registrable) == (sort, registrable)


@pytest.mark.parametrize(
    "address",
    ["", "alice", "@alice.org", "alice@", "a@b@alice.org", "alice@[192.0.2.1]", "alice@localnet", "alice@co.uk",
     "x" * 300 + "@alice.org", "alice@al\x00ice.org", "alice(x)@alice.org", "alice@xn--zz--.org", "alice@.org"],
)  # fmt: skip
def test_what_is_no_address_hangs_on_nothing(address: str) -> None:
    assert mailbox(address).sort is Sort.INVALID


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60) | st.tuples(st.text(max_size=20), st.text(max_size=30)).map("@".join))
def test_any_text_is_an_address_or_invalid(text: str) -> None:
    assert mailbox(text).sort in Sort


@pytest.mark.parametrize(
    ("text", "tld", "date"),
    [
        ("2020-04-03T00:00:00-0700", "com", "2020-04-03T07:00"),
        ("03-Apr-2020", "uk", "2020-04-03T00:00"),
        ("28th April 2014", "fj", "2014-04-28T00:00"),
        ("4.7.2020 10:15:55", "fi", "2020-07-04T10:15"),
        ("2020. 03. 02.", "kr", "2020-03-02T00:00"),
        ("20140921", "hr", "2014-09-21T00:00"),
        ("Tue Dec 12 2000", "be", "2000-12-12T00:00"),
        ("2019-Aug-22.", "tr", "2019-08-22T00:00"),
        ("31-03-2020", "hk", "2020-03-31T00:00"),
        ("03/04/2020", "fr", "2020-04-03T00:00"),
        ("2021-11-09 00:00:00 (UTC+8)", "tw", "2021-11-08T16:00"),
    ],
)
def test_dates_as_registries_write_them(text: str, tld: str, date: str) -> None:
    found = whois_date(text, tld)
    assert found is not None
    assert found.strftime("%Y-%m-%dT%H:%M") == date


@pytest.mark.parametrize("text", ["03/04/2020", "never", "0000-00-00", "2020-13-45", "99999999", "9999-01-01", ""])
def test_a_date_that_could_be_wrong_is_none(text: str) -> None:
    assert whois_date(text, "com") is None


@pytest.mark.parametrize(
    "reply",
    ["No match for \"X.COM\".", "NOT FOUND", "Domain not found.", "% No entries found.", "Status: free",
     "Status: AVAILABLE", "The queried object does not exist",
     "*** Nothing found for this query.", "x.com is free", "No Data Found"],
)  # fmt: skip
def test_registries_say_that_a_name_is_free(reply: str) -> None:
    assert parse_whois(reply + "\r\n", "x.com", "s", NOW).outcome is Outcome.NOT_FOUND


@pytest.mark.parametrize(
    "reply",
    ["", "\r\n", "WHOIS LIMIT EXCEEDED - SEE WWW.EXAMPLE", "Your connection limit exceeded. Please try again later.",
     "Query rate limit exceeded", "IP Address has been blocked", "Quota exceeded", "too many requests",
     "Server is busy now", "<html><body>Sign in</body></html>", "Socket not responding: timed out",
     "ERROR:101: no entries available now, wait"],
)  # fmt: skip
def test_what_is_no_answer_is_no_fact(reply: str) -> None:
    assert parse_whois(reply, "x.com", "s", NOW).outcome is Outcome.UNAVAILABLE


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400) | st.lists(st.sampled_from([
    "domain ", "not ", "found", "Expiry Date: ", "2020-01-01", "status: ", "free", "\r\n", ": ", "is ", "the ",
    "no match",
]), max_size=60).map(lambda parts: "".join(parts).encode()))  # fmt: skip
@example((b"ns" + b" " * 398 + b"\n") * 3000)
@example((b"expiry date" + b"\t \xc2\xa0" * 200 + b"!\n") * 500)
def test_any_whois_reply_is_read_in_no_time(reply: bytes) -> None:
    found = parse_whois(reply, "x.com", "s", NOW)
    assert found.outcome in Outcome
    assert found.expires_at is UNSET or found.expires_at is None or 1980 <= found.expires_at.year < 2100


def test_a_value_far_from_its_label_is_read() -> None:
    reply = f"Domain: x.com\nExpiry date{'.' * 30}:{' ' * 60}2030-01-02\nRegistrar{' ' * 40}\tAcme\n"
    found = parse_whois(reply, "x.com", "s", NOW)
    assert (found.expires_at, found.registrar) == (datetime(2030, 1, 2, tzinfo=UTC), "Acme")


def test_names_in_other_scripts_and_encodings_are_read() -> None:
    reply = "Domain: x.jp\r\nRegistrar: 株式会社\r\nExpires on: 2027/01/31\r\n".encode("shift_jis")
    found = parse_whois(reply, "x.jp", "s", NOW)
    assert found.expires_at == datetime(2027, 1, 31, tzinfo=UTC)
    latin = "Registrar: Société\r\nExpiry Date: 31/01/2027\r\n".encode("latin-1")
    assert parse_whois(latin, "x.fr", "s", NOW).registrar == "Société"


def rdap(**told: Any) -> dict[str, Any]:
    return {"objectClassName": "domain", "ldhName": "X.COM"} | told


@pytest.mark.parametrize("date", ["9999-12-31T00:00:00Z", "soon", "", None, 7, "0001-01-01T00:00:00Z", "31/12/2027"])
def test_an_rdap_date_that_is_none_is_unknown(date: Any) -> None:
    found = parse_rdap(rdap(events=[{"eventAction": "expiration", "eventDate": date}]), "x.com", "s", NOW)
    assert found.outcome is Outcome.FOUND
    assert found.expires_at is UNSET


@pytest.mark.parametrize(
    "date",
    [
        "2027-01-31T00:00:00Z",
        "2027-01-31T00:00:00.000+0000",
        "2027-01-31",
        "2027-01-31 00:00:00 UTC",
        "20270131T000000Z",
    ],
)
def test_five_ways_to_write_a_date(date: str) -> None:
    assert moment(date) == datetime(2027, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("word", "plain"), [("pendingDelete", "pending delete"), ("Client Hold", "client hold"), ("ok", "ok")]
)
def test_a_status_has_one_spelling(word: str, plain: str) -> None:
    assert status(word) == plain


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["ldhName", "events", "eventAction", "eventDate", "entities", "roles", "vcardArray", "status", "nameservers"]
    ), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(json_values)
@example({"entities": [{"roles": 1}]})
def test_any_rdap_document_is_read(document: Any) -> None:
    whole = rdap() | document if isinstance(document, dict) else document
    assert parse_rdap(json.loads(json.dumps(whole)), "x.com", "s", NOW).outcome in Outcome


def registration(outcome: Outcome = Outcome.FOUND, days: float | None = 400, **told: Any) -> Registration:
    expires = NOW + timedelta(days=days) if days is not None else UNSET
    facts: dict[str, Any] = {"source": "rdap", "server": "s", "at": NOW, "outcome": outcome}
    if outcome is Outcome.FOUND:
        facts |= {"expires_at": expires, "statuses": ("active",)}
    return Registration(**(facts | told))


def delegation(outcome: Outcome = Outcome.FOUND) -> Delegation:
    return Delegation(at=NOW, outcome=outcome, nameservers=("ns1.x.org",), mail_exchangers=("mx.x.org",), null_mx=False)


NO, GONE = Outcome.UNAVAILABLE, Outcome.NOT_FOUND


@pytest.mark.parametrize(
    ("evidence", "state"),
    [
        ([registration()], DomainState.REGISTERED),
        ([registration(days=20)], DomainState.EXPIRING),
        ([registration(days=-1)], DomainState.EXPIRED),
        ([registration(days=None)], DomainState.REGISTERED),
        ([registration(expires_at=None)], DomainState.REGISTERED),
        ([registration(statuses=("pending delete", "redemption period"))], DomainState.REDEMPTION),
        ([registration(statuses=("pending delete",))], DomainState.PENDING_DELETE),
        ([registration(statuses=("client hold",)), delegation(GONE)], DomainState.REGISTERED),
        ([registration(GONE), delegation(GONE)], DomainState.UNREGISTERED),
        ([registration(GONE), delegation()], DomainState.UNKNOWN),
        ([registration(GONE), delegation(NO)], DomainState.UNKNOWN),
        ([registration(NO), delegation(GONE)], DomainState.UNKNOWN),
        ([registration(NO), delegation(NO)], DomainState.UNKNOWN),
        ([registration(NO), registration(source="whois", days=20)], DomainState.EXPIRING),
    ],
)
def test_the_verdict_follows_from_the_evidence(evidence: list[Any], state: DomainState) -> None:
    found = verdict("x.com", evidence, NOW, WARN)
    assert found.state is state
    assert found.reason
    assert found.evidence == tuple(evidence)


def test_a_registry_that_publishes_no_expiry_says_so() -> None:
    found = verdict("x.de", [registration(days=None)], NOW, WARN)
    assert found.expires_at is None
    assert "publishes no expiry date" in found.reason


@pytest.mark.parametrize(
    ("dated", "state"),
    [
        (NOW - timedelta(days=1), DomainState.EXPIRING),
        (NOW - timedelta(minutes=5), DomainState.EXPIRED),
        (NOW + timedelta(days=1), DomainState.EXPIRED),
        (NOW - timedelta(days=400), DomainState.EXPIRED),
    ],
)
def test_a_clock_that_was_put_ahead_makes_no_domain_expired(dated: datetime, state: DomainState) -> None:
    told = registration(days=-0.5, dated=dated)
    assert verdict("x.com", [told, delegation()], NOW, WARN).state is state


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([registration(NO), registration(NO, source="whois"), delegation(NO), delegation()])))
def test_failures_never_make_a_domain_lapse(evidence: list[Any]) -> None:
    assert verdict("x.com", evidence, NOW, WARN).state is DomainState.UNKNOWN


def domain(**told: Any) -> Domain:
    facts: dict[str, Any] = {
        "state": DomainState.REGISTERED,
        "expires_at": NOW + timedelta(days=300),
        "registered_at": NOW - timedelta(days=4000),
        "registrar": "Good Names, Inc.",
        "registry_handle": "D1",
        "nameservers": ("ns1.x.org", "ns2.x.org"),
        "mail_exchangers": ("mx.x.org",),
    }
    return Domain(name="x.com", **(facts | told))


def kinds(before: Domain, after: Domain, now: datetime = NOW) -> list[str]:
    context = Context(now=now, thresholds=Thresholds(), warn_days=WARN)
    return [change.kind for change in compare_domains(before, after, context)]


def test_a_renewal_is_no_change_and_no_re_registration() -> None:
    assert kinds(domain(), domain(expires_at=NOW + timedelta(days=700))) == []


def test_a_transfer_is_told_as_what_it_is() -> None:
    assert kinds(domain(), domain(registrar="Other Names")) == ["registrar-changed"]


def test_another_spelling_of_a_registrar_is_the_same() -> None:
    assert kinds(domain(), domain(registrar="GOOD NAMES INC")) == []


@pytest.mark.parametrize("told", [{"registered_at": NOW}, {"registered_at": UNSET, "registry_handle": "D2"}])
def test_a_later_registration_or_another_handle_is_a_new_holder(told: dict[str, Any]) -> None:
    assert kinds(domain(), domain(**told)) == ["domain-reregistered"]


def test_each_threshold_warns_once_and_a_renewal_arms_it_again() -> None:
    expires = NOW + timedelta(days=65)
    known, told = domain(expires_at=expires), []
    for day in range(64):
        now = NOW + timedelta(days=day)
        after = domain(
            expires_at=expires, state=DomainState.EXPIRING if expires - now <= timedelta(60) else DomainState.REGISTERED
        )
        context = Context(now=now, thresholds=Thresholds(), warn_days=WARN)
        changes = list(compare_domains(known, after, context))
        told += [change.after["threshold_days"] for change in changes]
        known = remembered(known, after, changes)
    assert told == [60, 30, 14, 7]
    later = replace(known, expires_at=expires + timedelta(days=365), state=DomainState.REGISTERED)
    assert remembered(known, later, []).warned_for is UNSET


def test_order_says_nothing_and_unknown_says_nothing() -> None:
    assert kinds(domain(), domain(nameservers=("ns2.x.org", "ns1.x.org"))) == []
    silent = domain(state=DomainState.UNKNOWN, nameservers=UNSET, mail_exchangers=UNSET, registrar=UNSET,
                    registry_handle=UNSET, registered_at=UNSET, expires_at=UNSET)  # fmt: skip
    assert kinds(domain(), silent) == []
    assert remembered(domain(), silent, []).state is DomainState.REGISTERED


def test_a_lapsed_domain_is_told_when_it_is_first_seen() -> None:
    assert kinds(Domain(name="x.com"), domain(state=DomainState.EXPIRED)) == ["domain-expired"]


@pytest.mark.parametrize(
    ("told", "hours"),
    [
        ({}, 24),
        ({"expires_at": NOW + timedelta(days=20)}, 6),
        ({"expires_at": NOW + timedelta(days=3)}, 1),
        ({"state": DomainState.REDEMPTION}, 1),
        ({"expires_at": None}, 24),
    ],
)
def test_the_nearer_the_day_the_oftener_it_is_checked(told: dict[str, Any], hours: int) -> None:
    assert next_check(domain(**told), NOW, Schedule()) == timedelta(hours=hours)


def test_a_look_for_addresses_that_failed_does_not_lose_the_mail_of_a_name_without_exchangers() -> None:
    def seen(addresses: Any) -> Domain:
        told = Delegation(at=NOW, outcome=Outcome.FOUND, mail_exchangers=(), null_mx=False, addresses=addresses)
        return verdict("x.com", [registration(), told], NOW, WARN)

    assert kinds(seen(("192.0.2.1",)), seen(())) == ["mail-exchanger-lost"]
    assert kinds(seen(("192.0.2.1",)), seen(UNSET)) == []


def test_what_a_registry_lists_never_stands_for_a_look_into_the_zone_that_failed() -> None:
    told = registration(nameservers=("ns9.registrar.example",))
    known = verdict("x.com", [told, delegation()], NOW, WARN)
    assert kinds(known, verdict("x.com", [told, delegation(NO)], NOW, WARN)) == []
    assert verdict("x.com", [told], NOW, WARN).nameservers == ("ns9.registrar.example",)


def test_a_source_that_gives_another_hour_does_not_warn_anew() -> None:
    day = NOW + timedelta(days=20)
    known, told = domain(expires_at=NOW + timedelta(days=300)), []
    for hours in (0, 7, 0, 7):
        after = domain(expires_at=day + timedelta(hours=hours), state=DomainState.EXPIRING)
        changes = list(compare_domains(known, after, Context(now=NOW, thresholds=Thresholds(), warn_days=WARN)))
        told += changes
        known = remembered(known, after, changes)
    assert [change.kind for change in told] == ["domain-expiring"]
