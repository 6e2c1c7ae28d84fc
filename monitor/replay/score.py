"""What a replay showed beside what was expected: recall, precision, when the first grave alert came. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from config.severity import Severity
from monitor.replay.timelines import NOTHING_VISIBLE, Timeline
from monitor.schedule import CONFIRM_AFTER


class Raised(Struct, frozen=True):
    """An alert of severity high or above, at the moment when it became so."""

    at: datetime
    severity: Severity
    subject: str
    title: str
    reason: str
    kinds: list[str]

    def told(self) -> dict[str, Any]:
        return {"at": self.at, "severity": str(self.severity), "subject": self.subject, "title": self.title}


class Score(Struct, frozen=True):
    """What one timeline showed."""

    id: str
    expected: list[str]
    raised: list[str]
    missed: list[str]
    shown_at: datetime | None
    """When the first expected kind was seen, however grave; None where none was."""
    first_alert: Raised | None
    """The first grave alert that is no false alarm; the first of all where every one is."""
    grave: list[Raised]
    false_alarms: list[Raised]
    package_years: float

    @property
    def in_time(self) -> bool:
        """Whether a grave alert came with the first observation that showed an expected kind, or before it.

        A second look counts with the first: it is part of the same check.
        """
        right = [one for one in self.grave if one not in self.false_alarms]
        return bool(right) and self.shown_at is not None and right[0].at <= self.shown_at + CONFIRM_AFTER


def score(
    timeline: Timeline, *, kinds: Mapping[str, datetime], raised: Sequence[Raised], package_years: float
) -> Score:
    """``kinds`` tells when each kind was first seen, ``raised`` the grave alerts in order."""
    expected = [kind for kind in dict.fromkeys(timeline.expect) if kind != NOTHING_VISIBLE]
    false = [one for one in raised if _is_false(one, timeline, set(expected))]
    right = [one for one in raised if one not in false]
    return Score(
        id=timeline.id,
        expected=expected,
        raised=sorted(kinds),
        missed=[kind for kind in expected if kind not in kinds],
        shown_at=min((kinds[kind] for kind in expected if kind in kinds), default=None),
        first_alert=next(iter([*right, *raised]), None),
        grave=list(raised),
        false_alarms=false,
        package_years=package_years,
    )


STRONGER: Final = {
    "ownership-replaced": {"maintainer-added", "maintainer-removed"},
    "package-removed": {"version-unpublished"},
    "domain-unregistered": {"domain-expired"},
}
"""Kinds that say more than those which a timeline may expect in their place."""


def _is_false(alert: Raised, timeline: Timeline, expected: set[str]) -> bool:
    early = timeline.quiet_until is not None and alert.at < timeline.quiet_until
    told = set(alert.kinds).union(*(STRONGER.get(kind, ()) for kind in alert.kinds))
    return early or not expected & told


def total(scores: Sequence[Score]) -> dict[str, Any]:
    """The document of design, 7: the timelines and the totals over all of them."""
    expected = sum(len(one.expected) for one in scores)
    missed = sum(len(one.missed) for one in scores)
    high = sum(len(one.grave) for one in scores)
    false = sum(len(one.false_alarms) for one in scores)
    years = sum(one.package_years for one in scores)
    return {
        "timelines": [
            {
                "id": one.id,
                "expected": one.expected,
                "raised": one.raised,
                "missed": one.missed,
                "first_alert": one.first_alert.told() if one.first_alert else None,
                "false_alarms": [{**alarm.told(), "kinds": alarm.kinds} for alarm in one.false_alarms],
            }
            for one in scores
        ],
        "recall": (expected - missed) / expected if expected else None,
        "precision": (high - false) / high if high else None,
        "package_years": round(years, 3),
        "high_alerts": high,
        "high_alerts_per_package_year": high / years if years else None,
    }
