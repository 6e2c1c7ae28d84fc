"""W4: too many accounts can publish one package."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import UNSET, UnsetType

from config.names import short_form
from config.severity import Severity
from monitor.accounts import is_person
from monitor.observations import Package
from monitor.signals.model import Holds, Signal


def maintainers(package: Package) -> int | UnsetType:
    """How many people can publish it."""
    return UNSET if package.maintainers is UNSET else sum(map(is_person, package.maintainers))


def _says(subject: str, holds: Holds, _now: datetime) -> str:
    return f"{short_form(subject)} can be published by {holds.value} accounts, each of them alone"


SIGNAL: Final = Signal(
    id="W4",
    name="too many maintainers",
    about=("package",),
    severity=Severity.INFO,
    source="The maintainers that the registry lists; shared pseudo-accounts do not count.",
    threshold="thresholds.maintainers, and thresholds.percentile of the watched packages once a hundred are watched.",
    says=_says,
    means="The weakest of these accounts is enough to reach everybody who installs it.",
    not_means="That a smaller team is safer: one that hardly anybody looks after is another weak link. The people that "
    "the study asked did not take this one for a danger.",
    advice="Nothing by itself; ask the project to remove accounts that no longer publish.",
)
