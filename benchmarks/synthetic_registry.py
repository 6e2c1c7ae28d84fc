"""A made-up registry with the study's published marginals.

``python -m benchmarks.synthetic_registry FOLDER [PACKAGES]`` writes ``registry.jsonl``, ``registry.parquet`` and
``expired-domains.txt``; the same seed gives the same bytes.

What is published is met exactly, as of ``AT``: packages with install scripts, unmaintained packages, inactive
maintainers, maintainers on expired domains and their packages with the mean of their dependents, and the means of the
top 1 %. What is not published is a choice made here: how many maintainers there are (three for ten packages), and the
shape of each distribution below its top.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

PACKAGES = 1_630_101
AT = datetime(2021, 12, 31, tzinfo=UTC)
WINDOW = 730 * 86_400
MAINTAINERS_PER_PACKAGE = 0.3
INSTALL_SCRIPTS = 0.022
UNMAINTAINED = 0.587
INACTIVE = 0.443
EXPIRED_MAINTAINERS = 2_818 / PACKAGES
EXPIRED_PACKAGES = 8_494 / PACKAGES
EXPIRED_DEPENDENTS = 2.43
TOP_MAINTAINERS = 32.4
TOP_CONTRIBUTORS = 40.0
TOP_PORTFOLIO = 180.3
TOP_DEPENDENTS = 4_010
LARGEST_USUAL_PORTFOLIO = 30

Random = np.random.Generator
Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def make(packages: int = PACKAGES, seed: int = 2022) -> tuple[pl.DataFrame, list[str]]:
    """The registry as a table of flat records (docs/study.md), and the expired domains."""
    rng = np.random.default_rng(seed)
    maintainers = round(packages * MAINTAINERS_PER_PACKAGE)
    stale = np.zeros(packages, bool)
    stale[: round(packages * UNMAINTAINED)] = True
    people = _usual_and_top(rng, packages, [0.89, 0.06, 0.025, 0.015, 0.01], 1, TOP_MAINTAINERS, 6)
    rng.shuffle(people)
    account, package = _seats(rng, people, stale, maintainers)
    lapsed = _lapsed(rng, account, package, packages, maintainers)
    dependents = _dependents(rng, account, package, lapsed, packages, maintainers)
    contributors = _usual_and_top(rng, packages, [0.62, 0.2, 0.1, 0.05, 0.03], 0, TOP_CONTRIBUTORS, 8)
    rng.shuffle(contributors)
    runs = np.zeros(packages, bool)
    runs[: round(packages * INSTALL_SCRIPTS)] = True
    rng.shuffle(runs)
    at = int(AT.timestamp())
    oldest = at - int(datetime(2011, 1, 1, tzinfo=UTC).timestamp())
    long, short = WINDOW + (oldest - WINDOW) * rng.beta(1, 1.6, packages), WINDOW * rng.beta(0.8, 1.4, packages)
    age = np.where(stale, long, short).astype(np.int64).clip(0, oldest)
    age[~stale] = age[~stale].clip(max=WINDOW - 1)
    columns = pl.DataFrame(
        {
            "package": np.arange(packages),
            "contributors": contributors,
            "last": at - age,
            "install_script": runs,
            "dependents": dependents,
        }
    )
    domain = pl.when(pl.col("lapsed")).then(pl.format("lapsed-{}.example", "account"))
    seats = (
        pl.DataFrame({"package": package, "account": account, "lapsed": lapsed[account]})
        .sort("package", "account")
        .with_columns(domain=domain.otherwise(pl.format("mail-{}.example", pl.col("account") % 50_000)))
        .select(
            "package",
            maintainers=pl.struct(
                name=pl.format("user{}", "account"), email=pl.format("user{}@{}", "account", "domain")
            ),
        )
        .group_by("package", maintain_order=True)
        .agg("maintainers")
    )
    table = columns.join(seats, on="package", maintain_order="left").select(
        pl.format("package-{}", "package").alias("name"),
        "maintainers",
        "contributors",
        pl.from_epoch("last").dt.strftime("%Y-%m-%dT%H:%M:%S.000Z").alias("last_release_at"),
        "install_script",
        "dependents",
    )
    # The packages that have no release for long stand first until here.
    return table.sample(fraction=1, shuffle=True, seed=seed), [
        f"lapsed-{one}.example" for one in np.flatnonzero(lapsed)
    ]


def _usual_and_top(
    rng: Random, size: int, shares: Sequence[float], least: int, top_mean: float, top_least: int
) -> Whole:
    """Counts: 99 % in ``shares`` from ``least`` up, and 1 % of heavy tail from ``top_least`` with exactly that mean."""
    top = -(-size // 100)
    usual = rng.choice(np.arange(least, least + len(shares)), size - top, p=shares)
    return np.concatenate([_heavy(rng, top, top_mean, top_least), usual])


def _heavy(rng: Random, size: int, mean: float, least: int) -> Whole:
    """Integers from ``least``, a few of them far greater than the rest, with this mean as nearly as integers allow."""
    wanted = round(mean * size) - least * size
    shares = np.minimum(rng.pareto(1.6, size), 40)  # so that the greatest is some twenty times the mean, as it is
    found: Whole = np.floor(shares / shares.sum() * wanted).astype(np.int64)
    found[np.argsort(-shares)[: wanted - found.sum()]] += 1
    return found + least


def _seats(rng: Random, people: Whole, stale: Flags, maintainers: int) -> tuple[Whole, Whole]:
    """Who can publish what: for each seat an account and a package; no account has two seats in one package.

    Accounts below ``round(maintainers * INACTIVE)`` after the top ones are inactive: all their packages are stale.
    Each other has a seat in a package that is not.
    """
    top = -(-maintainers // 100)
    inactive = np.zeros(maintainers, bool)
    inactive[top : top + round(maintainers * INACTIVE)] = True
    usual = int(people.sum()) - round(TOP_PORTFOLIO * top) - (maintainers - top)
    rest = maintainers - top
    extra = np.minimum(rng.geometric(rest / (usual + rest), rest) - 1, LARGEST_USUAL_PORTFOLIO - 1)
    while (missing := usual - extra.sum()) != 0:
        able = np.flatnonzero(extra < LARGEST_USUAL_PORTFOLIO - 1 if missing > 0 else extra > 0)
        extra[rng.choice(able, min(abs(missing), len(able)), replace=False)] += np.sign(missing)
    portfolio = np.concatenate([_heavy(rng, top, TOP_PORTFOLIO, LARGEST_USUAL_PORTFOLIO + 1), extra + 1])
    seat_package = np.repeat(np.arange(len(people)), people)
    awake = seat_package[~stale[seat_package]]
    asleep = seat_package[stale[seat_package]]
    once = np.flatnonzero(~inactive)
    again = np.repeat(once, portfolio[once] - 1)
    rng.shuffle(again)
    left = len(awake) - len(once)
    in_awake = np.concatenate([once, again[:left]])
    in_asleep = np.concatenate([again[left:], np.repeat(np.flatnonzero(inactive), portfolio[inactive])])
    found = [_apart(rng, accounts, seats) for accounts, seats in ((in_awake, awake), (in_asleep, asleep))]
    return np.concatenate(found), np.concatenate([awake, asleep])


def _apart(rng: Random, accounts: Whole, packages: Whole) -> Whole:
    """The accounts in an order in which none has two seats in one package."""
    rng.shuffle(accounts)
    while True:
        key = packages * (accounts.max() + 1) + accounts
        order = np.argsort(key, kind="stable")
        again = order[1:][key[order][1:] == key[order][:-1]]
        if not len(again):
            return accounts
        for one in again:
            other = rng.integers(len(accounts))
            accounts[[one, other]] = accounts[[other, one]]


def _lapsed(rng: Random, account: Whole, package: Whole, packages: int, maintainers: int) -> Flags:
    """Maintainers on expired domains: so many, with just so many packages in all, none of them a top maintainer."""
    wanted, left = (
        round(maintainers / MAINTAINERS_PER_PACKAGE * EXPIRED_MAINTAINERS),
        round(packages * EXPIRED_PACKAGES),
    )
    order = np.argsort(account, kind="stable")
    of_account = np.split(package[order], np.cumsum(np.bincount(account, minlength=maintainers))[:-1])
    lapsed, taken = np.zeros(maintainers, bool), set[int]()
    top = -(-maintainers // 100)
    for one in rng.permutation(np.arange(top, maintainers)):
        if not wanted:
            break
        # As many packages as are left for each, until each of the last takes one.
        new = set(of_account[one].tolist()) - taken
        if new and left - len(new) >= wanted - 1 and (wanted > 1 or len(new) == left):
            lapsed[one] = True
            taken |= new
            left -= len(new)
            wanted -= 1
    assert (wanted, left) == (0, 0)
    return lapsed


def _dependents(rng: Random, account: Whole, package: Whole, lapsed: Flags, packages: int, maintainers: int) -> Whole:
    """Direct dependents of each package; the means over expired domains and over the top maintainers are exact."""
    top = -(-maintainers // 100)
    expired = np.unique(package[lapsed[account]])
    weight = np.bincount(package[account < top], minlength=packages)
    found = np.floor(rng.pareto(1.1, packages)).astype(np.int64).clip(0, 50_000)
    found[expired] = 0
    wanted = round(TOP_DEPENDENTS * top)
    few = rng.multinomial(round(EXPIRED_DEPENDENTS * len(expired)), np.full(len(expired), 1 / len(expired)))
    wanted -= int((weight[expired] * few).sum())
    reach = np.flatnonzero((weight > 0) & (found > 0))
    found[reach] = np.floor(found[reach] * (wanted / (found * weight).sum())).astype(np.int64)
    single = reach[weight[reach] == 1]
    missing = wanted - int((found * weight).sum())
    found[single] += missing // len(single)
    found[single[: missing % len(single)]] += 1
    found[expired] = few
    return found


def write(folder: Path, packages: int = PACKAGES, seed: int = 2022) -> None:
    table, expired = make(packages, seed)
    table.write_ndjson(folder / "registry.jsonl")
    table.write_parquet(folder / "registry.parquet")
    (folder / "expired-domains.txt").write_text("\n".join(expired) + "\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]), *map(int, sys.argv[2:3]))
