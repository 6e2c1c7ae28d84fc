"""Changes in the store: recorded once, read back as findings and as a timeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import insert, select
from sqlmodel import Session, col

from alerts.committed import when_committed
from alerts.findings import Finding, Reach
from config.log import log_of
from config.severity import Severity
from monitor.changes.findings import finding
from monitor.changes.model import Change
from monitor.snapshots import digest, encode
from monitor.store.packages import chunks
from monitor.store.tables import ChangeRow, Membership, Target

log = log_of("changes")

MOST_LOGGED: Final = 20
"""Changes of one check that get a line each in the log."""


class Recorded(msgspec.Struct):
    """A change on its way into the store."""

    target_id: int
    change: Change
    follows: int | None
    """What it came after, so that the same found again later is another change: the snapshot it was compared with,
    the interval of a signal, the day of a burst."""
    related: tuple[str, ...] = ()
    reach: tuple[Reach, ...] = ()


def record_changes(
    session: Session,
    recorded: Sequence[Recorded],
    at: datetime,
    overrides: dict[str, Severity],
    checks: Mapping[int, str] | None = None,
) -> list[Finding]:
    """Store changes that are new, and give each as a finding; one that was recorded before is left out.

    ``checks`` has the id of the check that found what is new of a target, and becomes part of the evidence.
    """
    rows: dict[bytes, tuple[dict[str, Any], Recorded, Finding]] = {}
    for item in recorded:
        change = item.change
        told = finding(change, at=at, reach=item.reach, severity_overrides=overrides)
        check = checks.get(item.target_id, "") if checks else ""
        evidence = {**told.evidence, "check": check} if check else told.evidence
        told = msgspec.structs.replace(told, related=tuple(sorted({*told.related, *item.related})), evidence=evidence)
        body = {
            "before": change.before,
            "after": change.after,
            "evidence": evidence,
            "related": told.related,
        }
        mark = _mark(change, item.follows)
        row = {
            "at": at,
            "happened_at": change.happened_at,
            "target_id": item.target_id,
            "subject": change.subject,
            "kind": change.kind,
            "severity": int(told.severity),
            "version": change.version[:300],
            "account": change.account[:200],
            "body": encode(body),
            "fingerprint": mark,
        }
        rows[mark] = (row, item, told)
    for chunk in chunks(list(rows)):
        for (mark,) in session.execute(select(col(ChangeRow.fingerprint)).where(col(ChangeRow.fingerprint).in_(chunk))):
            del rows[mark]
    if not rows:
        return []
    session.execute(insert(ChangeRow), [row for row, _, _ in rows.values()])
    findings = []
    for chunk in chunks(list(rows)):
        for number, mark in session.execute(
            select(col(ChangeRow.id), col(ChangeRow.fingerprint)).where(col(ChangeRow.fingerprint).in_(chunk))
        ):
            findings.append(msgspec.structs.replace(rows[mark][2], change_id=number))
    findings.sort(key=lambda told: told.change_id or 0)
    _log(session, findings)
    return findings


def _mark(change: Change, follows: int | None) -> bytes:
    """Stands for a change that is recorded once: two tags that move alike are two changes."""
    told = [change.subject, change.kind, change.version, change.account, change.before, change.after, follows]
    return digest(encode([*told, tag] if (tag := change.evidence.get("tag")) else told))


def _log(session: Session, findings: Sequence[Finding]) -> None:
    counts: Counter[str] = Counter()
    for told in findings:
        check = told.evidence.get("check", "")
        counts[check] += 1
        if counts[check] <= MOST_LOGGED:
            when_committed(
                session,
                log.info,
                "change",
                check=check or None,
                change=told.change_id,
                kind=told.kind,
                severity=told.severity,
                subject=told.subject,
                title=told.title,
            )
    for check, count in counts.items():
        if count > MOST_LOGGED:
            when_committed(session, log.info, "more changes", check=check or None, more=count - MOST_LOGGED)


def change_of(row: ChangeRow) -> Change:
    """A stored change as the comparison found it."""
    body = msgspec.json.decode(row.body)
    return Change(
        kind=row.kind,
        subject=row.subject,
        before=body["before"],
        after=body["after"],
        happened_at=row.happened_at,
        version=row.version,
        account=row.account,
        evidence=body["evidence"],
        severity=Severity(row.severity),
    )


def related_of(row: ChangeRow) -> tuple[str, ...]:
    return tuple(msgspec.json.decode(row.body)["related"])


def recent_findings(session: Session, subjects: Iterable[str], since: datetime) -> list[Finding]:
    """What was found about these subjects since then, for rules that join small things."""
    found = []
    for chunk in chunks(sorted(set(subjects))):
        for row in session.scalars(
            select(ChangeRow).where(col(ChangeRow.subject).in_(chunk), col(ChangeRow.at) >= since)
        ):
            told = finding(change_of(row), at=row.at, reach=(), severity_overrides={})
            found.append(msgspec.structs.replace(told, related=related_of(row), change_id=row.id))
    return found


class PublishedRow(msgspec.Struct):
    """A release that was seen to be published."""

    purl: str
    publisher: str
    """Who published it; ``""`` where that is not known."""
    account: str
    """Who published it, or who can."""
    at: datetime


def releases_by(session: Session, ecosystem: str, accounts: Iterable[str], since: datetime) -> list[PublishedRow]:
    """Releases of these accounts, by their names, that were seen to be published since then."""
    found: list[PublishedRow] = []
    for chunk in chunks(sorted(set(accounts))):
        rows = session.execute(
            _CHANGES.join(Target, col(Target.id) == col(ChangeRow.target_id)).where(
                col(ChangeRow.account).in_(chunk),
                col(ChangeRow.kind) == "release-published",
                col(ChangeRow.at) >= since,
                col(Target.source) == ecosystem,
            )
        )
        found += (PublishedRow(row.subject, row.account, row.account, row.happened_at or row.at) for row in rows)
    return found


def releases_behind(session: Session, accounts: Iterable[str], since: datetime) -> list[PublishedRow]:
    """Releases of the packages that these accounts, by their subjects, can publish; one for each of them."""
    people: dict[int, list[str]] = {}
    for chunk in chunks(sorted(set(accounts))):
        members = select(col(Membership.target_id), col(Membership.account)).distinct()
        for target, account in session.execute(
            members.where(col(Membership.account).in_(chunk), col(Membership.role) == "maintainer")
        ):
            people.setdefault(target, []).append(account.partition(":~")[2])
    found: list[PublishedRow] = []
    for targets in chunks(sorted(people)):
        # By target and time; the kind is left to us, since SQLite would take its index instead.
        rows = session.execute(_CHANGES.where(col(ChangeRow.target_id).in_(targets), col(ChangeRow.at) >= since))
        found += (
            PublishedRow(row.subject, row.account, account, row.happened_at or row.at)
            for row in rows
            if row.kind == "release-published"
            for account in people[row.target_id]
        )
    return found


_CHANGES: Final = select(
    col(ChangeRow.target_id),
    col(ChangeRow.subject),
    col(ChangeRow.kind),
    col(ChangeRow.account),
    col(ChangeRow.happened_at),
    col(ChangeRow.at),
)
