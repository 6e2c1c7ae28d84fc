"""A mistake of ours: in the record of one check it holds up no other, and over one edit no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlmodel import Session

import monitor.daemon
from config.load import Configuration
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


def mistaken_about_an_edit() -> None:
    """For ``forked.daemon``: a watch of a certain name breaks the reload."""
    original = monitor.daemon.check_channels

    def check(configuration: Configuration) -> None:
        if any(watch.name == "odd" for watch in configuration.settings.watch):
            raise ZeroDivisionError
        original(configuration)

    monitor.daemon.check_channels = check


def test_an_edit_that_meets_a_mistake_does_not_keep_the_next_from_effect(
    tmp_path: Path, registry: Any, sink: Any
) -> None:
    here = Watch(tmp_path / "data", registry, sink)
    text = here.config.read_text()
    with daemon(here.config, mistaken_about_an_edit) as running:
        for name in ("odd", "even"):
            here.config.write_text(f'{text}[[watch]]\nname = "{name}"\npackages = ["npm:package-{name}"]\n')
            if name == "odd":
                assert wait_for(lambda: "ZeroDivisionError" in here.log.read_text(), running), here
        known = "SELECT subject FROM target WHERE subject = 'pkg:npm/package-even'"
        assert wait_for(lambda: len(here.ask(known)) == 1, running), here
        assert stop(running) == 0
