"""WHOIS replies in the shapes that registries give them, and the sentences that say that a name is free."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import UNSET

from monitor.observations import Outcome, Registration
from monitor.sources.whois_absence import absence
from monitor.sources.whois_text import parse_whois

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TERMS = "\n\n% By asking, you agree to our terms. High volume use is prohibited.\n"

FREE = [
    'No match for "ALICE.QUUX".',
    "No match!!",
    "no matching record.",
    "% No entries found for the selected source(s).",
    "%% No entries found in the QNIC Database.",
    "No domain records were found to match alice.quux",
    "%ERROR:101: no entries found",
    "%ERROR:103: unknown domain",
    "% The queried object does not exist: no matching objects found",
    "No information available about domain name alice.quux in the Registry QNIC database.",
    "No information was found matching that query.",
    "The requested domain was not found in the Registry or Registrar's WHOIS Server.",
    "Not found: alice.quux",
    "domain name not known",
    'Domain "alice.quux" not found',
    "alice.quux is not registered",
    "No_Se_Encontro_El_Objeto/Object_Not_Found",
    "This domain name has not been registered.",
    "Domain Name [alice.quux] does not exist in database",
    "Sorry, but domain: \"alice.quux\", not found in database",
    "% Not Registered - The domain you have requested is not a registered .quux domain name",
    "Status:\tAVAILABLE",
    "Domain Status: No Object Found",
    "query_status: 220 Available",
    "alice.quux is free",
    "Domain alice.quux is available for registration",
    "Data not found. This domain is available for registration.",
    "*** Nothing found for this query.",
    "We do not have an entry in our database matching your query.",
    "% This query returned 0 objects.",
    "Nincs talalat / No match",
    "alice.quux: no existe",
    "Domínio inexistente",
]  # fmt: skip
NOT_FREE = [
    "Domain not available",
    "Status: NOT AVAILABLE",
    "This domain name can not be registered",
    "Domain alice.quux is reserved and not available for registration",
    "This is a premium domain and available for purchase at a premium price",
    "alice.quux is available for backorder",
    "Domain alice.quux is not registered here",
    "not registered with us",
    "The domain is not registered through this registrar",
    "No match for nameserver",
    "Registrar: not found",
    "Contact not found",
    "Timeout, not found in cache",
    "No data: query limit exceeded",
    "other alice.quux not found",
    "not found in the database does not mean that it is available",
    "is not registered in the WHOIS database does not necessarily indicate availability",
    "NOTE: FAILURE TO LOCATE A RECORD IN THE WHOIS DATABASE IS NOT INDICATIVE OF THE AVAILABILITY OF A DOMAIN NAME.",
    "No whois server is known for this kind of object.",
]


@pytest.mark.parametrize("sentence", FREE)
def test_a_sentence_of_its_own_says_that_a_name_is_free(sentence: str) -> None:
    for reply in (sentence, sentence + TERMS, f"Domain: alice.quux\n\n{sentence}\n"):
        assert read(reply, "alice.quux").outcome is Outcome.NOT_FOUND


@pytest.mark.parametrize("sentence", NOT_FREE)
def test_a_word_too_many_says_nothing(sentence: str) -> None:
    for reply in (sentence, sentence + TERMS):
        assert read(reply, "alice.quux").outcome is not Outcome.NOT_FOUND


@given(st.sampled_from(FREE), st.integers(0, 20), st.text("abcdefghijklmnopqrstuvwxyz", min_size=4, max_size=12))
def test_no_unknown_word_gets_into_such_a_sentence(sentence: str, place: int, word: str) -> None:
    """Whatever the word means, nobody can say that the sentence means the same with it."""
    words = sentence.split(" ")
    at = place % (len(words) + 1)
    changed = " ".join([*words[:at], f"x{word}", *words[at:]])
    assume(" database" not in sentence.lower() and "server" not in sentence.lower())  # where any registry is named
    assert absence([changed], "alice.quux") is None


def test_a_wrapped_line_of_the_terms_is_no_sentence() -> None:
    wrapped = ["% This service tells persons whether a certain name", "% is available for registration", "% or not."]
    assert absence(wrapped, "alice.quux") is None
    assert absence([*wrapped, "", "% No match"], "alice.quux") == "No match"


SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "a heading without a colon, deeper lines below it": (
        "Domain:  alice.quux\nStatus:  pendingDelete / redemptionPeriod\nCreated: 2001-02-03\n"
        "Expire Date: 2027-04-05\n\n"
        "Registrant\n  Organization: Alice Ltd\n  Created: 2019-09-09\n\nRegistrar\n  Organization: Reg Ltd\n"
        "  Name: REG-1\n\nNameservers\n  ns1.alice.example\n  ns2.alice.example\n",
        {"created": "2001-02-03", "expires": "2027-04-05", "registrar": "Reg Ltd", "servers": 2,
         "statuses": ("pending delete", "redemption period")},
    ),
    "values below a label": (
        "    Domain name:\n        alice.quux\n\n    Registrar:\n"
        "        Reg Ltd [Tag = REG]\n        URL: https://reg.example\n\n"
        "    Relevant dates:\n        Registered on: 11-Jun-2014\n        Expiry date:  11-Jun-2027\n\n"
        "    Name servers:\n        ns1.alice.example   192.0.2.1\n"
        "        ns2.alice.example   192.0.2.2  2001:db8::2\n",
        {"created": "2014-06-11", "expires": "2027-06-11", "registrar": "Reg Ltd [Tag = REG]", "servers": 2},
    ),
    "objects of contacts and name server sets after the domain's": (
        "domain:     alice.quux\nregistrar:  REG-1\nnsset:      NSS-1\nexpire:     22.07.2027\n\n"
        "contact:    ALICE\nregistrar:  REG-9\ncreated:    18.05.2011 23:28:26\nstatus:     expired\n\n"
        "nsset:      NSS-1\nnserver:    ns1.alice.example\nnserver:    ns2.alice.example\ncreated:    01.01.2012\n",
        {"created": None, "expires": "2027-07-22", "registrar": "REG-1", "servers": 2, "statuses": UNSET},
    ),
    "headings in capitals, nothing indented": (
        "DOMAIN NAME: alice.quux\nactivated on: 03/02/2001\nexpires at: 25/04/2027\nregistration status: Registered\n\n"
        "REGISTRANT:\nAlice Ltd\n\nNAME SERVER INFORMATION:\n"
        "ns1.alice.example\nns2.alice.example\n\nDNSSEC: Inactive\n",
        {"created": "2001-02-03", "expires": "2027-04-25", "servers": 2, "statuses": ("registered",)},
    ),
    "labels in two languages that spell out the order of a date": (
        "Nome / Domain Name: alice.quux\nData de registo / Creation Date (dd/mm/yyyy): 09/01/2003\n"
        "Data de expiração / Expiration Date (dd/mm/yyyy): 08/02/2027\nEstado / Status: ACTIVE\n\n"
        "Nameserver Information\n   Nameserver: alice.quux\tNS\tns1.alice.example.\n",
        {"created": "2003-01-09", "expires": "2027-02-08", "servers": 1, "statuses": ("active",)},
    ),
    "brackets": (
        "[Domain]\nDomain: alice.quux\nStatus: active\n\n[Holder]\n"
        "    Name: Alice\n\n[Registrar]\n    Type: Legal person\n"
        "    Name: Reg Ltd\n\n[Nservers]\nNserver: ns1.alice.example\nNserver: ns2.alice.example\n",
        {"registrar": "Reg Ltd", "servers": 2, "statuses": ("active",)},
    ),
    "brackets above lines that are not indented": (
        "[Domain]\nDomain: alice.quux\nStatus: active\n\n[Registrar]\nType: Legal person\nName: Reg Ltd\n\n"
        "[Nservers]\nNserver: ns1.alice.example\n\n[Whois]\nUpdated: 2026-02-18T18:12:36+00:00\n",
        {"registrar": "Reg Ltd", "servers": 1, "statuses": ("active",)},
    ),
    "dots after the colon": (
        "DOMAINE:.................alice.quux\nREGISTRAR:...............\nDATE DE CREATION:........23/05/2001\n"
        "ETAT:....................actif\nCONTACT ADMIN:...........Alice\n",
        {"created": "2001-05-23", "statuses": ("active",)},
    ),
    "letters and brackets": (
        "a [Domain Name]\t\talice.quux\nc [Record Created]\t\t23-MAR-2005\nd [Record Expired]\t\t23-MAR-2027\n"
        "j [Primary Name Server]\n\tns1.alice.example\nk [Secondary Name Server]\n\tns2.alice.example\n",
        {"created": "2005-03-23", "expires": "2027-03-23", "servers": 2},
    ),
    "sentences": (
        "   Record expires on 07-Jan-2027.\n   Record created on 07-Jan-2001.\n"
        "   Database last updated on 3-Aug-2026.\n\n"
        "   Domain servers in listed order:\n\n   NS1.ALICE.EXAMPLE    192.0.2.1\n   NS2.ALICE.EXAMPLE    192.0.2.2\n",
        {"created": "2001-01-07", "expires": "2027-01-07", "servers": 2},
    ),
    "further values on deeper lines": (
        "DOMAIN NAME:           alice.quux\nnameservers:           ns1.alice.example. [192.0.2.1]\n"
        "                       ns2.alice.example.\ncreated:               2002.09.19 13:00:00\n"
        "renewal date:          2027.09.18 14:00:00\noption expiration date: 2029.10.14 12:00:00\n",
        {"created": "2002-09-19", "expires": "2027-09-18", "servers": 2},
    ),
    "blocks that begin with comments": (
        "% asked by 192.0.2.1\n\ndomain:   alice.quux\nstatus:   RedemptionPeriod\ncreated:  2012-06-19 10:13:30+03\n"
        "expires:  2013-06-19 10:13:30+03\n\n% Registrar:\n% ==========\nregistrar: quux.reg\norganization: Reg Ltd\n\n"
        "% Registrant:\n% ===========\ncontact-id: a-1\n"
        "status:   ok\nstatus:   linked\ncreated:  2002-04-02 20:59:40+03\n",
        {"created": "2012-06-19", "expires": "2013-06-19", "registrar": "quux.reg",
         "statuses": ("redemption period",)},
    ),
    "a status that says until when": (
        "domain:     alice.quux\nstatus:     OK-UNTIL 20270906000000\ncreated:    0-QNIC 00000000000000\n"
        "changed:    ALICE-QNIC 20120421101933\nnserver:    ns1.alice.example\n",
        {"expires": "2027-09-06", "servers": 1, "statuses": ()},
    ),
    "nothing but blanks between label and value": (
        "Domain-name         alice.quux\nAdmin-id            A-0006\ndns_name            ns1.alice.example\n"
        "Last-update         2026-08-02\nValid-date          2027-08-16\nDomain-status       DOM_EXP\n",
        {"expires": "2027-08-16", "servers": 1, "statuses": ("expired",)},
    ),
    "labels of machines": (
        "domain_name: alice.quux\nquery_status: 210 PendingRelease\ndomain_dateregistered: 2009-07-14T12:11:36+12:00\n"
        "domain_datebilleduntil: 2027-07-14T12:11:36+12:00\n%\nregistrar_name: Reg Ltd\n"
        "%\nns_name_01: ns1.alice.example\n",
        {"created": "2009-07-14", "expires": "2027-07-14", "registrar": "Reg Ltd", "servers": 1,
         "statuses": ("redemption period",)},
    ),
    "the last renewal beside the expiry": (
        "Domain: alice.quux\nStatus: ACTIVE\nCreated date: 8 Oct 2004\nRenew date: 8 Oct 2025\nExp date: 7 Oct 2026\n",
        {"created": "2004-10-08", "expires": "2026-10-07", "statuses": ("active",)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_a_reply_is_read_in_every_shape(shape: str) -> None:
    reply, told = SHAPES[shape]
    found = read(reply, "alice.quux")
    assert found.outcome is Outcome.FOUND
    assert (day(found.registered_at), day(found.expires_at)) == (told.get("created"), told.get("expires"))
    assert found.registrar == told.get("registrar", UNSET)
    assert found.statuses == told.get("statuses", UNSET)
    assert len(found.nameservers or ()) == told.get("servers", 0)


@given(st.dates(date(1990, 1, 1), date(2080, 1, 1)), st.booleans(), st.booleans())
def test_day_and_month_are_told_apart_by_the_reply_itself_or_not_at_all(
    expires: date, day_first: bool, shown: bool
) -> None:
    write = "%d/%m/%Y" if day_first else "%m/%d/%Y"
    reply = f"Domain: alice.quux\nStatus: ok\nExpiration Date: {expires.strftime(write)}\n"
    if shown:
        reply += f"Last Updated: {date(2020, 5, 31).strftime(write)}\n"
    found = day(read(reply, "alice.quux").expires_at)
    alike = expires.day <= 12 and expires.day != expires.month
    assert found == (None if alike and not shown else expires.isoformat())


def test_a_date_that_is_written_but_not_known_is_no_date_that_is_never_published() -> None:
    assert read("Domain: alice.de\nStatus: connect\n", "alice.de").expires_at is None
    assert read("Domain: alice.de\nStatus: connect\nExpires: 03/04/2027\n", "alice.de").expires_at is UNSET


def read(reply: str, domain: str) -> Registration:
    return parse_whois(reply + "\n", domain, "whois.example", NOW)


def day(moment: Any) -> str | None:
    return moment.date().isoformat() if isinstance(moment, datetime) else None
