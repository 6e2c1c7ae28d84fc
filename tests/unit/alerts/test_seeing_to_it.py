"""What people do with alerts: acknowledge, resolve, accept, silence."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sqlmodel import Session

from alerts import acting, reading, silences
from alerts.dispatch import anything_due
from alerts.lifecycle import REOPEN_WITHIN
from alerts.silences import Refused
from config.settings import Compound
from config.severity import Severity
from tests.unit.alerts.desk import DAY, HOUR, MINUTE, Desk, finding, state


def test_what_is_acknowledged_is_neither_reminded_of_nor_escalated(session: Session) -> None:
    desk = Desk(session, repeat="24h", escalate={"after": "2h", "channels": ["boss"]})
    desk.finds(finding())
    acting.acknowledge(session, [1], who="bob", note="looking", until=None, now=desk.now)
    for _ in range(100):
        desk.passes(HOUR)
    assert desk.told() == ["first"]
    assert not anything_due(session, desk.now)
    told = desk.alert()
    assert (told["state"], told["acknowledged"]["by"], told["acknowledged"]["note"]) == (
        "acknowledged",
        "bob",
        "looking",
    )
    assert desk.events() == ["opened", "acknowledged"]


def test_what_nobody_acknowledges_is_reminded_of_and_escalated_once(session: Session) -> None:
    desk = Desk(session, repeat="24h", escalate={"after": "2h", "channels": ["boss"]})
    desk.finds(finding())
    for _ in range(60):
        desk.passes(HOUR)
    assert desk.told() == ["first", "escalation", "reminder", "reminder"]


def test_an_acknowledged_alert_that_grows_graver_is_open_again(desk: Desk) -> None:
    desk.finds(finding())
    acting.acknowledge(desk.session, [1], who="bob", note="", until=None, now=desk.now)
    desk.finds(finding(kind="publisher-changed", severity=Severity.CRITICAL, after="x", change_id=2))
    assert desk.alert()["state"] == "open"
    assert desk.told() == ["first", "update"]
    assert desk.events() == ["opened", "acknowledged", "extended", "raised", "reopened"]


def test_an_acknowledgement_runs_out_and_the_alert_is_told_again(desk: Desk) -> None:
    desk.finds(finding())
    acting.acknowledge(desk.session, [1], who="bob", note="", until=desk.now + 3 * DAY, now=desk.now)
    for _ in range(70):
        desk.passes(HOUR)
    assert desk.told() == ["first"]
    desk.passes(3 * HOUR)
    assert desk.told() == ["first", "update"]
    assert desk.alert()["state"] == "open"


def test_a_person_resolves_and_those_who_heard_hear_of_it(desk: Desk) -> None:
    desk.finds(finding())
    acting.resolve(desk.session, [1], who="bob", note="they are a new colleague", now=desk.now)
    desk.passes(MINUTE)
    assert desk.told() == ["first", "resolved"]
    (item,) = desk.last().items
    assert (item.ended_by, item.note) == ("bob", "they are a new colleague")
    with pytest.raises(Refused, match="resolved already"):
        acting.acknowledge(desk.session, [1], who="bob", note="", until=None, now=desk.now)
    with pytest.raises(Refused, match="no alert 7"):
        acting.resolve(desk.session, [7], who="bob", note="", now=desk.now)


def test_a_state_that_a_person_resolved_stays_so_until_it_has_ended_once(desk: Desk) -> None:
    desk.finds(state())
    acting.resolve(desk.session, [1], who="bob", note="planned work", now=desk.now)
    for _ in range(30):
        desk.finds(state())
    assert desk.alert()["state"] == "resolved"
    assert desk.told() == ["first", "resolved"]
    desk.finds(state(clears=True))
    desk.finds(state())
    assert desk.told() == ["first", "resolved", "reopened"]


def test_a_cause_that_comes_back_soon_reopens_its_alert_and_later_opens_another(desk: Desk) -> None:
    desk.finds(state())
    desk.finds(state(clears=True))
    desk.finds(state(), after=DAY)
    assert [alert["id"] for alert in reading.alerts_json(desk.session)] == [1]
    assert desk.events() == ["opened", "resolved", "reopened"]
    assert desk.last().title.startswith("Again: ")
    desk.finds(state(clears=True))
    desk.finds(state(), after=REOPEN_WITHIN + HOUR)
    assert [alert["id"] for alert in reading.alerts_json(desk.session)] == [2, 1]


def test_a_change_that_happens_again_after_it_was_resolved_is_told(desk: Desk) -> None:
    desk.finds(finding())
    acting.resolve(desk.session, [1], who="bob", note="", now=desk.now)
    desk.finds(finding())
    assert desk.alert()["state"] == "resolved"
    desk.finds(finding(change_id=2))
    assert desk.alert()["state"] == "open"


def test_what_is_accepted_is_never_told_again_until_the_facts_change(desk: Desk) -> None:
    desk.finds(finding())
    acting.accept(desk.session, [1], who="bob", note="alice is our new co-maintainer", now=desk.now)
    desk.passes(MINUTE)
    for number in range(2, 9):
        desk.finds(finding(change_id=number), after=20 * DAY)
    assert desk.told() == ["first", "resolved"]
    assert reading.acceptances_json(desk.session)[0]["note"] == "alice is our new co-maintainer"
    desk.finds(finding(subject="pkg:npm/debug", change_id=20))
    assert desk.told()[2:] == ["first"]


def test_an_accepted_fact_that_a_rule_makes_graver_is_told(desk: Desk) -> None:
    desk.finds(finding())
    acting.accept(desk.session, [1], who="bob", note="", now=desk.now)
    rule = Compound(name="both", all=("maintainer-added", "install-script-added"), reason="Together.")
    desk.policy = msgspec.structs.replace(desk.policy, compounds=(rule,))
    script = finding(kind="install-script-added", cause="release:1", severity=Severity.HIGH, change_id=3)
    desk.finds(finding(change_id=2), script)
    assert {alert["severity"] for alert in reading.alerts_json(desk.session, "open")} == {"critical"}


def test_an_acceptance_can_be_forgotten_and_the_watchs_own_troubles_are_none(desk: Desk) -> None:
    desk.finds(finding())
    acting.accept(desk.session, [1], who="bob", note="", now=desk.now)
    acting.forget(desk.session, reading.acceptances_json(desk.session)[0]["id"])
    desk.finds(finding(change_id=2))
    assert desk.told()[-1] == "reopened"
    desk.finds(state())
    with pytest.raises(Refused, match="silence"):
        acting.accept(desk.session, [2], who="bob", note="", now=desk.now)


def test_a_silence_holds_back_and_lets_go_when_it_ends(desk: Desk) -> None:
    desk.silence("owner=web-team", hours=24)
    desk.finds(finding())
    assert desk.told() == []
    assert desk.alert()["state"] == "silenced"
    desk.passes(25 * HOUR)
    assert desk.told() == ["first"]
    assert desk.alert()["state"] == "open"
    assert desk.events() == ["opened", "silenced", "unsilenced"]


def test_a_silence_for_what_was_told_stops_reminders_and_its_removal_brings_them_back(session: Session) -> None:
    desk = Desk(session, repeat="24h")
    desk.finds(finding())
    made = desk.silence("kind=maintainer-added", hours=24 * 30)
    desk.passes(5 * DAY)
    assert desk.told() == ["first"]
    silences.remove(session, made.id, desk.now)
    desk.passes(MINUTE)
    assert desk.told() == ["first", "reminder"]


def test_what_ended_while_it_was_silenced_is_told_as_ended_afterwards(desk: Desk) -> None:
    desk.finds(state())
    desk.silence("kind=source-down", hours=24)
    desk.finds(state(clears=True))
    assert desk.told() == ["first"]
    desk.passes(25 * HOUR)
    assert desk.told() == ["first", "resolved"]


def test_a_silence_that_begins_later_begins_later(desk: Desk) -> None:
    desk.silence("subject=pkg:npm/*", hours=48, starts_at=desk.now + 24 * HOUR)
    desk.finds(finding())
    assert desk.told() == ["first"]
    desk.passes(24 * HOUR)
    assert desk.alert()["state"] == "silenced"


def test_a_silence_that_hides_something_grave_says_so(desk: Desk) -> None:
    desk.silence("watch=shop")
    desk.finds(finding(severity=Severity.CRITICAL), finding("bob"))
    (told,) = silences.listed(desk.session, desk.now)
    assert (told["hides"], told["worst"], told["state"], told["reason"]) == (2, "critical", "active", "planned")


@pytest.mark.parametrize(
    ("matcher", "other", "said"),
    [
        ("kind=deprecated", {"reason": "  "}, "reason"),
        ("kind=deprecated", {"hours": -1}, "ends"),
        ("kind=deprecated", {"hours": 24 * 400}, "within a year"),
    ],
)
def test_a_silence_without_reason_or_end_is_refused(desk: Desk, matcher: str, other: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused, match=said):
        desk.silence(matcher, **other)


def test_a_silence_without_matcher_is_refused(desk: Desk) -> None:
    with pytest.raises(Refused, match="matcher"):
        desk.silence("")
