"""A mistake of ours in the record of one check: it is told as a failing target, and holds up no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlmodel import Session

from monitor.record import Recorder
from monitor.results import Failed
from tests.services.forked import daemon, stop
from tests.services.watch import Watch, wait_for


def mistaken() -> None:
    """For ``forked.daemon``: what one package gave breaks the recorder, the database refuses what another gave."""
    original = Recorder.record

    def record(self: Recorder, session: Session, results: Any, now: Any) -> Any:
        good = {one.due.subject for one in results if not isinstance(one, Failed)}
        if "pkg:npm/package-1" in good:
            raise ZeroDivisionError
        if "pkg:npm/package-2" in good:
            session.execute(text("INSERT INTO alembic_version SELECT version_num FROM alembic_version"))
        return original(self, session, results, now)

    Recorder.record = record  # type: ignore[method-assign]


def test_a_check_that_cannot_be_recorded_holds_up_no_other(tmp_path: Path, registry: Any, sink: Any) -> None:
    here = Watch(tmp_path / "data", registry, sink, packages=5)
    with daemon(here.config, mistaken) as running:
        good = [name for name in here.packages if name not in {"package-1", "package-2"}]
        seen = "SELECT subject FROM target WHERE fresh_at IS NOT NULL AND sort = 'package'"
        assert wait_for(lambda: len(here.ask(seen)) == len(good), running), here
        for package in good:
            here.take_over(package)
        assert wait_for(here.told, running), here
        failing = {one["subject"]: one["error"] for one in here.assert_status_is_true()["failing"]}
        assert failing == {
            "pkg:npm/package-1": "weaklink: internal: it could not be recorded",
            "pkg:npm/package-2": "weaklink: internal: it could not be recorded",
        }
        assert here.probe("/readyz")[0] == 200, "the database is well"
        assert stop(running) == 0
    here.assert_nothing_lost_nothing_twice()
