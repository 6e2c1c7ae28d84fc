"""What is published about a package, for ``show``, the pages and export."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlmodel import Session

from monitor.advisories.model import Advisory
from monitor.changes.advisories import evidence
from monitor.spans import iso
from monitor.store import advisories as rows
from monitor.store.tables import AdvisoryAsked
from monitor.store.targets import subjects_of


def advisories_of(session: Session, target: int, subject: str) -> list[dict[str, Any]] | None:
    """The advisories that hold for a package, the gravest first; None where nobody could be asked."""
    if session.get(AdvisoryAsked, target) is None:
        return None
    return rows_of(session, {target: subject})


def rows_of(session: Session, subjects: dict[int, str]) -> list[dict[str, Any]]:
    """The advisories that hold for these packages, the gravest first."""
    held = rows.standings(session, subjects)
    standing = [(target, one) for target, by_key in held.items() for one in by_key.values()]
    texts = rows.load(session, {one.standing.ids[0] for _, one in standing})
    standing.sort(key=lambda pair: (-pair[1].standing.severity, subjects[pair[0]], pair[1].standing.key))
    return [_row(subjects[target], one, texts) for target, one in standing]


def _row(subject: str, held: rows.Held, texts: dict[str, Advisory]) -> dict[str, Any]:
    standing = held.standing
    about = evidence(standing, texts.get(standing.ids[0]) or Advisory(id=standing.ids[0]), subject)
    return {
        "subject": subject,
        "id": about["id"],
        "aliases": list(dict.fromkeys([*standing.ids[1:], *about["aliases"]])),
        "severity": str(standing.severity),
        "malicious": standing.malicious,
        "use": standing.use or "unknown",
        "summary": about["summary"],
        "affected": about["affected"],
        "fixed": about["fixed"],
        "published_at": about["published_at"],
        "modified_at": about["modified_at"],
        "known_since": iso(held.since),
        "watches": about["use"],
    }


def named(session: Session) -> Iterable[dict[int, str]]:
    """The watched packages that some advisory names, some hundreds at a time."""
    targets = rows.with_standings(session)
    for start in range(0, len(targets), 500):
        yield subjects_of(session, targets[start : start + 500])
