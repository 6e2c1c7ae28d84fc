"""How a database grows in a year, by target: ``python -m benchmarks.year [PACKAGES] [DAYS]``.

The world of ``benchmarks.month`` at its recorded rates, looked at once a day: a look that finds nothing writes nothing,
so that more of them would add nothing. In SQLite, and in a PostgreSQL of its own that is vacuumed each month.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select, text
from sqlmodel import col

from benchmarks.month import Month
from benchmarks.postgresql import create, server
from benchmarks.world import DAY, START
from config.settings import Retention
from monitor.store.engine import Store
from monitor.store.prune import prune
from monitor.store.tables import Target

SHORT: Final = timedelta(days=90)
KEPT_SHORT: Final = Retention(changes=SHORT, alerts=SHORT, messages=SHORT, snapshots=SHORT)
Sizes = Mapping[str, int]
"""Bytes by table, with its indexes."""


class Year(Month):
    """One run, measured after its first day and at its end, and once more after pruning."""

    def __init__(self, packages: int, days: int, url: str = "") -> None:
        super().__init__(packages, days, tick=DAY, url=url)
        self.first: Sizes = {}
        self._vacuumed = START.date()

    async def _go(self, port: int) -> None:
        await super()._go(port)
        self.last = sizes(self.store)
        with self.store.reading() as session:
            self.targets = session.scalar(select(func.count()).where(col(Target.due_at).is_not(None))) or 0
        prune(self.store, Retention(), self.world.now)
        self.pruned = sizes(self.store)
        prune(self.store, KEPT_SHORT, self.world.now)
        self.pruned_short = sizes(self.store)

    async def _tick(self, now: datetime) -> None:
        await super()._tick(now)
        if not self.first and now >= START:
            self.first = sizes(self.store)
        if now.day == 1 and self._vacuumed != now.date():
            self._vacuumed = now.date()
            vacuum(self.store)


def vacuum(store: Store) -> None:
    """What PostgreSQL does by itself in real life."""
    if store.file is None:
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM"))


def sizes(store: Store) -> Sizes:
    """What each table takes, without what is free to be used again."""
    if store.file is None:
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM FULL"))
            found = connection.execute(
                text(
                    "SELECT relname, pg_total_relation_size(oid) FROM pg_class "
                    "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
                )
            )
            return dict(found.all())
    with store.engine.connect() as connection:
        found = connection.exec_driver_sql(
            "SELECT tbl_name, sum(pgsize) FROM dbstat JOIN sqlite_master ON sqlite_master.name = dbstat.name GROUP BY 1"
        )
        return dict(found.all())


def show(name: str, year: Year) -> None:
    """The figures of one run."""
    per = year.days / 365 * year.targets
    grown = {table: (size - year.first.get(table, 0)) / per for table, size in year.last.items()}
    largest = sorted(grown.items(), key=lambda item: -item[1])[:6]
    releases = sum(event.what == "release" for event in year.world.happened)
    print(f"{name}: {year.targets} targets, {len(year.world.packages)} of them packages; {year.days} days")
    print(f"  {releases} releases, {len(year.told)} alerts, {year.checks:,} checks")
    print(f"  after the first look      {sum(year.first.values()) / year.targets:10,.0f} bytes a target")
    print(f"  grown by                  {sum(grown.values()):10,.0f} bytes a target and year")
    print(f"    of which                {', '.join(f'{table} {size:,.0f}' for table, size in largest)}")
    for words, left in (("as [retention] is unset", year.pruned), ("all kept for 90 days", year.pruned_short)):
        kept = (sum(left.values()) - sum(year.first.values())) / per
        print(f"  after prune, {words:24} {kept:10,.0f} bytes a target and year are left")


async def measure(packages: int, days: int) -> None:
    year = Year(packages, days)
    await year.run()
    show("SQLite", year)
    with server() as url:
        year = Year(packages, days, create(url, "year"))
        await year.run()
        show("PostgreSQL", year)


if __name__ == "__main__":
    wanted = [int(word) for word in sys.argv[1:]]
    logging.disable(logging.CRITICAL)
    asyncio.run(measure(*(wanted + [200, 365][len(wanted) :])))
