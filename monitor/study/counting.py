"""What is counted over a whole registry: the columns that the intake wrote, through Polars' streaming engine."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import polars as pl
from msgspec import Struct

from monitor.study.distribution import Distribution
from monitor.study.faults import NAMED, Fault, Faults

DAY: Final = 86_400


class Tally(Struct, frozen=True):
    """How many of the things of which it is known; the others are unknown."""

    holds: int
    known: int
    unknown: int

    @property
    def percent(self) -> float | None:
        return 100 * self.holds / self.known if self.known else None


class Counts(Struct, frozen=True, kw_only=True):
    """All that the study knows of a set of packages."""

    packages: int
    maintainers: int
    expired_maintainers: Tally
    expired_packages: Tally
    expired_dependents: Distribution
    """Direct dependents of the packages in ``expired_packages``."""
    install_scripts: Tally
    unmaintained: Tally
    inactive_maintainers: Tally
    unmaintained_by_inactive: Tally
    """No release for so long, and each maintainer is inactive."""
    maintainers_per_package: Distribution
    contributors_per_package: Distribution
    packages_per_maintainer: Distribution
    """The other number: direct dependents of all packages of a maintainer."""
    days_since_release: Distribution
    newest_release: datetime | None


def count(folder: Path, at: datetime, inactive_after: timedelta, faults: Faults) -> Counts:
    """Count what lies in ``folder`` (``monitor.study.intake``), as of ``at``; notes packages that come twice.

    A package is unmaintained without a release for ``inactive_after``; a maintainer is inactive when all packages that
    he can publish are. Of a maintainer with a package of unknown age, and none with a recent release, nothing is known.
    """
    packages, seats = _distinct(folder, faults)
    moment = int(at.timestamp())
    cut = moment - int(inactive_after.total_seconds())
    _accounts(seats, cut).sink_parquet(folder / "accounts.parquet", compression="lz4")
    accounts = pl.scan_parquet(folder / "accounts.parquet")
    stale = pl.col("last") <= cut
    figures = _row(
        packages.select(
            packages=pl.len(),
            newest=pl.col("last").max(),
            **_tally("install", pl.col("install_script")),
            **_tally("expired", pl.col("expired")),
            **_tally("stale", stale),
        )
    )
    people = _row(
        accounts.select(
            maintainers=pl.len(), **_tally("expired", pl.col("expired")), **_tally("inactive", pl.col("inactive"))
        )
    )
    both = _row(_abandoned(packages, seats, accounts, cut).select(**_tally("both", pl.col("abandoned"))))
    newest = figures["newest"]
    return Counts(
        packages=figures["packages"],
        maintainers=people["maintainers"],
        expired_maintainers=_read_tally(people, "expired"),
        expired_packages=_read_tally(figures, "expired"),
        expired_dependents=_histogram(packages.filter("expired"), pl.col("dependents")),
        install_scripts=_read_tally(figures, "install"),
        unmaintained=_read_tally(figures, "stale"),
        inactive_maintainers=_read_tally(people, "inactive"),
        unmaintained_by_inactive=_read_tally(both, "both"),
        maintainers_per_package=_histogram(packages, pl.col("people")),
        contributors_per_package=_histogram(packages, pl.col("contributors")),
        packages_per_maintainer=_portfolios(accounts),
        days_since_release=_histogram(packages, ((moment - pl.col("last")) // DAY).clip(0)),
        newest_release=datetime.fromtimestamp(newest, at.tzinfo) if newest is not None else None,
    )


def _distinct(folder: Path, faults: Faults) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Packages and seats without the later records of a package that was read before."""
    packages = pl.scan_parquet(folder / "packages-*.parquet")
    seats = pl.scan_parquet(folder / "seats-*.parquet")
    names = packages.group_by("name").agg(first=pl.col("place").min(), times=pl.len()).filter(pl.col("times") > 1)
    twice = names.collect(engine="streaming")
    if not len(twice):
        return packages, seats
    later = (
        packages.join(twice.lazy(), on="name")
        .filter(pl.col("place") != pl.col("first"))
        .select("place")
        .collect(engine="streaming")["place"]
        .sort()
    )
    faults.note(Fault.DUPLICATE, later.head(NAMED), later.len())
    dropped = later.to_frame().lazy()
    return packages.join(dropped, on="place", how="anti"), seats.join(dropped, on="place", how="anti")


def _accounts(seats: pl.LazyFrame, cut: int) -> pl.LazyFrame:
    """A row for each maintainer."""
    last, expired = pl.col("last"), pl.col("expired")
    return seats.group_by("name").agg(
        packages=pl.len().cast(pl.Int64),
        dependents=pl.col("dependents").sum(),
        dependents_known=pl.col("dependents").count() > 0,
        expired=pl.when(expired.any()).then(True).when(expired.null_count() == 0).then(False),
        inactive=pl.when(last.max() > cut).then(False).when(last.null_count() == 0).then(True),
    )


def _abandoned(packages: pl.LazyFrame, seats: pl.LazyFrame, accounts: pl.LazyFrame, cut: int) -> pl.LazyFrame:
    """Whether each package is unmaintained and has maintainers, all of them inactive."""
    inactive, people = pl.col("inactive"), pl.col("people")
    silent = seats.filter(pl.col("last") <= cut).join(accounts.select("name", "inactive"), on="name")
    of_package = silent.group_by("place").agg(
        # One who is active settles it, however little is known of the others.
        awake=(~inactive).any(),
        asleep=inactive.null_count() == 0,
    )
    stale = packages.filter(pl.col("last") <= cut).select("place", "people").join(of_package, on="place", how="left")
    judged = stale.select(
        abandoned=pl.when((people == 0) | pl.col("awake"))
        .then(False)
        .when(people.is_not_null() & pl.col("asleep"))
        .then(True)
    )
    others = packages.filter((pl.col("last") > cut) | pl.col("last").is_null()).select(
        # Without maintainers there is none to be inactive, whatever its age.
        abandoned=pl.when((pl.col("last") > cut) | (people == 0)).then(False)
    )
    return pl.concat([judged, others])


def _tally(name: str, holds: pl.Expr) -> dict[str, pl.Expr]:
    return {f"{name}_holds": holds.sum(), f"{name}_known": holds.count(), f"{name}_unknown": holds.null_count()}


def _read_tally(row: dict[str, Any], name: str) -> Tally:
    return Tally(*(int(row[f"{name}_{part}"] or 0) for part in ("holds", "known", "unknown")))


def _row(query: pl.LazyFrame) -> dict[str, Any]:
    return query.collect(engine="streaming").row(0, named=True)


def _histogram(table: pl.LazyFrame, value: pl.Expr) -> Distribution:
    bins = table.select(value=value).drop_nulls().group_by("value").len().collect(engine="streaming")
    return Distribution(bins.iter_rows())


def _portfolios(accounts: pl.LazyFrame) -> Distribution:
    known = pl.col("dependents_known")
    bins = (
        accounts.group_by("packages")
        .agg(pl.len(), total=pl.col("dependents").filter(known).sum(), known=known.sum())
        .collect(engine="streaming")
    )
    return Distribution(
        ((packages, size) for packages, size, _, _ in bins.iter_rows()),
        {packages: (total, of) for packages, _, total, of in bins.iter_rows()},
    )
