"""What people do with alerts, and what alerts do by themselves: months in milliseconds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import update
from sqlalchemy.pool import StaticPool
from sqlmodel import Session, SQLModel, col, create_engine, select

from alerts import acting, reading, silences
from alerts.dispatch import anything_due, due_notifications
from alerts.findings import Finding, Reach
from alerts.lifecycle import REOPEN_WITHIN, holding, take
from alerts.matching import View, parse_match
from alerts.messages.content import Coming, Message
from alerts.model import Alert, Delivery, DeliveryState
from alerts.muting import Inhibition
from alerts.routing import Policy
from alerts.silences import Refused
from config.settings import Channel, Compound, Route
from config.severity import Severity

NOW = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def finding(name: str = "alice", **other: Any) -> Finding:
    values: dict[str, Any] = {
        "subject": "pkg:npm/express",
        "kind": "maintainer-added",
        "severity": Severity.MEDIUM,
        "cause": f"account:npm:~{name}",
        "at": NOW,
        "title": f"{name} can now publish express",
        "after": name,
        "change_id": 1,
        "reach": (Reach(watch="shop", owner="web-team"),),
    }
    return Finding(**{**values, **other})


def state(subject: str = "source:npm.example", **other: Any) -> Finding:
    """A state that is reported again and again, as the watch reports its own troubles."""
    values = {"kind": "source-down", "cause": f"source-down:{subject}", "lasting": True, "change_id": None}
    return finding(subject=subject, title=f"{subject} is down", after=None, **{**values, **other})


class Desk:
    """Alerts over one store, at moments that the test chooses."""

    def __init__(self, session: Session, **route: Any) -> None:
        self.session = session
        self.now = NOW
        told: dict[str, Any] = {"channels": ["mail"], "group_wait": "0s", "group_interval": "0s", "repeat": "0s"}
        self.policy = Policy(
            routes=(Route.model_validate(told | route),),
            inhibitions=(Inhibition(kind="target-failing", by="source:"),),
        )
        self.coming: list[Coming] = []
        self.arrives = True
        """Whether the channels take what they are sent."""

    def finds(self, *findings: Finding, after: timedelta = HOUR) -> list[Alert]:
        self.now += after
        taken = take(self.session, findings, recent=[], policy=self.policy, now=self.now)
        self.passes(MINUTE)
        return taken

    def passes(self, time: timedelta) -> None:
        self.now += time
        if silences.review_due(self.session, self.now):
            silences.review(self.session, self.now)
        if acting.review_due(self.session, self.now, self.policy.settle_after):
            acting.review(self.session, self.now, self.policy.settle_after)
        due_notifications(self.session, self.policy, self.now, lambda _session, _now: self.coming)
        if self.arrives:
            sent = {"state": DeliveryState.SENT, "sent_at": self.now}
            self.session.execute(update(Delivery).where(col(Delivery.sent_at).is_(None)).values(sent))
        self.session.commit()

    def told(self) -> list[str]:
        return [row.kind for row in self.session.exec(select(Delivery).order_by(Delivery.id))]  # type: ignore[arg-type]

    def last(self) -> Message:
        row = self.session.exec(select(Delivery).order_by(Delivery.id.desc())).first()  # type: ignore[union-attr]
        assert row is not None
        return msgspec.json.decode(row.message, type=Message)

    def alert(self) -> dict[str, Any]:
        return reading.alerts_json(self.session)[0]

    def events(self, number: int = 1) -> list[str]:
        return [event["what"] for event in reading.events_json(self.session, number)]

    def silence(self, matcher: str, hours: float = 48, **other: Any) -> Any:
        told: dict[str, Any] = {"reason": "planned", "who": "bob", "starts_at": self.now, "now": self.now}
        ends = self.now + hours * HOUR
        made = silences.add(self.session, parse_match([matcher]), ends_at=ends, **(told | other))
        self.session.commit()
        return made


@pytest.fixture
def session() -> Iterator[Session]:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    SQLModel.metadata.create_all(engine)
    with Session(engine) as opened:
        yield opened
    engine.dispose()


@pytest.fixture
def desk(session: Session) -> Desk:
    return Desk(session)


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
    domain = {"subject": "domain:x.example", "cause": "domain:x.example", "lasting": True}
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
    domain = {"subject": "domain:x.example", "cause": "domain:x.example", "lasting": True, "severity": Severity.HIGH}
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
