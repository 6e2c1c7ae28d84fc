"""From alerts to the content of a message."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session

from alerts.findings import Finding, gravity
from alerts.held import findings_of
from alerts.messages.content import Coming, Fact, Item, Line, Message
from alerts.model import Alert, AlertState
from alerts.routing import Policy
from config.names import short_form
from config.severity import Severity

MOST_ITEMS = 25
"""Alerts in one message; more are counted."""
MOST_FACTS = 8
MOST_NAMED = 10
MOST_VERSIONS = 5
MOST_LINKS = 3

MOST_LINES = 15
"""Lines of what is still open, and of what comes up."""

_WORDS = {
    "reminder": "Still open",
    "resolved": "Resolved",
    "update": "Update",
    "reopened": "Again",
    "escalation": "Not acknowledged",
}


def compose(
    session: Session,
    alerts: Sequence[Alert],
    kind: str,
    policy: Policy,
    thread: str,
    now: datetime,
    still: Sequence[Alert] = (),
    coming: Sequence[Coming] = (),
    since: datetime | None = None,
) -> Message:
    """The message that tells these alerts, the gravest first; a digest also lists what is open and what comes up.

    What was found after ``since``, when these people last heard of it, comes before what they know.
    """
    findings = findings_of(session, [alert.id for alert in alerts if alert.id is not None])
    items = tuple(_item(alert, findings.get(alert.id or 0, []), policy, since) for alert in alerts[:MOST_ITEMS])
    days = sorted(coming, key=lambda one: one.at)
    worst = max(Severity(alert.severity) for alert in _going_on(alerts) or alerts)
    return Message(
        kind=kind,
        severity=str(worst),
        title=_title(alerts, items, kind, len(still), len(coming)),
        items=items,
        thread=thread,
        at=now,
        more=max(0, len(alerts) - MOST_ITEMS),
        still=tuple(
            Line(when=one.opened_at, severity=str(Severity(one.severity)), title=one.title, link=_link(one, policy))
            for one in still[:MOST_LINES]
        ),
        more_still=max(0, len(still) - MOST_LINES),
        coming=tuple(Line(when=one.at, severity="info", title=one.title) for one in days[:MOST_LINES]),
        more_coming=max(0, len(days) - MOST_LINES),
        link=f"{policy.page_url}/alerts" if policy.page_url else "",
    )


def first_happened(message: Message, told_before: datetime | None) -> datetime | None:
    """When the first of what this message tells for the first time happened at its source; None if none says so."""
    times = [
        fact.happened_at
        for item in message.items
        if item.state != AlertState.RESOLVED
        for fact in item.facts
        if fact.happened_at is not None and (told_before is None or fact.at > told_before)
    ]
    return min(times, default=None)


def _link(alert: Alert, policy: Policy) -> str:
    return f"{policy.page_url}/alerts/{alert.id}" if policy.page_url else ""


def _going_on(alerts: Sequence[Alert]) -> list[Alert]:
    return [alert for alert in alerts if alert.state != AlertState.RESOLVED]


def _title(alerts: Sequence[Alert], items: Sequence[Item], kind: str, still: int, coming: int) -> str:
    """The subject that says it all: what, of what, how many more."""
    prefix = f"{_WORDS[kind]}: " if kind in _WORDS else ""
    ended = len(alerts) - len(_going_on(alerts))
    if kind == "digest":
        parts = (
            [f"{len(alerts) - ended} new"]
            + [f"{ended} resolved"] * bool(ended)
            + [f"{coming} coming up"] * bool(coming)
        )
        return f"{', '.join(parts)}; the gravest: {items[0].title}"
    # Where all have ended, the title says it of all.
    ended = ended if ended < len(alerts) else 0
    more = len(alerts) - ended - 1
    parts = (
        [f"and {more} more"] * bool(more) + [f"{ended} resolved"] * bool(ended) + [f"{still} still open"] * bool(still)
    )
    return f"{prefix}{items[0].title}" + (f" ({', '.join(parts)})" if parts else "")


def titled(alert: Alert, findings: Sequence[Finding]) -> str:
    """The alert's title, with how many more subjects the same thing happened to."""
    gravest = _gravest(findings)
    alike = {f.subject for f in findings if gravest is not None and f.kind == gravest.kind}
    return f"{alert.title}, and {len(alike) - 1} more" if len(alike) > 1 else alert.title


def _gravest(findings: Sequence[Finding]) -> Finding | None:
    """What most needs an answer: the gravest, and of several the last."""
    return max(findings, key=lambda f: (gravity(f), f.at), default=None)


def _item(alert: Alert, findings: Sequence[Finding], policy: Policy, since: datetime | None) -> Item:
    gravest = _gravest(findings)
    ordered = sorted(findings, key=gravity, reverse=True)
    shown = sorted(ordered, key=lambda f: since is not None and f.at <= since)[:MOST_FACTS]
    return Item(
        alert=alert.id or 0,
        severity=str(Severity(alert.severity)),
        state=alert.state,
        subject=short_form(alert.subject),
        title=titled(alert, findings),
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
                check=str(f.evidence.get("check") or ""),
            )
            for f in shown
        ),
        more_facts=len(findings) - len(shown),
        concerns=_concerns(findings),
        reach=reach_lines(alert.watches),
        link=_link(alert, policy),
        links=tuple(dict.fromkeys(link for f in shown for link in f.links))[:MOST_LINKS],
        opened_at=alert.opened_at,
        ended_by=alert.resolved_by,
        note=alert.note,
    )


def _concerns(findings: Sequence[Finding]) -> tuple[str, ...]:
    """What the findings name in their evidence, in its order: accounts and packages, messages that did not arrive."""
    lines = []
    for what in ("accounts", "packages", "undelivered"):
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


_NEARNESS = ("used", "taken", "", "unused")


def _nearness(reach: Mapping[str, Any]) -> int:
    """Who has the release comes first, then whoever the next update gives it."""
    use = reach.get("use", "")
    return _NEARNESS.index(use) if use in _NEARNESS else len(_NEARNESS)


def reach_lines(watches: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """How each watch is touched, the nearest first."""
    return tuple(map(reach_line, sorted(watches, key=_nearness)))


def reach_line(reach: Mapping[str, Any]) -> str:
    """How a watch is touched: ``shop (web-team): 6.11.0 is in use; through express -> body-parser``."""
    owner = f" ({reach['owner']})" if reach.get("owner") else ""
    via = " -> ".join(reach.get("via") or ())
    way = f"through {via}" if via else ("direct" if reach.get("direct", True) else "indirect")
    release, use = reach.get("release", ""), reach.get("use", "")
    others = [one for one in reach.get("versions") or () if use != "used" or one != release]
    used = f", {_several(others)} in use" if others else ""
    return f"{reach['watch']}{owner}: " + {
        "used": f"{release} is in use; {way}{used}",
        "taken": f"the next update takes {release}; {way}{used}",
        "unused": f"{way}{used}; {release} is not used yet",
    }.get(use, f"{way}{used}")


def _several(versions: Sequence[str]) -> str:
    more = f" and {len(versions) - MOST_VERSIONS} more" if len(versions) > MOST_VERSIONS else ""
    return ", ".join(versions[:MOST_VERSIONS]) + more
