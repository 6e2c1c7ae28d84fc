"""What others published, to stand beside what is counted here: each figure with its source and how far it is checked.

Nothing is invented: a figure that was published nowhere is missing here. What is ``UNVERIFIED``
could not be found again; the study's own cut-offs for W4 to W6 are not known.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct


class Source(Struct, frozen=True):
    key: str
    title: str
    doi: str
    packages: int


class Standing(StrEnum):
    """How a figure came here."""

    ABSTRACT = "abstract"
    """From the publication's own abstract."""
    QUOTED = "quoted"
    """From texts that quote the publication."""
    DERIVED = "derived"
    """Worked out here from two published figures."""
    UNVERIFIED = "unverified"
    """Believed, and not found again."""


STUDY: Final = Source(
    "study",
    "Zahan, Zimmermann, Godefroid, Murphy, Maddila, Williams: What are Weak Links in the npm Supply Chain? "
    "ICSE-SEIP 2022",
    "10.1145/3510457.3513044",
    1_630_101,
)
CENSUS: Final = Source("census", "npm registry census, August 2026", "10.5281/zenodo.22128843", 4_296_340)
SOURCES: Final = (STUDY, CENSUS)


class Published(Struct, frozen=True):
    """One published figure of one measure."""

    measure: str
    statistic: str
    """``count``, ``percent``, ``mean``, ``max`` or ``top-1-mean``."""
    value: float
    source: Source
    standing: Standing


FIGURES: Final = (
    Published("maintainers-on-expired-domains", "count", 2_818, STUDY, Standing.ABSTRACT),
    Published("packages-on-expired-domains", "count", 8_494, STUDY, Standing.ABSTRACT),
    Published("packages-on-expired-domains", "percent", 0.52, STUDY, Standing.DERIVED),
    Published("packages-on-expired-domains", "mean-dependents", 2.43, STUDY, Standing.QUOTED),
    Published("install-scripts", "count", 33_249, STUDY, Standing.QUOTED),
    Published("install-scripts", "percent", 2.2, STUDY, Standing.QUOTED),
    Published("install-scripts", "count", 74_664, CENSUS, Standing.QUOTED),
    Published("install-scripts", "percent", 1.74, CENSUS, Standing.QUOTED),
    Published("unmaintained", "percent", 58.7, STUDY, Standing.QUOTED),
    Published("unmaintained", "percent", 65.8, CENSUS, Standing.QUOTED),
    Published("inactive-maintainers", "percent", 44.3, STUDY, Standing.QUOTED),
    Published("no-maintainer", "percent", 4.0, CENSUS, Standing.QUOTED),
    Published("one-maintainer", "percent", 84.9, CENSUS, Standing.QUOTED),
    Published("maintainers-per-package", "mean", 1.46, CENSUS, Standing.QUOTED),
    Published("maintainers-per-package", "max", 830, CENSUS, Standing.QUOTED),
    Published("maintainers-per-package", "top-1-mean", 32.4, STUDY, Standing.QUOTED),
    Published("contributors-per-package", "top-1-mean", 40, STUDY, Standing.QUOTED),
    Published("packages-per-maintainer", "top-1-mean", 180.3, STUDY, Standing.UNVERIFIED),
    Published("packages-per-maintainer", "top-1-mean-dependents", 4_010, STUDY, Standing.UNVERIFIED),
)

MAINTAINERS_OF_PACKAGES: Final = {0: 4.0, 1: 84.9, 2: 4.3, 3: 1.9, 4: 1.4, 5: 0.8, 6: 2.5}
"""Percent of packages by the number of their maintainers in the census; the last is that many or more."""
