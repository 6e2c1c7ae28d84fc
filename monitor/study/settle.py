"""From what was read to what is counted: dates become moments, seats become people, addresses become lapsed or not."""

from __future__ import annotations

from collections.abc import Set
from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl
from msgspec import Struct

from config.names import BadName, parse_domain
from monitor.accounts import PSEUDO_ADDRESSES, PSEUDO_NAMES
from monitor.study.faults import NAMED, Fault, Faults
from monitor.study.records import Batch

FIRST_DATE: Final = datetime(2009, 1, 1, tzinfo=UTC)
"""npm's registry opened in 2010, its first packages carry dates of 2009."""
AHEAD: Final = timedelta(days=1)
"""How far ahead of ours the clock of a registry may be."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_USUAL: Final = (
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?Z$"
)


class Rules(Struct, frozen=True):
    """What settling depends on."""

    now: datetime
    expired_domains: frozenset[str] | None = None
    """Expired or unregistered domains, in lower-case A-labels; None: nobody looked."""


def settle(batch: Batch, rules: Rules, faults: Faults) -> Batch:
    """The batch as it is counted.

    Packages: ``last`` (seconds since 1970, null: unknown) instead of a text, ``people`` instead of ``seats`` (pseudo
    accounts and repetitions left out), ``expired`` (one of its maintainers' addresses is on a lapsed domain; null:
    unknown). Seats: a row for each package and account, with what they share of the package.
    """
    packages = _dated(batch.packages, rules, faults)
    seats = _people(batch.seats, rules.expired_domains)
    of_package = seats.group_by("place").agg(
        people=pl.len().cast(pl.Int64), any=pl.col("expired").any(), unknown=pl.col("expired").null_count() > 0
    )
    known = pl.col("seats").is_not_null()
    packages = packages.join(of_package, on="place", how="left").select(
        "place",
        "name",
        "contributors",
        "last",
        "install_script",
        "dependents",
        people=pl.when(known).then(pl.col("people").fill_null(0)),
        # Known empty is known not to be on a lapsed domain.
        expired=pl.when(known & pl.col("any").fill_null(False))
        .then(True)
        .when(known & ~pl.col("unknown").fill_null(False))
        .then(False),
    )
    seats = seats.join(packages.select("place", "last", "dependents"), on="place")
    return Batch(packages, seats)


def _dated(packages: pl.DataFrame, rules: Rules, faults: Faults) -> pl.DataFrame:
    text = pl.col("last_release_at")
    usual = pl.when(text.str.contains(_USUAL)).then(text).str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", strict=False)
    dated = packages.with_columns(last=usual.dt.epoch("s"))
    odd = dated.filter(pl.col("last").is_null() & text.is_not_null())["last_release_at"].unique()
    if odd.len():
        # replace_strict would ask for a default where a text is no date: those stay null.
        read = pl.DataFrame({"last_release_at": odd, "read": pl.Series([_seconds(one) for one in odd], dtype=pl.Int64)})
        dated = dated.join(read, on="last_release_at", how="left", maintain_order="left").with_columns(
            last=pl.coalesce("last", "read")
        )
    last = pl.col("last")
    latest = int((rules.now + AHEAD).timestamp())
    early, future = last < int(FIRST_DATE.timestamp()), last > latest
    for fault, wrong in (
        (Fault.BAD_DATE, last.is_null() & text.is_not_null()),
        (Fault.EARLY_DATE, early),
        (Fault.FUTURE_DATE, future),
    ):
        found = dated.filter(wrong)["place"]
        faults.note(fault, found.head(NAMED), found.len(), column="last_release_at")
    return dated.with_columns(last=pl.when(~(early | future)).then(last))


def _seconds(text: str) -> int | None:
    """A date that is written in another way than the usual one; None for what is none."""
    try:
        read = datetime.fromisoformat(text)
        return ((read if read.tzinfo else read.replace(tzinfo=UTC)) - _EPOCH) // timedelta(seconds=1)
    except (ValueError, OverflowError):
        return None


def _people(seats: pl.DataFrame, expired: Set[str] | None) -> pl.DataFrame:
    """Seats of people: pseudo accounts and repetitions left out, and whether the address is on a lapsed domain."""
    email = pl.col("email").str.strip_chars().str.to_lowercase()
    pseudo = pl.col("name").str.strip_chars().str.to_lowercase().is_in(list(PSEUDO_NAMES))
    pseudo |= email.is_in(list(PSEUDO_ADDRESSES)).fill_null(False)
    people = seats.filter(~pseudo)
    told = pl.col("domain_expired")
    if expired is None:
        people = people.with_columns(expired=told)
    else:
        host = pl.when(email.str.contains("@")).then(email.str.split("@").list.last().str.strip_suffix("."))
        people = people.with_columns(host=pl.when(email.is_not_null()).then(host.fill_null("")))
        hosts = people["host"].drop_nulls().unique()
        lapsed = pl.DataFrame({"host": hosts, "lapsed": [_is_below(one, expired) for one in hosts]}).cast(
            {"lapsed": pl.Boolean}
        )
        people = people.join(lapsed, on="host", how="left").with_columns(expired=pl.coalesce(told, "lapsed"))
    # An account that is listed twice counts once; one lapsed address of two is enough.
    return people.group_by("place", "name").agg(
        expired=pl.when(pl.col("expired").any()).then(True).when(pl.col("expired").null_count() == 0).then(False)
    )


def _is_below(host: str, domains: Set[str]) -> bool:
    """Whether a host is one of the domains or stands below one."""
    if not host.isascii():
        try:
            host = parse_domain(host)
        except BadName:
            return False
    while host:
        if host in domains:
            return True
        host = host.partition(".")[2]
    return False
