"""From alerts to the content of a message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session

from alerts.findings import Finding, gravity
from alerts.held import findings_of
from alerts.messages.content import Fact, Item, Message
from alerts.model import Alert, AlertState
from alerts.routing import Policy
from config.names import short_form
from config.severity import Severity

MOST_ITEMS = 25
"""Alerts in one message; more are counted."""
MOST_FACTS = 8
MOST_NAMED = 10

_WORDS = {"reminder": "Still open", "resolved": "Resolved", "update": "Update", "escalation": "Not acknowledged"}


def compose(
    session: Session, alerts: Sequence[Alert], kind: str, policy: Policy, thread: str, now: datetime
) -> Message:
    """The message that tells these alerts, the gravest first."""
    findings = findings_of(session, [alert.id for alert in alerts if alert.id is not None])
    items = tuple(_item(alert, findings.get(alert.id or 0, []), policy) for alert in alerts[:MOST_ITEMS])
    worst = max(Severity(alert.severity) for alert in alerts)
    return Message(
        kind=kind,
        severity=str(worst),
        title=_title(alerts, kind),
        items=items,
        thread=thread,
        at=now,
        more=max(0, len(alerts) - MOST_ITEMS),
    )


def _title(alerts: Sequence[Alert], kind: str) -> str:
    """The subject that says it all: what, of what, how many more."""
    prefix = f"{_WORDS[kind]}: " if kind in _WORDS else ""
    if kind == "digest":
        open_ones = sum(alert.state != AlertState.RESOLVED for alert in alerts)
        return f"{len(alerts)} alerts, {open_ones} open; the gravest: {alerts[0].title}"
    more = f" (and {len(alerts) - 1} more)" if len(alerts) > 1 else ""
    return f"{prefix}{alerts[0].title}{more}"


def _item(alert: Alert, findings: Sequence[Finding], policy: Policy) -> Item:
    gravest = max(findings, key=gravity, default=None)
    shown = sorted(findings, key=gravity, reverse=True)[:MOST_FACTS]
    return Item(
        alert=alert.id or 0,
        severity=str(Severity(alert.severity)),
        state=alert.state,
        subject=short_form(alert.subject),
        title=alert.title,
        why=gravest.why if gravest else "",
        advice=gravest.advice if gravest else "",
        reason=alert.reason,
        facts=tuple(
            Fact(
                kind=f.kind,
                subject=short_form(f.subject),
                title=f.title,
                before=f.before,
                after=f.after,
                at=f.at,
                happened_at=f.happened_at,
            )
            for f in shown
        ),
        concerns=_concerns(findings),
        reach=tuple(reach_line(one) for one in alert.watches),
        link=f"{policy.page_url}/alerts/{alert.id}" if policy.page_url else "",
    )


def _concerns(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Accounts and packages that the findings name in their evidence, in its order: the most exposed first."""
    lines = []
    for what in ("accounts", "packages"):
        lists = [f.evidence[what] for f in findings if isinstance(f.evidence.get(what), list)]
        named = dict.fromkeys(one for told in lists for one in told if isinstance(one, str))
        if named:
            counts = {k: n for f in findings for k, n in (f.evidence.get("dependants") or {}).items()}
            shown = ", ".join(
                short_form(one) + (f" ({counts[one]} known dependants)" if one in counts else "")
                for one in list(named)[:MOST_NAMED]
            )
            more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
            lines.append(f"{what}: {shown}{more}")
    return tuple(lines)


def reach_line(reach: Mapping[str, Any]) -> str:
    """How a watch is touched: ``shop (web-team): express -> qs, 6.11.0 in use``."""
    owner = f" ({reach['owner']})" if reach.get("owner") else ""
    way = " -> ".join(reach.get("via") or ()) or ("direct" if reach.get("direct", True) else "indirect")
    used = ", ".join(reach.get("versions") or ())
    return f"{reach['watch']}{owner}: {way}" + (f", {used} in use" if used else "")
