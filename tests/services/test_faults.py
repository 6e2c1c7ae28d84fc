"""The month of ``benchmarks.faults``, made small: processes are killed, a clock is wrong, the database restarts."""

from __future__ import annotations

from datetime import UTC, datetime

from benchmarks.faults import alone, together
from benchmarks.outcome import differences

HAPPENS = {
    *("maintainer-added", "publisher-changed", "install-script-added", "ownership-replaced", "package-removed"),
    *("version-yanked", "project-quarantined", "project-archived", "dependency-added", "release-published"),
    *("domain-expiring", "domain-expired", "domain-redemption", "domain-pending-delete", "domain-unregistered"),
    *("domain-reregistered", "registrar-changed", "nameservers-changed", "mail-exchanger-changed"),
    *("mail-exchanger-lost", "signal-raised", "signal-cleared"),
}


def test_many_processes_full_of_faults_find_and_tell_what_one_does_once() -> None:
    now = datetime.now(UTC)
    one = alone(packages=20, days=3, now=now)
    assert {change.split()[1] for change in one.changes} >= HAPPENS
    assert {"npm", "pypi"} <= {change[4:].partition("/")[0] for change in one.changes}
    assert one.told
    many, faults = together(packages=20, days=3, now=now, seed=1, workers=4)
    assert differences(one, many) == {}
    assert many.ahead == 0, "a process with a wrong clock wrote wrong times"
    # A message that was on its way when its sender was killed may come again, with the key by which it is known.
    assert many.again <= faults["workers killed"] + faults["leaders killed"] + faults["restarts of PostgreSQL"]
    assert faults["workers killed"] + faults["leaders killed"] > 0
    assert faults["restarts of PostgreSQL"] > 0
    assert faults["times cut off"] > 0
