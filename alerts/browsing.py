"""Alerts and messages a page at a time, the newest first, as filters ask for them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, LargeBinary, Text, cast, func, literal, type_coerce
from sqlmodel import Session, col, select

from alerts.model import Alert, AlertFinding, AlertState, Delivery
from alerts.reading import alerts_json, delivery_json
from config.severity import Severity


class AlertFilter(Struct, frozen=True, kw_only=True):
    """Everything that is stated must hold."""

    state: str = ""
    """``open``, ``acknowledged``, ``silenced``, ``resolved``, or ``unresolved`` for all but the last."""
    severity: Severity = Severity.INFO
    """At least this grave."""
    watch: str = ""
    owner: str = ""
    kind: str = ""
    subjects: tuple[str, ...] = ()
    """About any of these; empty: about anything."""


class Page(Struct, frozen=True):
    """Some rows, and where the next ones begin."""

    rows: list[dict[str, Any]]
    next: int | None = None
    """The ``before`` of the next page; None on the last."""


def alerts_page(session: Session, wanted: AlertFilter, limit: int, before: int | None = None) -> Page:
    """Alerts as ``alerts_json`` tells them."""
    query = select(Alert.id).where(*_conditions(session, wanted)).order_by(col(Alert.id).desc()).limit(limit + 1)
    if before is not None:
        query = query.where(col(Alert.id) < before)
    numbers = [number for number in session.exec(query) if number is not None]
    shown = numbers[:limit]
    return Page(
        rows=alerts_json(session, numbers=shown) if shown else [],
        next=shown[-1] if len(numbers) > limit else None,
    )


def gravest(session: Session, limit: int) -> list[dict[str, Any]]:
    """Open alerts that nobody sees to, the gravest first."""
    query = select(Alert.id).where(*_conditions(session, AlertFilter(state="open")))
    numbers = session.exec(query.order_by(col(Alert.severity).desc(), col(Alert.id).desc()).limit(limit)).all()
    order = {number: place for place, number in enumerate(numbers)}
    found = alerts_json(session, numbers=[number for number in numbers if number is not None])
    return sorted(found, key=lambda one: order[one["id"]])


def _conditions(session: Session, wanted: AlertFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.state == "silenced":
        found += [col(Alert.state) != AlertState.RESOLVED, col(Alert.silence_id).is_not(None)]
    elif wanted.state in {"open", "acknowledged"}:
        found += [col(Alert.state) == wanted.state, col(Alert.silence_id).is_(None)]
    elif wanted.state == "unresolved":
        found.append(col(Alert.state) != AlertState.RESOLVED)
    elif wanted.state:
        found.append(col(Alert.state) == wanted.state)
    if wanted.severity > Severity.INFO:
        found.append(col(Alert.severity) >= int(wanted.severity))
    for name, value in (("watch", wanted.watch), ("owner", wanted.owner)):
        if value:
            found.append(holds(session, col(Alert.watches), {name: value}))
    if wanted.subjects:
        found.append(col(Alert.subject).in_(wanted.subjects))
    if wanted.kind:
        told = select(AlertFinding.alert_id).where(holds(session, col(AlertFinding.body), {"kind": wanted.kind}))
        found.append(col(Alert.id).in_(told))
    return found


def holds(session: Session, column: Any, member: dict[str, str]) -> ColumnElement[bool]:
    """Whether a column of JSON bytes holds this member somewhere; for columns that are otherwise read whole."""
    needle = literal(msgspec.json.encode(member)[1:-1])
    if session.get_bind().dialect.name == "postgresql":
        return func.position(needle.op("IN")(column)) > 0
    return func.instr(column, needle) > 0


def counts(session: Session) -> dict[str, dict[str, int]]:
    """How many alerts are open, acknowledged and silenced, by severity."""
    silenced = col(Alert.silence_id).is_not(None)
    query = (
        select(Alert.state, silenced, Alert.severity, func.count())
        .where(Alert.state != AlertState.RESOLVED)
        .group_by(Alert.state, silenced, Alert.severity)  # type: ignore[arg-type]
    )
    found: dict[str, dict[str, int]] = {"open": {}, "acknowledged": {}, "silenced": {}}
    for state, hidden, severity, number in session.exec(query):
        here = found["silenced" if hidden else str(state)]
        name = str(Severity(severity))
        here[name] = here.get(name, 0) + number
    return found


def deliveries_page(
    session: Session,
    limit: int,
    before: int | None = None,
    *,
    channel: str = "",
    state: str = "",
    alert: int | None = None,
    since: datetime | None = None,
) -> Page:
    """Messages with their outcomes. Those about one alert are looked for from ``since``, when it was opened."""
    query = select(Delivery).order_by(col(Delivery.id).desc())
    if before is not None:
        query = query.where(col(Delivery.id) < before)
    if channel:
        query = query.where(Delivery.channel == channel)
    if state:
        query = query.where(Delivery.state == state)
    if since is not None:
        query = query.where(col(Delivery.created_at) >= since)
    if alert is not None:
        query = query.where(_about(session, alert))
    rows = session.exec(query.limit(limit + 1)).all()
    return Page(
        rows=[delivery_json(row) for row in rows[:limit]],
        next=rows[limit - 1].id if len(rows) > limit else None,
    )


def _about(session: Session, alert: int) -> ColumnElement[bool]:
    """The list of alerts is a JSON array of numbers; commas on both sides end each of them."""
    stored = type_coerce(col(Delivery.alerts), LargeBinary)
    on_postgresql = session.get_bind().dialect.name == "postgresql"
    text = func.convert_from(stored, "UTF8") if on_postgresql else cast(stored, Text)
    return func.replace(func.replace(text, "[", ","), "]", ",").contains(f",{alert},")
