"""Accounts and the registry's search, against a registry on loopback: served, limited, missing, and misleading."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp import web

from config.load import load
from monitor.assembly import Assembly
from monitor.queries.show import show_json
from monitor.queries.signals import signals_json
from monitor.results import Seen
from monitor.sources.packument import parse_packument
from monitor.store.engine import Store
from monitor.store.targets import by_subject

ALICE = "npm:~alice"
SEARCH = "/-/v1/search?text=maintainer:{name}&size=20"
Build = Callable[..., dict[str, Any]]


class World:
    """A daemon's parts over a registry on loopback, and a clock that a test moves."""

    def __init__(self, folder: Path, registry: Any, store: Store) -> None:
        self.registry = registry
        self.now = datetime(2026, 11, 20, 12, tzinfo=UTC)
        self.parts = Assembly(
            load(folder / "weaklink.toml"), store, lambda: self.now, Random(1), elapsed=lambda: self.now.timestamp()
        )

    async def sees(self, *documents: dict[str, Any]) -> None:
        await self.parts.reconcile()

        def record(session: Any) -> None:
            seen = []
            for document in documents:
                package = parse_packument(json.dumps(document).encode(), document["name"])
                (due,) = by_subject(session, [f"pkg:npm/{document['name']}"])
                seen.append(Seen(due=due, at=self.now, observation=package, looked_up=True))
            self.parts.recorder.record(session, seen, self.now)
            self.parts.recorder.review(session, self.now)

        await self.parts.store.write(record)

    async def steps(self, number: int = 1, every: timedelta = timedelta(seconds=10)) -> int:
        """So many steps of the survey; how many searches they made."""
        before = len(self.asked())
        for _ in range(number):
            await self.parts.survey.step()
            self.now += every
        return len(self.asked()) - before

    def asked(self) -> list[str]:
        return [path for path, _ in self.registry.requests if "/-/v1/search" in path]

    def finds(self, total: int, name: str = "alice", **told: Any) -> None:
        """What the search says of an account from now on."""
        packages = [
            {"name": f"p{n}", "date": "2020-01-01T00:00:00.000Z", "maintainers": [{"username": name}]} | told
            for n in range(min(total, 20))
        ]
        self.registry.documents[SEARCH.format(name=name)] = {
            "objects": [{"package": package} for package in packages],
            "total": total,
        }

    def facts(self) -> dict[str, Any]:
        with self.parts.store.reading() as session:
            shown = show_json(session, ALICE, self.parts.settings.thresholds, self.now)
        assert shown is not None
        facts: dict[str, Any] = shown["facts"]
        return facts

    def signals(self, *names: str) -> list[dict[str, Any]]:
        with self.parts.store.reading() as session:
            return [one for one in signals_json(session, self.now, names) if one["subject"] == ALICE]


@pytest.fixture
async def world(folder: Path, registry: Any, store: Store, packument: Build) -> AsyncIterator[World]:
    found = World(folder, registry, store)
    await found.sees(packument())
    yield found
    await found.parts.close()


async def test_an_account_is_counted_by_the_search_and_again_after_the_interval(world: World) -> None:
    world.finds(212)
    assert await world.steps(20) == 1
    (told,) = world.signals("W6")
    assert (told["value"], told["threshold"]) == (212, 180)
    assert told["evidence"]["counted_by"] == "the registry's search"
    assert world.facts()["packages_total"] == 212
    world.now += timedelta(hours=27)
    world.finds(300)
    assert await world.steps(3) == 1
    assert world.signals("W6")[0]["value"] == 300


async def test_the_budget_of_questions_is_kept(folder: Path, registry: Any, store: Store, packument: Build) -> None:
    world = World(folder, registry, store)
    document = packument()
    document["maintainers"] = [{"name": f"m{n}", "email": f"m{n}@people.org"} for n in range(30)]
    for number in range(30):
        world.finds(3, f"m{number}")
    await world.sees(document)
    assert await world.steps(60, timedelta(seconds=1)) <= 6
    assert await world.steps(600, timedelta(seconds=1)) >= 24
    await world.parts.close()


# On PostgreSQL a host is left alone by the database's own clock, which no test moves.
@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
async def test_a_registry_that_wants_peace_gets_it_and_nothing_is_forgotten(world: World, registry: Any) -> None:
    world.finds(212)
    await world.steps()
    answers = 0

    async def limited(_request: web.Request) -> web.Response:
        nonlocal answers
        answers += 1
        return web.json_response({}, status=429, headers={"Retry-After": "0"})

    registry.answers[SEARCH.format(name="alice")] = limited
    world.now += timedelta(hours=30)
    assert await world.steps(28) == 1, "after a 429 there is peace for minutes, though it says 0 seconds"
    assert await world.steps(40) == 1
    assert await world.steps(20) == 0, "and for longer after a second one"
    assert answers == 2
    assert world.facts()["packages_total"] == 212
    assert world.signals("W6")[0]["value"] == 212
    assert [host.state for host in world.parts.health()] == [], "the registry itself was asked nothing"
    assert world.parts.search_health()[0].host.endswith("(search)")


async def test_a_longer_wait_that_the_registry_asks_for_is_obeyed(world: World, registry: Any) -> None:
    async def limited(_request: web.Request) -> web.Response:
        return web.json_response({}, status=429, headers={"Retry-After": "7200"})

    registry.answers[SEARCH.format(name="alice")] = limited
    assert await world.steps(119, timedelta(minutes=1)) == 1


async def test_without_a_search_what_is_watched_is_counted_and_the_registry_left_alone(world: World) -> None:
    assert await world.steps(24, timedelta(hours=1)) == 1
    facts = world.facts()
    assert (facts["packages_total"], facts["packages_counted_by"]) == (1, "the packages that are watched here")


async def test_three_accounts_that_are_not_told_end_the_questions_for_a_day(
    folder: Path, registry: Any, store: Store, packument: Build
) -> None:
    world = World(folder, registry, store)
    document = packument()
    document["maintainers"] = [{"name": f"m{n}", "email": f"m{n}@people.org"} for n in range(30)]
    await world.sees(document)
    assert await world.steps(6 * 23, timedelta(minutes=10)) == 3
    assert await world.steps(12, timedelta(minutes=10)) == 1
    await world.parts.close()


@pytest.mark.parametrize(
    "page",
    [
        {"total": 900_000, "objects": [{"package": {"name": "x", "maintainers": [{"username": "stranger"}]}}]},
        {"total": 900_000, "objects": []},
        {"total": "many", "objects": []},
        {"total": -1, "objects": []},
        {"objects": [{"package": None}, 7]},
        {"total": 10**30, "objects": []},
    ],
)
async def test_a_search_that_means_something_else_is_no_fact(world: World, registry: Any, page: Any) -> None:
    registry.documents[SEARCH.format(name="alice")] = page
    assert await world.steps() == 1
    assert world.facts()["packages_counted_by"] == "the packages that are watched here"
    assert world.signals("W6") == []


@pytest.mark.parametrize(
    ("told", "own"),
    [
        ({"publisher": {"username": "alice"}}, "2026"),
        ({"publisher": {"username": "GitHub Actions", "trustedPublisher": {"id": "github"}}}, "2016"),
        ({"publisher": {"username": "bob"}}, "2016"),
    ],
)
async def test_a_release_of_a_package_that_is_not_watched_counts_as_activity(
    folder: Path, registry: Any, store: Store, packument: Build, told: dict[str, Any], own: str
) -> None:
    world = World(folder, registry, store)
    old = packument()
    old["time"] = {version: at.replace("202", "201") for version, at in old["time"].items()}
    await world.sees(old)
    assert [one["signal"] for one in world.signals("W3")] == ["W3"]
    world.finds(3, date="2026-10-01T00:00:00.000Z", **told)
    await world.steps()
    assert world.signals("W3") == []
    facts = world.facts()
    assert (facts["last_active_at"][:4], facts["last_published_at"][:4]) == ("2026", own)
    await world.parts.close()
