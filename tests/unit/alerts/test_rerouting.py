"""A channel that is renamed while something waits to be told: it is told under the new name, and once."""

from __future__ import annotations

from config.severity import Severity
from tests.unit.alerts.desk import DAY, HOUR, Desk, finding, state


def test_the_end_of_an_alert_is_told_where_the_channel_is_called_otherwise_by_now(desk: Desk) -> None:
    desk.names_channels("team", repeat="24h")
    desk.finds(state(severity=Severity.CRITICAL))
    desk.names_channels("people", repeat="24h")
    desk.finds(state(clears=True))
    desk.passes(DAY)
    assert desk.heard() == [("first", "team"), ("resolved", "people")]


def test_a_digest_that_waits_goes_where_the_channel_is_called_otherwise_by_now(desk: Desk) -> None:
    desk.names_channels("team", digest="0 9 * * *")
    desk.finds(finding())
    desk.names_channels("people", digest="0 9 * * *")
    desk.passes(DAY)
    assert desk.heard() == [("digest", "people")]


def test_an_escalation_goes_to_a_channel_that_is_there(desk: Desk) -> None:
    desk.names_channels("team", "boss", channels=["team"], escalate={"after": "2h", "channels": ["boss"]})
    desk.finds(finding())
    desk.names_channels("team", "chief", channels=["team"], escalate={"after": "2h", "channels": ["chief"]})
    desk.passes(3 * HOUR)
    assert desk.heard() == [("first", "team"), ("escalation", "chief")]


def test_an_end_is_told_to_those_who_heard_although_the_route_was_edited_meanwhile(desk: Desk) -> None:
    desk.names_channels("team", "others", channels=["team"])
    desk.finds(state(severity=Severity.CRITICAL))
    desk.names_channels("team", "others", channels=["others"])
    desk.finds(state(clears=True))
    desk.passes(DAY)
    assert desk.heard() == [("first", "team"), ("resolved", "team")]


def test_what_no_route_wants_any_more_is_told_to_those_who_are_left(desk: Desk) -> None:
    desk.names_channels("team", "boss", repeat="24h")
    desk.finds(state(severity=Severity.CRITICAL))
    desk.names_channels("boss", match={"kind": "domain-expired"})
    desk.finds(state(clears=True))
    desk.passes(DAY)
    assert desk.heard()[2:] == [("resolved", "boss")]
