"""A copy of the database that was made while the daemon wrote, put in the place of the database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.services.forked import command, daemon, stop
from tests.services.watch import Watch, wait_for

COPIES = 6


def test_a_watch_goes_on_from_a_copy_that_was_made_while_it_wrote(tmp_path: Path, registry: Any, sink: Any) -> None:
    here = Watch(tmp_path / "watch", registry, sink, packages=4)
    first, second, third, _ = here.packages
    copies = [here.config.parent / f"copy-{number}.db" for number in range(COPIES)]
    with daemon(here.config) as running:
        assert wait_for(here.seen, running)
        here.take_over(first)
        for number, copy in enumerate(copies[:-1]):
            assert command(here.config, "db", "backup", str(copy)).code == 0
            if number == 1:
                here.take_over(second)
        assert wait_for(here.told, running), str(here)
        assert command(here.config, "db", "backup", str(copies[-1])).code == 0
        running.kill()
        running.join(10)
    for copy in copies:
        with closing(sqlite3.connect(copy)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    database = here.config.parent / "weaklink.db"
    for leftover in ("-wal", "-shm"):
        database.with_name(f"{database.name}{leftover}").unlink(missing_ok=True)
    copies[-1].replace(database)
    here.take_over(third)
    with daemon(here.config) as running:
        assert wait_for(here.told, running), str(here)
        here.assert_status_is_true()
        assert stop(running) == 0
    assert here.assert_nothing_lost_nothing_twice() == 0
