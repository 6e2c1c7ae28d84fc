"""What alerts tell by themselves: together where they can, at once where they must, and nothing twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlmodel import Session, select

from alerts import acting, reading
from alerts.dispatch import anything_due
from alerts.findings import Finding
from alerts.lifecycle import holding
from alerts.matching import View
from alerts.messages.content import Coming
from alerts.model import Delivery
from alerts.routing import Policy
from config.settings import Channel, Route
from config.severity import Severity
from tests.unit.alerts.desk import DAY, HOUR, MINUTE, NOW, Desk, finding, state


def test_targets_that_fail_because_their_source_is_down_are_no_news(desk: Desk) -> None:
    desk.finds(state())
    failing = [
        state(f"pkg:npm/p{n}", kind="target-failing", cause="target-failing:npm", related=("source:npm.example",))
        for n in range(50)
    ]
    for _ in range(5):
        desk.finds(*failing)
    assert desk.told() == ["first"]
    desk.finds(state(clears=True))
    desk.finds(*failing[:3])
    assert desk.told() == ["first", "resolved", "first"]
    assert desk.last().title == "pkg:npm/p0 is down, and 2 more"


def test_targets_join_and_leave_one_alert_quietly(desk: Desk) -> None:
    def failing(n: int, **other: Any) -> Finding:
        return state(f"pkg:npm/p{n}", kind="target-failing", cause="target-failing:npm", quiet=True, **other)

    for n in range(20):
        desk.finds(failing(n))
    assert desk.told() == ["first"]
    for n in range(19):
        desk.finds(failing(n, clears=True))
    assert desk.alert()["state"] == "open"
    desk.finds(failing(19, clears=True))
    assert desk.told() == ["first", "resolved"]


def test_a_renewal_ends_what_was_about_the_expiry_and_nothing_else(desk: Desk) -> None:
    domain: dict[str, Any] = {"subject": "domain:x.example", "cause": "domain:x.example", "lasting": True}
    expiring = finding(kind="domain-expiring", **domain)
    lost = finding(kind="mail-exchanger-lost", change_id=2, **domain)
    renewed = finding(kind="domain-expiring", clears=True, ends=("domain-expiring", "domain-expired"), **domain)
    desk.finds(expiring, lost)
    desk.finds(renewed)
    assert desk.alert()["state"] == "open"
    desk.finds(msgspec.structs.replace(renewed, ends=("mail-exchanger-lost",)))
    assert desk.alert()["state"] == "resolved"


def test_what_happened_long_ago_is_left_to_the_past_unless_it_is_grave_or_lasts(desk: Desk) -> None:
    desk.finds(
        finding(),
        finding("bob", severity=Severity.HIGH, change_id=2),
        state(severity=Severity.LOW),
    )
    desk.passes(29 * DAY)
    assert len(reading.alerts_json(desk.session, "open")) == 3
    desk.passes(3 * DAY)
    assert {alert["title"] for alert in reading.alerts_json(desk.session, "open")} == {
        "bob can now publish express",
        "source:npm.example is down",
    }
    assert "resolved" not in desk.told()


def test_a_digest_tells_what_is_new_what_is_open_and_what_comes_up(session: Session) -> None:
    desk = Desk(session, digest="0 8 * * *", match={"owner": "web-team"})
    desk.finds(finding(), after=timedelta(0))
    desk.passes(2 * HOUR)

    def coming(name: str, owner: str) -> Coming:
        seen = View(f"domain:{name}", Severity.INFO, frozenset({"domain-expiring"}), "domain", frozenset({owner}))
        return Coming(at=desk.now + 12 * DAY, subject=f"domain:{name}", title=f"{name} expires", view=seen)

    desk.coming = [coming("ours.example", "web-team"), coming("theirs.example", "data-team")]
    desk.finds(finding("bob", change_id=2))
    desk.passes(DAY)
    told = desk.last()
    assert told.kind == "digest"
    assert [item.title for item in told.items] == ["bob can now publish express"]
    assert [line.title for line in told.still] == ["alice can now publish express"]
    assert [line.title for line in told.coming] == ["ours.example expires"]
    assert told.title.startswith("1 new, 1 coming up; the gravest: bob")


def test_trouble_with_a_channel_is_told_on_the_others(session: Session) -> None:
    desk = Desk(session, channels=["mail"])
    channels = [Channel.model_validate({"name": name, "url": "json://127.0.0.1/"}) for name in ("mail", "chat")]
    desk.policy = msgspec.structs.replace(desk.policy, channels=tuple(channels))
    desk.finds(state("channel:mail", kind="delivery-failing", cause="delivery-failing:channel:mail"))
    desk.finds(state("channel:chat", kind="delivery-failing", cause="delivery-failing:channel:chat"))
    rows = session.exec(select(Delivery).order_by(Delivery.id)).all()  # type: ignore[arg-type]
    assert [row.channel for row in rows] == ["chat", "mail"]


def test_each_message_is_on_record_with_how_late_it_was(desk: Desk) -> None:
    desk.finds(finding(happened_at=NOW - DAY))
    row = desk.session.exec(select(Delivery)).one()
    row.state, row.sent_at = "sent", NOW + 2 * HOUR
    desk.session.add(row)
    (told,) = reading.deliveries_json(desk.session, alert=1)
    assert told["seconds_from_happening"] == 26 * 3600
    assert (told["channel"], told["kind"], told["alerts"], told["state"]) == ("mail", "first", [1], "sent")
    assert reading.deliveries_json(desk.session, alert=2) == []


def test_alerts_that_a_person_resolves_in_a_row_end_in_one_message(desk: Desk) -> None:
    for name in ("alice", "bob", "carol"):
        desk.finds(finding(name))
    for number in (1, 2, 3):
        acting.resolve(desk.session, [number], who="bob", note="", now=desk.now)
        desk.passes(timedelta(seconds=5))
    desk.passes(MINUTE)
    assert desk.told() == ["first", "first", "first", "resolved"]
    assert [item.alert for item in desk.last().items] == [1, 2, 3]
    desk.passes(DAY)
    assert len(desk.told()) == 4


def test_reminders_of_the_same_channels_come_together(session: Session) -> None:
    desk = Desk(session, repeat="24h")
    for name in ("alice", "bob", "carol"):
        desk.finds(finding(name), after=3 * HOUR)
    for _ in range(3 * 24):
        desk.passes(HOUR)
    assert desk.told() == ["first"] * 3 + ["reminder"] * 3
    assert len(desk.last().items) == 3


def test_more_of_the_same_waits_for_the_interval_and_what_is_graver_does_not(session: Session) -> None:
    desk = Desk(session, group_interval="1h")
    desk.finds(finding())
    for number in range(10):
        desk.finds(finding(subject=f"pkg:npm/p{number}", change_id=10 + number), after=3 * MINUTE)
    assert desk.told() == ["first"]
    desk.finds(finding(subject="pkg:npm/q", severity=Severity.HIGH, change_id=30), after=MINUTE)
    assert desk.told() == ["first", "update"]
    assert desk.last().items[0].more_facts > 0


def test_an_alert_that_took_another_route_is_told_to_the_first_one_only_when_it_ends(session: Session) -> None:
    desk = Desk(session)
    at_once = {"match": {"severity": ">=high"}, "channels": ["chat"], "group_wait": "0s", "repeat": "0s"}
    daily = {"channels": ["mail"], "digest": "0 8 * * *"}
    desk.policy = Policy(routes=tuple(map(Route.model_validate, (at_once, daily))))
    desk.finds(state(severity=Severity.MEDIUM), after=timedelta(0))
    desk.passes(2 * HOUR)
    desk.finds(state(severity=Severity.HIGH))
    desk.finds(finding("bob", change_id=2))
    desk.passes(DAY)
    told = desk.last()
    assert desk.told() == ["digest", "first", "digest"]
    assert ([item.title for item in told.items], len(told.still)) == (["bob can now publish express"], 1)
    desk.finds(state(clears=True))
    desk.finds(finding("carol", change_id=3))
    desk.passes(DAY)
    assert desk.told()[3:] == ["resolved", "digest"]
    assert "resolved" in {item.state for item in desk.last().items}


def test_an_update_is_called_by_its_news_and_leads_with_it(desk: Desk) -> None:
    domain: dict[str, Any] = {
        "subject": "domain:x.example",
        "cause": "domain:x.example",
        "lasting": True,
        "severity": Severity.HIGH,
    }
    desk.finds(finding(kind="domain-expiring", title="x.example expires in 6 days", **domain))
    later = NOW + 90 * MINUTE
    desk.finds(finding(kind="domain-expired", title="x.example has expired", change_id=2, at=later, **domain))
    told = desk.last()
    assert told.title == "Update: x.example has expired"
    assert [fact.title for fact in told.items[0].facts] == ["x.example has expired", "x.example expires in 6 days"]
    desk.finds(finding("bob", title="x.example is registered until 2027", clears=True, **domain))
    (item,) = desk.last().items
    assert (item.state, item.note) == ("resolved", "x.example is registered until 2027")


def test_a_state_that_a_person_resolved_is_known_to_hold_until_it_ends(desk: Desk) -> None:
    desk.finds(state())
    assert holding(desk.session, "source-down:") == {"source:npm.example"}
    acting.resolve(desk.session, [1], who="bob", note="", now=desk.now)
    assert holding(desk.session, "source-down:") == {"source:npm.example"}
    desk.finds(state(clears=True))
    assert holding(desk.session, "source-down:") == set()


def test_what_grew_graver_before_its_digest_came_is_told_at_once_and_once(session: Session) -> None:
    desk = Desk(session)
    at_once = {"match": {"severity": ">=high"}, "channels": ["chat"], "group_wait": "0s", "repeat": "0s"}
    daily = {"channels": ["mail"], "digest": "0 8 * * *"}
    desk.policy = Policy(routes=tuple(map(Route.model_validate, (at_once, daily))))
    desk.finds(finding(), finding("bob"), after=2 * HOUR)
    assert desk.told() == []
    desk.finds(finding(kind="install-script-added", severity=Severity.HIGH, change_id=2))
    for _ in range(30):
        desk.passes(HOUR)
    assert desk.told() == ["first", "digest"]
    assert [item.title for item in desk.last().items] == ["bob can now publish express"]


def test_trouble_with_a_channel_is_told_on_another_at_once_rather_than_in_a_digest(session: Session) -> None:
    desk = Desk(session)
    channels = tuple(
        Channel.model_validate({"name": name, "url": f"json://{name}.example/"}) for name in ("chat", "mail")
    )
    at_once = {"match": {"severity": ">=high"}, "channels": ["chat"]}
    weekly = {"channels": ["mail"], "digest": "0 8 * * mon"}
    desk.policy = Policy(routes=tuple(map(Route.model_validate, (at_once, weekly))), channels=channels)
    desk.finds(state("channel:chat", kind="delivery-failing", severity=Severity.HIGH))
    rows = session.exec(select(Delivery)).all()
    assert [(row.channel, row.kind) for row in rows] == [("mail", "first")]


def test_the_end_of_a_state_waits_for_the_next_message_and_is_told_there_once(session: Session) -> None:
    desk = Desk(session, repeat="24h")
    desk.finds(state(severity=Severity.HIGH))
    opened = desk.now - MINUTE
    desk.finds(state(severity=Severity.HIGH, clears=True))
    desk.passes(6 * HOUR)
    assert desk.told() == ["first"]
    desk.finds(finding())
    assert desk.told() == ["first", "first"]
    told = desk.last()
    # It is called by its news, and as grave as that; the end refers to what people heard.
    assert (told.title, told.severity) == ("alice can now publish express (1 resolved)", "medium")
    assert [(item.state, item.opened_at) for item in told.items] == [
        ("open", desk.now - MINUTE),
        ("resolved", opened),
    ]
    acting.acknowledge(session, [2], who="bob", note="", until=None, now=desk.now)
    desk.passes(40 * HOUR)
    assert len(desk.told()) == 2
    assert not anything_due(session, desk.now + 100 * DAY)


def test_an_end_that_finds_no_company_is_told_when_a_reminder_would_have_been(session: Session) -> None:
    desk = Desk(session, repeat="24h")
    desk.finds(state())
    desk.finds(state(clears=True))
    desk.passes(23 * HOUR)
    assert desk.told() == ["first"]
    desk.passes(HOUR)
    assert desk.told() == ["first", "resolved"]


def test_the_end_of_something_critical_is_told_at_once_and_takes_the_others_along(session: Session) -> None:
    desk = Desk(session, repeat="24h")
    desk.finds(state("source:a.example"), state("source:b.example", severity=Severity.CRITICAL))
    desk.finds(state("source:a.example", clears=True))
    desk.finds(state("source:b.example", clears=True))
    assert desk.told() == ["first", "first", "resolved"]
    assert [item.subject for item in desk.last().items] == ["source:b.example", "source:a.example"]


def test_nothing_goes_along_with_what_is_critical(session: Session) -> None:
    desk = Desk(session, repeat="24h")
    desk.finds(state())
    desk.finds(state(clears=True))
    desk.finds(finding(severity=Severity.CRITICAL))
    assert [item.title for item in desk.last().items] == ["alice can now publish express"]
    desk.finds(finding("bob", change_id=2))
    assert [item.state for item in desk.last().items] == ["open", "resolved"]


def test_a_person_ends_what_nobody_acknowledged_and_others_hear_at_once(session: Session) -> None:
    desk = Desk(session, repeat="24h")
    desk.finds(finding(), finding("bob"))
    acting.resolve(session, [1], who="carol", note="", now=desk.now)
    desk.passes(MINUTE)
    assert desk.told() == ["first", "first", "resolved"]
    acting.acknowledge(session, [2], who="carol", note="", until=None, now=desk.now)
    acting.resolve(session, [2], who="carol", note="", now=desk.now)
    desk.passes(HOUR)
    assert len(desk.told()) == 3
    desk.passes(24 * HOUR)
    assert desk.told()[3:] == ["resolved"]


@pytest.mark.parametrize(("severity", "along"), [(Severity.MEDIUM, True), (Severity.HIGH, False)])
def test_a_reminder_goes_along_with_news_that_are_as_grave(session: Session, severity: Severity, along: bool) -> None:
    desk = Desk(session, repeat="24h")
    desk.finds(finding(severity=severity))
    desk.finds(finding("bob", change_id=2), after=15 * HOUR)
    told = desk.last()
    assert [line.title for line in told.still] == ["alice can now publish express"] * along
    assert told.title == "bob can now publish express" + " (1 still open)" * along
    desk.passes(9 * HOUR)
    assert desk.told() == ["first", "first"] + ["reminder"] * (not along)


def test_nobody_is_reminded_of_what_has_only_just_arrived(session: Session) -> None:
    desk = Desk(session, repeat="24h")
    desk.arrives = False
    desk.finds(finding())
    desk.passes(22 * HOUR)
    desk.arrives = True
    desk.passes(HOUR)
    for _ in range(23):
        desk.passes(HOUR)
    assert desk.told() == ["first"]
    desk.passes(HOUR)
    assert desk.told() == ["first", "reminder"]


def test_an_end_that_waits_for_company_outlives_an_escalation(session: Session) -> None:
    desk = Desk(session, repeat="24h", group_by=["owner"], escalate={"after": "3h", "channels": ["boss"]})
    desk.finds(finding(), state())
    desk.finds(state(clears=True))
    for _ in range(26):
        desk.passes(HOUR)
    assert desk.told() == ["first", "escalation", "resolved"]
