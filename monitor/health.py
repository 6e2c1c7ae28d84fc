"""The watch itself: when failing checks and silent sources become something a person must hear."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec.structs import replace
from sqlmodel import Session

from alerts import heartbeat
from alerts.findings import Finding, Reach
from alerts.lifecycle import holding
from alerts.muting import Inhibition
from alerts.outbox import Failing, failing_channels
from config.manifests.reading import Broken
from config.names import short_form
from config.settings import Settings, Thresholds
from config.severity import Severity
from monitor.changes.kinds import KINDS
from monitor.results import Failed
from monitor.schedule import Due
from monitor.sources.politeness import HostHealth
from monitor.store.health import forgotten

CONFIGURATION: Final = "watch:configuration"
MANIFEST: Final = "manifest:"
"""Subjects that are files of the watchlist begin with it."""


def target_failing(failed: Failed, thresholds: Thresholds) -> Finding | None:
    """A target that could not be checked for ``failing_after``; None before that."""
    since = failed.due.failing_since or failed.at
    if failed.at - since < thresholds.failing_after:
        return None
    return _watch_finding(
        "target-failing",
        failed.due.subject,
        failed.at,
        f"{short_form(failed.due.subject)} could not be checked for {_hours(failed.at, since)}",
        evidence={
            "host": failed.host,
            "reason": failed.reason,
            "failing_since": since.isoformat(),
            "failures": failed.due.failures + 1,
            "check": failed.due.check,
        },
        related=(f"source:{failed.host}",),
        cause=f"target-failing:{failed.due.source}",
        quiet=True,
    )


def target_recovered(due: Due, at: datetime) -> Finding | None:
    """Ends what ``target_failing`` told, if it told anything; None for a target that had not failed."""
    if due.failing_since is None:
        return None
    return _watch_finding(
        "target-failing",
        due.subject,
        at,
        f"{short_form(due.subject)} is checked again",
        clears=True,
        cause=f"target-failing:{due.source}",
    )


INHIBITIONS: Final = (Inhibition(kind="target-failing", by="source:"),)
"""While a source is known to be out of reach, that its targets cannot be checked is no news."""


def watch_findings(session: Session, hosts: Sequence[HostHealth], settings: Settings, at: datetime) -> list[Finding]:
    """Sources and channels that have been out of reach for too long, and the ends of what was told of them before.

    Nothing where all is well: it is asked every few seconds.
    """
    return [
        *_sources(hosts, at, settings.thresholds, holding(session, "source-down:"), forgotten(session)),
        *_channels(session, settings, at, holding(session, "delivery-failing:")),
    ]


def _sources(
    hosts: Sequence[HostHealth], at: datetime, thresholds: Thresholds, before: set[str], unasked: frozenset[str]
) -> Iterator[Finding]:
    for name in sorted(unasked):
        if (subject := f"source:{name}") in before:
            title = f"{name} is not asked any more; it did not answer when it last was"
            yield _watch_finding("source-down", subject, at, title, clears=True)
    for host in hosts:
        if host.host in unasked:
            continue
        subject = f"source:{host.host}"
        if host.down_since is None:
            if host.last_ok_at is not None and subject in before:
                yield _watch_finding("source-down", subject, at, f"{host.host} answers again", clears=True)
        elif at - host.down_since >= thresholds.source_down_after:
            yield _watch_finding(
                "source-down",
                subject,
                at,
                f"{host.host} has not answered for {_hours(at, host.down_since)}",
                evidence={"down_since": host.down_since.isoformat(), "reason": host.last_error},
            )


def _channels(session: Session, settings: Settings, at: datetime, before: set[str]) -> Iterator[Finding]:
    names = [*(channel.name for channel in settings.channel), heartbeat.URL]
    failing = failing_channels(session, names, at - settings.thresholds.delivery_failing_after)
    for name, one in failing.items():
        yield _not_delivered(name, one, at)
    for name in sorted({subject.removeprefix("channel:") for subject in before} - failing.keys()):
        yield _watch_finding("delivery-failing", f"channel:{name}", at, f"{name} takes messages again", clears=True)


def config_rejected(problem: str, file: str, at: datetime) -> Finding:
    """An edit of the configuration, or of a manifest, that could not be taken up."""
    return _watch_finding(
        "config-rejected",
        CONFIGURATION,
        at,
        f"The edit of {file} was rejected; the last good configuration stays in force",
        after=problem,
    )


def manifest_findings(
    broken: Iterable[Broken], owners: Mapping[str, str], told: Mapping[str, str], at: datetime
) -> tuple[list[Finding], dict[str, str]]:
    """What is new about manifests that cannot be read, and what is told of them from now on.

    ``told`` has the subject of each that was told before, with what was said.
    """
    now = {f"{MANIFEST}{one.name}"[:400]: one for one in broken}
    findings = [_rejected(subject, one, owners, at) for subject, one in now.items() if told.get(subject) != one.error]
    findings += [
        _watch_finding(
            "config-rejected", subject, at, f"{subject.removeprefix(MANIFEST)} is in order again", clears=True
        )
        for subject in told.keys() - now.keys()
    ]
    return findings, {subject: one.error for subject, one in now.items()}


def _rejected(subject: str, broken: Broken, owners: Mapping[str, str], at: datetime) -> Finding:
    title = f"{broken.name} cannot be read; what it last said stays watched"
    why = "What it said when it could last be read stays watched; what was added since is not."
    if broken.read:
        title = f"{broken.name} names files outside of its project; they are not read"
        why = (
            "What those files ask for is not watched. Whoever can change a project may try to have others' files read."
        )
    found = _watch_finding(
        "config-rejected",
        subject,
        at,
        title,
        after=broken.error,
        evidence={"file": broken.name, "line": broken.line, "mend": broken.mend},
    )
    advice = "Mend what the message names; weaklink config check reads it again."
    return replace(
        found,
        why=why,
        advice=advice,
        reach=tuple(Reach(watch=one, owner=owners.get(one, "")) for one in broken.watches),
    )


def _not_delivered(name: str, one: Failing, at: datetime) -> Finding:
    """As grave as the gravest message that is held up: whoever hears of it hears what the others do not."""
    lost = f", and {one.given_up} messages to it were given up" if one.given_up else ""
    return _watch_finding(
        "delivery-failing",
        f"channel:{name}",
        at,
        f"{name} has taken no message for {_hours(at, one.since)}{lost}: {one.outcome}",
        severity=max(KINDS["delivery-failing"].severity, one.worst),
        evidence={
            "since": one.since.isoformat(),
            "waiting": one.waiting,
            "reason": one.outcome,
            "undelivered": list(one.untold),
        },
    )


def heartbeat_words(status: Mapping[str, Any]) -> str:
    """``1,203 of 1,205 targets fresh; 2 failing; 0 messages waiting; all 3 sources answer``."""
    down = [one["host"] for one in status["sources"] if one["state"] != "up"]
    waiting = sum(count for state, count in status["deliveries"].items() if state in {"pending", "sending"})
    sources = f"not answering: {', '.join(down)}" if down else f"all {len(status['sources'])} sources answer"
    return (
        f"{status['fresh']:,} of {status['targets']:,} targets fresh; {status['failing_count']:,} failing; "
        f"{waiting:,} messages waiting; {sources}"
    )


def config_accepted(at: datetime) -> Finding:
    return _watch_finding("config-rejected", CONFIGURATION, at, "The configuration is good again", clears=True)


def _watch_finding(
    kind: str,
    subject: str,
    at: datetime,
    title: str,
    *,
    severity: Severity | None = None,
    after: str = "",
    evidence: dict[str, object] | None = None,
    related: tuple[str, ...] = (),
    clears: bool = False,
    cause: str = "",
    quiet: bool = False,
) -> Finding:
    entry = KINDS[kind]
    return Finding(
        subject=subject,
        kind=kind,
        severity=entry.severity if severity is None else severity,
        cause=cause or f"{kind}:{subject}",
        at=at,
        title=title,
        after=after or None,
        evidence=evidence or {},
        why=entry.why,
        advice=entry.advice,
        related=related,
        clears=clears,
        lasting=True,
        quiet=quiet,
    )


def _hours(now: datetime, since: datetime) -> str:
    hours = (now - since).total_seconds() / 3600
    return f"{hours:.0f} hours" if hours >= 2 else f"{hours * 60:.0f} minutes"
