"""W5: too many people are named as contributors."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import UNSET, UnsetType

from config.names import short_form
from config.severity import Severity
from monitor.observations import Package
from monitor.signals.model import Holds, Signal


def contributors(package: Package) -> int | UnsetType:
    """How many contributors the metadata names."""
    return UNSET if package.contributors is UNSET else len(package.contributors)


def _says(subject: str, holds: Holds, _now: datetime) -> str:
    return f"{short_form(subject)} names {holds.value} contributors"


SIGNAL: Final = Signal(
    id="W5",
    name="too many contributors",
    about=("package",),
    severity=Severity.INFO,
    source="npm: the contributors that the latest manifest names. PyPI tells none.",
    threshold="thresholds.contributors, and thresholds.percentile of the watched packages once a hundred are watched.",
    says=_says,
    means="The more people's work goes in, the harder it is to review all of it.",
    not_means="That many hands are bad: most projects name nobody, and a long list often shows a healthy one. The "
    "people that the study asked did not take this one for a danger.",
    advice="Nothing by itself.",
)
