"""What is told, when, and how often: months in milliseconds, by moments that the test chooses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.pool import StaticPool
from sqlmodel import Session, SQLModel, create_engine, select

from alerts.dispatch import due_notifications
from alerts.findings import Finding
from alerts.lifecycle import take
from alerts.model import Alert, Delivery
from alerts.pruning import forget_alerts
from alerts.routing import Policy
from config.settings import Compound, Route
from config.severity import Severity

MONDAY = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def finding(name: str = "alice", **other: Any) -> Finding:
    values: dict[str, Any] = {
        "subject": "pkg:npm/express",
        "kind": "maintainer-added",
        "severity": Severity.HIGH,
        "cause": f"account:npm:~{name}",
        "at": MONDAY,
        "title": f"{name} was added",
        "after": name,
    }
    return Finding(**{**values, **other})


def policy(**route: Any) -> Policy:
    values: dict[str, Any] = {"channels": ["mail"], "group_wait": "30s", "repeat": "0s", **route}
    return Policy(routes=(Route.model_validate(values),))


@pytest.fixture
def session() -> Iterator[Session]:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    SQLModel.metadata.create_all(engine)
    with Session(engine) as opened:
        yield opened
    engine.dispose()


def kinds(session: Session) -> list[str]:
    return [row.kind for row in session.exec(select(Delivery).order_by(Delivery.id))]  # type: ignore[arg-type]


def test_the_same_finding_five_times_is_one_alert_and_one_message(session: Session) -> None:
    for step in range(5):
        take(session, [finding()], recent=[], policy=policy(), now=MONDAY + step * HOUR)
        due_notifications(session, policy(), MONDAY + step * HOUR + MINUTE)
    assert len(session.exec(select(Alert)).all()) == 1
    assert kinds(session) == ["first"]


def test_packages_that_get_one_account_minutes_apart_are_one_message(session: Session) -> None:
    for step in range(12):
        now = MONDAY + step * timedelta(seconds=2)
        take(session, [finding(subject=f"pkg:npm/p{step}")], recent=[], policy=policy(), now=now)
        due_notifications(session, policy(), now)
    due_notifications(session, policy(), MONDAY + MINUTE)
    assert kinds(session) == ["first"]


def test_what_ended_before_it_was_told_is_never_told(session: Session) -> None:
    take(session, [finding()], recent=[], policy=policy(), now=MONDAY)
    take(session, [finding(clears=True)], recent=[], policy=policy(), now=MONDAY + timedelta(seconds=5))
    due_notifications(session, policy(), MONDAY + DAY)
    assert kinds(session) == []


def test_a_finding_that_a_rule_raised_is_raised_once(session: Session) -> None:
    rule = Compound(name="both", all=("maintainer-added", "install-script-added"), reason="Together.")
    with_rule = Policy(routes=policy().routes, compounds=(rule,))
    script = finding(kind="install-script-added", cause="release:1")
    for step, recent in enumerate(([], [script], [script], [script])):
        take(session, [finding()], recent=recent, policy=with_rule, now=MONDAY + step * DAY)
        session.commit()
        due_notifications(session, with_rule, MONDAY + step * DAY + HOUR)
    assert kinds(session) == ["first", "update"]


def test_a_digest_keeps_to_its_times_after_quiet_days(session: Session) -> None:
    daily = policy(digest="0 8 * * *")
    take(session, [finding()], recent=[], policy=daily, now=MONDAY)
    due_notifications(session, daily, MONDAY)
    due_notifications(session, daily, MONDAY + HOUR)
    assert kinds(session) == ["digest"]
    thursday = MONDAY + 3 * DAY + 5 * HOUR
    take(session, [finding("bob")], recent=[], policy=daily, now=thursday)
    due_notifications(session, daily, thursday)
    assert kinds(session) == ["digest"]
    due_notifications(session, daily, MONDAY + 4 * DAY + HOUR)
    assert kinds(session) == ["digest", "digest"]


def test_a_thousand_findings_cost_a_handful_of_statements(session: Session) -> None:
    asked: list[str] = []
    event.listen(session.get_bind(), "before_cursor_execute", lambda _c, _cur, statement, *_: asked.append(statement))
    batch = [finding(f"account{number}") for number in range(1000)]
    assert len(take(session, batch, recent=[], policy=policy(), now=MONDAY)) == 1000
    session.flush()
    assert sum(statement.startswith("SELECT") for statement in asked) < 20
    assert len(asked) < 60


def test_a_group_that_was_forgotten_and_comes_again_is_told_beside_its_old_messages(session: Session) -> None:
    for at in (MONDAY, MONDAY + 400 * DAY):
        (alert,) = take(session, [finding()], recent=[], policy=policy(), now=at)
        assert due_notifications(session, policy(), at + MINUTE) == 1
        session.commit()
        forget_alerts(session, [alert.id or 0])
        session.commit()
    assert kinds(session) == ["first", "first"]
