"""The watchlist as a CycloneDX 1.6 bill of materials, with what holds of each component as properties."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

import msgspec
from sqlalchemy import select
from sqlmodel import Session, col

from alerts.model import Alert, AlertState
from config.names import split_purl
from config.severity import Severity
from monitor.queries.signals import signals_json
from monitor.spans import iso
from monitor.store.tables import Target, WatchEntry


def bill(session: Session, now: datetime) -> dict[str, Any]:
    """One component for each version in use of a watched package; one without version where only a name is watched."""
    told: dict[str, list[dict[str, str]]] = {}
    for signal in signals_json(session, now):
        words = f"{signal['signal']}: {signal['value']}"
        told.setdefault(signal["subject"], []).append({"name": "weaklink:signal", "value": words})
    open_ones = select(col(Alert.subject), col(Alert.severity), col(Alert.title)).where(
        col(Alert.state) != AlertState.RESOLVED
    )
    for alert in session.execute(open_ones.order_by(col(Alert.id))):
        words = f"{Severity(alert.severity)}: {alert.title}"
        told.setdefault(alert.subject, []).append({"name": "weaklink:alert", "value": words})
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": iso(now),
            "tools": {"components": [{"type": "application", "name": "weaklink", "version": version("weaklink")}]},
        },
        "components": list(_components(session, told)),
    }


def _components(session: Session, told: Mapping[str, list[dict[str, str]]]) -> Iterable[dict[str, Any]]:
    rows = session.execute(
        select(col(Target.subject), col(WatchEntry.watch), col(WatchEntry.versions))
        .join(WatchEntry, col(WatchEntry.target_id) == col(Target.id))
        .where(col(Target.sort) == "package")
        .order_by(col(Target.subject), col(WatchEntry.watch))
    )
    used: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        for one in msgspec.json.decode(row.versions, type=list[str]) or [""]:
            used.setdefault(row.subject, {}).setdefault(one, []).append(row.watch)
    for subject, versions in used.items():
        for one, watches in sorted(versions.items()):
            yield _component(subject, one, watches, told.get(subject, ()))


def _component(purl: str, release: str, watches: Iterable[str], told: Iterable[dict[str, str]]) -> dict[str, Any]:
    ecosystem, name = split_purl(purl)
    group, _, bare = name.rpartition("/") if ecosystem == "npm" else ("", "", name)
    whole = f"{purl}@{quote(release, safe='')}" if release else purl
    return {
        "type": "library",
        "bom-ref": whole,
        **({"group": group} if group else {}),
        "name": bare,
        **({"version": release} if release else {}),
        "purl": whole,
        "properties": [*({"name": "weaklink:watch", "value": watch} for watch in watches), *told],
    }
