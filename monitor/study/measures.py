"""What the study says: one measure after the other, each with its numbers and the published ones. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from config.settings import Thresholds
from monitor.signals.limits import percentile
from monitor.study.counting import Counts, Tally
from monitor.study.distribution import Distribution
from monitor.study.published import FIGURES, Published

PERCENTILES: Final = (50.0, 75.0, 90.0, 95.0, 99.0, 99.9)
TOP: Final = 1.0
"""The study speaks of the top 1 %."""


class Measure(Struct, frozen=True, kw_only=True):
    """One thing that is counted."""

    signal: str
    id: str
    words: str
    of: str
    """What it is a share of, or a distribution over: ``packages`` or ``maintainers``."""
    known: int
    unknown: int
    statistics: dict[str, float | None]
    """``count`` and ``percent``; or ``mean``, ``max``, ``p50`` …, ``top-1-mean``, ``cut``. None: unknown."""
    published: list[Published] = field(default_factory=list)

    def figure(self, statistic: str, source: str) -> Published | None:
        """What a source published of one of the statistics."""
        found = (one for one in self.published if (one.statistic, one.source.key) == (statistic, source))
        return next(found, None)


def measures(counts: Counts, thresholds: Thresholds) -> list[Measure]:
    """All measures, in the order of the signals."""
    return list(_measures(counts, thresholds))


def _measures(counts: Counts, thresholds: Thresholds) -> Iterator[Measure]:
    days = thresholds.inactive_after.days
    yield _share(
        "W1",
        "maintainers-on-expired-domains",
        "maintainers, expired domain",
        "maintainers",
        counts.expired_maintainers,
    )
    yield _share(
        "W1",
        "packages-on-expired-domains",
        "packages of such maintainers",
        "packages",
        counts.expired_packages,
        {"mean-dependents": counts.expired_dependents.mean},
    )
    yield _share("W2", "install-scripts", "packages, install script", "packages", counts.install_scripts)
    yield _share("W3", "unmaintained", f"packages, silent {days} days", "packages", counts.unmaintained)
    yield _share(
        "W3",
        "inactive-maintainers",
        f"maintainers, silent {days} days",
        "maintainers",
        counts.inactive_maintainers,
    )
    yield _share(
        "W3",
        "unmaintained-by-inactive",
        "packages, everybody silent",
        "packages",
        counts.unmaintained_by_inactive,
    )
    yield _spread(
        "W3", "days-since-release", "days since the last release", "packages", counts.days_since_release, counts
    )
    people = counts.maintainers_per_package
    unknown = counts.packages - people.size
    yield _share(
        "W4",
        "no-maintainer",
        "packages, no maintainer",
        "packages",
        Tally(people.at_most(0), people.size, unknown),
    )
    one = people.at_most(1) - people.at_most(0)
    yield _share("W4", "one-maintainer", "packages, one maintainer", "packages", Tally(one, people.size, unknown))
    for signal, id_, noun, of, spread, most in (
        ("W4", "maintainers-per-package", "maintainers", "packages", people, thresholds.maintainers),
        (
            "W5",
            "contributors-per-package",
            "contributors",
            "packages",
            counts.contributors_per_package,
            thresholds.contributors,
        ),
        (
            "W6",
            "packages-per-maintainer",
            "packages",
            "maintainers",
            counts.packages_per_maintainer,
            thresholds.packages_per_maintainer,
        ),
    ):
        cut = percentile(dict(spread.bins), thresholds.percentile)
        least = max(most, cut or 0)
        yield _share(
            signal,
            f"too-many-{id_}",
            f"{of}, {least}+ {noun}",
            of,
            Tally(spread.at_least(least), spread.size, _total(of, counts) - spread.size),
            {"absolute": most, "cut": cut},
        )
        yield _spread(signal, id_, f"{noun} of one {of[:-1]}", of, spread, counts)


def _total(of: str, counts: Counts) -> int:
    return counts.packages if of == "packages" else counts.maintainers


def _share(
    signal: str, id_: str, words: str, of: str, tally: Tally, more: dict[str, float | None] | None = None
) -> Measure:
    known = tally.known > 0
    statistics: dict[str, float | None] = {"count": tally.holds if known else None, "percent": tally.percent}
    return Measure(
        signal=signal,
        id=id_,
        words=words,
        of=of,
        known=tally.known,
        unknown=tally.unknown,
        statistics=statistics | (more or {}),
        published=_published(id_),
    )


def _spread(signal: str, id_: str, words: str, of: str, spread: Distribution, counts: Counts) -> Measure:
    statistics: dict[str, float | None] = {"mean": spread.mean}
    statistics |= {f"p{percent:g}": spread.percentile(percent) for percent in PERCENTILES}
    statistics |= {"max": spread.largest}
    if id_ != "days-since-release":
        statistics |= {"top-1-mean": spread.top_mean(TOP)}
    if signal == "W6":
        statistics |= {"top-1-mean-dependents": spread.top_mean_of_totals(TOP)}
    return Measure(
        signal=signal,
        id=id_,
        words=words,
        of=of,
        known=spread.size,
        unknown=_total(of, counts) - spread.size,
        statistics=statistics,
        published=_published(id_),
    )


def _published(id_: str) -> list[Published]:
    return [one for one in FIGURES if one.measure == id_]
