"""Search over names, addresses, and what happened: a few bounded scans, quick at tens of thousands of targets."""

from __future__ import annotations

import re
from typing import Any, Final

from sqlalchemy import case, func, select
from sqlmodel import Session, col

from alerts.model import Alert
from config.severity import Severity
from monitor.queries.targets import like, named_like
from monitor.queries.watchlist import pairs
from monitor.store.tables import Membership, Target

MOST: Final = 20
"""Results of each sort."""
LONGEST: Final = 200
"""Characters of a question that are looked for."""


def search(session: Session, text: str, most: int = MOST) -> dict[str, list[dict[str, Any]]]:
    """Packages, accounts, domains, addresses, watches and alerts whose names have ``text`` in them.

    What begins with it comes first, then the shorter names.
    """
    wanted = text.strip()[:LONGEST]
    found: dict[str, list[dict[str, Any]]] = {"targets": [], "addresses": [], "watches": [], "alerts": []}
    if not wanted:
        return found
    bare = _SORTS.sub("", wanted) or wanted
    subject, first = col(Target.subject), bare.replace("@", "%40")
    begins = case(
        (subject.in_([f"{one}{first}" for one in _PREFIXES]), 0),
        *((subject.ilike(f"{one}{like(first)[1:]}", escape="\\"), 1) for one in _PREFIXES),
        else_=2,
    )
    rows = session.execute(
        select(subject, col(Target.sort), col(Target.due_at))
        .where(named_like(bare))
        .order_by(begins, func.length(subject), subject)
        .limit(most)
    )
    found["targets"] = [{"subject": r.subject, "sort": r.sort, "watched": r.due_at is not None} for r in rows]
    addresses = session.execute(
        select(col(Membership.email), col(Membership.account))
        .where(col(Membership.email).ilike(like(wanted), escape="\\"))
        .distinct()
        .order_by(col(Membership.email), col(Membership.account))
        .limit(most)
    )
    found["addresses"] = [{"email": row.email, "account": row.account} for row in addresses]
    folded = wanted.lower()
    found["watches"] = [
        {"watch": watch, "owner": owner}
        for watch, owner in pairs(session)
        if folded in watch.lower() or folded in owner.lower()
    ][:most]
    alerts = session.execute(
        select(col(Alert.id), col(Alert.title), col(Alert.severity), col(Alert.state))
        .where(col(Alert.title).ilike(like(wanted), escape="\\"))
        .order_by(col(Alert.id).desc())
        .limit(most)
    )
    found["alerts"] = [
        {"id": row.id, "title": row.title, "severity": str(Severity(row.severity)), "state": row.state}
        for row in alerts
    ]
    return found


_SORTS: Final = re.compile(r"^(domain:|(npm|pypi):~?|pkg:(npm|pypi)/)", re.IGNORECASE)
_PREFIXES: Final = ("pkg:npm/", "pkg:pypi/", "npm:~", "pypi:~", "domain:")
