"""Is anything wrong, what is new, what comes up, is the watch well: what one looks at first."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlmodel import Session

from alerts.browsing import counts, gravest
from config.severity import Severity
from monitor.queries.changes import SIGNAL_KINDS, ChangeFilter, changes_page, count_since
from monitor.queries.domains import expiring
from monitor.store.health import status
from monitor.upcoming import AHEAD

MOST_ALERTS: Final = 8
MOST_CHANGES: Final = 12
MOST_COMING: Final = 12
MOST_FAILING: Final = 5


def overview(session: Session, now: datetime, since: datetime) -> dict[str, Any]:
    """What the first page shows; ``since`` is when the visitor was last here."""
    coming = expiring(session, now, AHEAD)
    # Weak links come and go with what is told anyway: one domain that lapses brings dozens.
    notable = ChangeFilter(since=since, severity=Severity.LOW, without=SIGNAL_KINDS)
    return {
        "counts": counts(session),
        "alerts": gravest(session, MOST_ALERTS),
        "new": count_since(session, since),
        "changes": changes_page(session, notable, MOST_CHANGES).rows,
        "coming": coming[:MOST_COMING],
        "more_coming": max(0, len(coming) - MOST_COMING),
        "status": status(session, now, MOST_FAILING),
    }
