"""What the study reads of a package: the columns of its flat record (docs/study.md), and how they are judged.

Every column but ``name`` may be missing or null: it is then unknown for this package, which is counted in neither
numerator nor denominator of what rests on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, NamedTuple

import msgspec
import polars as pl
from msgspec import Meta, Struct

LONGEST_NAME: Final = 300
LONGEST_ADDRESS: Final = 1000
LARGEST_COUNT: Final = 2**31 - 1
MOST_SEATS: Final = 100_000
"""Maintainers of one package; the most that npm has seen are 830."""

Name = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]
Address = Annotated[str, Meta(max_length=LONGEST_ADDRESS)]
Count = Annotated[int, Meta(ge=0, le=LARGEST_COUNT)]


class Seat(Struct, gc=False):
    """One account that can publish the package."""

    name: Name
    email: Address | None = None
    """As published in the metadata; ``""`` where the registry lists the account without one."""
    domain_expired: bool | None = None
    """Whether the domain of that address was expired or unregistered, where the one who made the dump looked."""


class Record(Struct, gc=False):
    """One package."""

    name: Name
    maintainers: Annotated[list[Seat], Meta(max_length=MOST_SEATS)] | None = None
    """``[]``: known to have none."""
    contributors: Count | None = None
    last_release_at: Annotated[str, Meta(max_length=100)] | None = None
    """ISO 8601; UTC where it names no offset."""
    install_script: bool | None = None
    """Whether the latest version runs ``preinstall``, ``install``, ``postinstall`` or an implicit node-gyp build."""
    dependents: Count | None = None
    """Packages that depend on it directly."""


FIELDS: Final[dict[str, Any]] = {field.name: field.type for field in msgspec.structs.fields(Record)}
COLUMNS: Final = tuple(FIELDS)

PACKAGES: Final = pl.Schema(
    {
        "place": pl.Int64(),
        "name": pl.String(),
        "seats": pl.Int64(),
        "contributors": pl.Int64(),
        "last_release_at": pl.String(),
        "install_script": pl.Boolean(),
        "dependents": pl.Int64(),
    }
)
SEATS: Final = pl.Schema(
    {"place": pl.Int64(), "name": pl.String(), "email": pl.String(), "domain_expired": pl.Boolean()}
)


class Batch(NamedTuple):
    """Some records as columns: ``PACKAGES`` a row a package, ``SEATS`` a row a maintainer.

    ``place`` says where a record was read (``monitor.study.faults``); ``seats`` counts its maintainers, null where they
    are unknown.
    """

    packages: pl.DataFrame
    seats: pl.DataFrame


def batch(records: Sequence[Record], places: Sequence[int]) -> Batch:
    """Records as columns."""
    counts = [None if record.maintainers is None else len(record.maintainers) for record in records]
    packages = pl.DataFrame(
        {
            "place": places,
            "name": [record.name for record in records],
            "seats": counts,
            "contributors": [record.contributors for record in records],
            "last_release_at": [record.last_release_at for record in records],
            "install_script": [record.install_script for record in records],
            "dependents": [record.dependents for record in records],
        },
        schema=PACKAGES,
    )
    flat = [seat for record in records if record.maintainers for seat in record.maintainers]
    seats = pl.DataFrame(
        {
            "place": packages.filter(pl.col("seats") > 0).select(pl.col("place").repeat_by("seats").explode())["place"],
            "name": [seat.name for seat in flat],
            "email": [seat.email for seat in flat],
            "domain_expired": [seat.domain_expired for seat in flat],
        },
        schema=SEATS,
    )
    return Batch(packages, seats)
