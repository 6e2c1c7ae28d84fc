"""W6: one account can publish too many packages."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from config.severity import Severity
from monitor.signals.model import Holds, Signal

SEARCH: Final = "the registry's search"
STORE: Final = "the packages that are watched here"


def _says(subject: str, holds: Holds, _now: datetime) -> str:
    return f"{subject} can publish {holds.value} packages, by {holds.evidence['counted_by']}"


SIGNAL: Final = Signal(
    id="W6",
    name="overloaded maintainer",
    about=("maintainer",),
    severity=Severity.INFO,
    source="npm: the total of the registry's search by maintainer, where it is served; otherwise, and for PyPI, the "
    "packages that are watched here. The evidence says which.",
    threshold="thresholds.packages_per_maintainer, and thresholds.percentile of the watched accounts once a hundred "
    "are watched.",
    says=_says,
    means="One stolen account reaches all of these packages, and nobody looks after so many closely.",
    not_means="That the account is careless: automation publishes for many. Where only watched packages are counted, "
    "the true number is higher. The people that the study asked did not take this one for a danger.",
    advice="Nothing by itself; see weaklink risk --accounts for what would hurt you most.",
)
