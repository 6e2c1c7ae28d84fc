"""How near an advisory is, how grave, and what is told of it when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from config.severity import Severity
from monitor.advisories.model import Advisory, Affected, Event, Range
from monitor.advisories.weigh import Asked, Standing, gravity, over, steps, weigh

SUBJECT = "pkg:npm/left-pad"
NOW = datetime(2026, 11, 20, tzinfo=UTC)
BELOW_TWO = Affected(SUBJECT, (), (Range((Event("introduced", "0"), Event("fixed", "2.0.0"))),))


def advisory(name: str = "GHSA-1", *affected: Affected, **told: Any) -> Advisory:
    return Advisory(id=name, affected=affected or (BELOW_TWO,), **told)


def standing(one: Advisory, *watches: Asked, served: frozenset[str] | None = None) -> Standing:
    (found,) = weigh("npm", SUBJECT, [one], watches, served).values()
    return found


@pytest.mark.parametrize(
    ("watch", "served", "use", "version"),
    [
        (Asked("shop", ("1.3.0",)), None, "used", "1.3.0"),
        (Asked("shop", ("2.1.0", "1.0.0")), None, "used", "1.0.0"),
        (Asked("shop", ("2.1.0",)), None, "unused", ""),
        (Asked("shop"), None, "", ""),
        (Asked("shop", ("latest",)), None, "", ""),
        # What an install takes is the highest release that the range lets in, not any.
        (Asked("shop", (), ("^1.0.0",)), frozenset({"1.0.0", "1.9.0", "2.0.0"}), "taken", "1.9.0"),
        (Asked("shop", (), (">=1.0.0",)), frozenset({"1.0.0", "2.0.0"}), "", ""),
        (Asked("shop", ("2.0.0",), ("^1.0.0",)), frozenset({"1.9.0", "2.0.0"}), "taken", "1.9.0"),
        (Asked("shop", ("2.0.0",), ("^2.0.0",)), frozenset({"1.9.0", "2.0.0"}), "unused", ""),
        (Asked("shop", (), ("git+ssh://x",)), frozenset({"1.9.0"}), "", ""),
    ],
)
def test_how_near_it_is(watch: Asked, served: frozenset[str] | None, use: str, version: str) -> None:
    found = standing(advisory(), watch, served=served)
    assert (found.use, found.version) == (use, version)


def test_whatever_is_in_use_is_affected_where_every_version_is() -> None:
    every = Affected(SUBJECT, (), (Range((Event("introduced", "0"),)),))
    assert standing(advisory("MAL-1", every, malicious=True), Asked("shop")).severity is Severity.CRITICAL


def test_the_nearest_watch_decides_and_each_is_named() -> None:
    found = standing(advisory(), Asked("api", ("2.0.0",)), Asked("shop", ("1.0.0",)), Asked("web"))
    assert found.use == "used"
    assert [(one.watch, one.use) for one in found.near] == [("api", "unused"), ("shop", "used"), ("web", "")]


def test_malice_in_use_is_critical_and_nothing_is_that_is_only_known_by_name() -> None:
    told = {use: gravity(True, None, use) for use in ("used", "taken", "", "unused")}
    assert told == {"used": 4, "taken": 3, "": 3, "unused": 2}
    for rating in (None, *Severity):
        grave = [gravity(False, rating, use) for use in ("used", "taken", "", "unused")]
        assert grave == sorted(grave, reverse=True)
        assert grave[0] == (Severity.HIGH if rating is None else max(rating, Severity.LOW))
        assert max(grave[1:]) <= Severity.MEDIUM
        assert grave[3] == Severity.INFO


def test_several_databases_about_one_thing_are_one() -> None:
    one = advisory("GHSA-1", aliases=("CVE-2026-1",), rating=Severity.LOW)
    other = advisory("PYSEC-1", aliases=("CVE-2026-1", "GHSA-1"), rating=Severity.HIGH)
    (found,) = weigh("npm", SUBJECT, [one, other], [Asked("shop", ("1.0.0",))], None).values()
    assert (found.key, found.ids, found.severity) == ("CVE-2026-1", ("PYSEC-1", "GHSA-1"), Severity.HIGH)
    gone = replace(other, withdrawn_at=NOW)
    (left,) = weigh("npm", SUBJECT, [one, gone], [Asked("shop", ("1.0.0",))], None).values()
    assert left.ids == ("GHSA-1",)


OLD, LATELY = NOW - timedelta(days=100), NOW - timedelta(days=1)


@pytest.mark.parametrize(
    ("malicious", "versions", "published", "told", "early"),
    [
        (True, ("1.0.0",), OLD, True, False),
        (True, (), OLD, False, True),
        (True, (), LATELY, True, False),
        (True, ("2.0.0",), LATELY, False, True),
        (False, ("1.0.0",), LATELY, True, True),
        (False, (), LATELY, False, True),
    ],
)
def test_at_the_first_look_history_is_no_news(
    malicious: bool, versions: tuple[str, ...], published: datetime, told: bool, early: bool
) -> None:
    after = {"GHSA-1": standing(advisory(malicious=malicious, published_at=published), Asked("shop", versions))}
    (step,) = steps({}, after, NOW - timedelta(days=7))
    assert (step.told, step.early) == (told, early)
    (later,) = steps({}, after, None)
    assert (later.told, later.early) == (True, False)


def test_what_comes_nearer_is_told_and_what_stays_or_goes_farther_is_not() -> None:
    far = {"GHSA-1": standing(advisory(), Asked("shop", ("2.0.0",)))}
    near = {"GHSA-1": standing(advisory(), Asked("shop", ("1.0.0",)))}
    assert steps(near, near, None) == []
    assert [step.told for step in steps(far, near, None)] == [True]
    assert [step.told for step in steps(near, far, None)] == [False]


def test_a_weakness_is_over_when_nobody_uses_it_and_malice_only_when_it_is_withdrawn() -> None:
    for malicious, moved_on in ((False, True), (True, False)):
        near = standing(advisory(malicious=malicious), Asked("shop", ("1.0.0",)))
        far = standing(advisory(malicious=malicious), Asked("shop", ("2.0.0",)))
        (step,) = steps({"GHSA-1": near}, {"GHSA-1": far}, None)
        assert over(step) is moved_on
        (gone,) = steps({"GHSA-1": near}, {}, None)
        assert over(gone)
