"""Lock files as the watchlist: what is watched follows the files while the daemon runs, and across restarts."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import Session, col

from monitor.store.engine import Store, StoreError
from monitor.store.memberships import packages_behind
from monitor.store.tables import Membership, Target, WatchEntry
from monitor.store.targets import Wanted, ids_of, reconcile
from monitor.store.watchlist import amend, kept
from monitor.watchlist import differences

Run = Callable[..., subprocess.CompletedProcess[str]]
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def lock(**packages: str) -> str:
    """A package-lock.json whose project asks for all of these, each with its version."""
    versions = {name.replace("_", "-"): version for name, version in packages.items()}
    root = {"name": "shop", "dependencies": {name: f"^{version}" for name, version in versions.items()}}
    installed = {f"node_modules/{name}": {"version": version} for name, version in versions.items()}
    return json.dumps({"name": "shop", "lockfileVersion": 3, "packages": {"": root, **installed}}, indent=1)


def put(path: Path, text: str) -> None:
    """Save by rename, as package managers do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_name(".fresh").write_text(text)
    path.with_name(".fresh").replace(path)


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return condition()


@pytest.fixture
def project(folder: Path) -> Path:
    """The configuration watches what lies below ``app``, and one file by its name."""
    text = (folder / "weaklink.toml").read_text().partition("packages =")[0]
    (folder / "weaklink.toml").write_text(f'{text}manifests = ["app", "named/package-lock.json"]\n')
    put(folder / "app" / "package-lock.json", lock(left_pad="1.3.0"))
    put(folder / "named" / "package-lock.json", lock(right_pad="1.0.0"))
    return folder


@contextmanager
def running(folder: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", "from monitor.cli import main; main()", "run"]
    process = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(15)


@pytest.fixture
def watched(folder: Path) -> Iterator[Callable[[], dict[str, tuple[str, ...]]]]:
    """What the database says is checked now, with the versions in use."""
    made: list[Store] = []

    def read() -> dict[str, tuple[str, ...]]:
        if not (folder / "weaklink.db").exists():
            return {}
        made[:] = made or [Store(f"sqlite:///{folder}/weaklink.db")]
        with suppress(StoreError), made[0].reading() as session:  # until the daemon has made its tables
            rows = session.execute(
                select(col(Target.subject), col(WatchEntry.versions))
                .join(WatchEntry, col(WatchEntry.target_id) == col(Target.id))
                .where(col(Target.due_at).is_not(None))
            ).all()
            return {subject.removeprefix("pkg:npm/"): tuple(json.loads(versions)) for subject, versions in rows}
        return {}

    yield read
    for store in made:
        store.close()


def rejections(weaklink: Run, state: str = "open") -> list[dict[str, Any]]:
    alerts = json.loads(weaklink("--json", "alerts", "--state", state).stdout)
    return [one for one in alerts if one["subject"].startswith("manifest:")]


def test_the_daemon_follows_the_files(
    project: Path, environment: dict[str, str], watched: Any, weaklink: Run, registry: Any, packument: Any
) -> None:
    for name in ("right-pad", "up-pad", "down-pad"):
        registry.documents[f"/{name}"] = packument(name)
    with running(project, environment):
        assert wait_for(lambda: watched() == {"left-pad": ("1.3.0",), "right-pad": ("1.0.0",)})

        put(project / "app" / "package-lock.json", lock(left_pad="1.2.0", up_pad="1.0.0"))
        assert wait_for(lambda: watched().get("left-pad") == ("1.2.0",))
        assert watched()["up-pad"] == ("1.0.0",)
        assert wait_for(lambda: any(path == "/up-pad" for path, _ in registry.requests))

        put(project / "app" / "new" / "package-lock.json", lock(down_pad="1.0.0"))
        assert wait_for(lambda: "down-pad" in watched())

        put(project / "app" / "package-lock.json", lock(up_pad="1.0.0")[:-40])
        assert wait_for(lambda: bool(rejections(weaklink)))
        (told,) = rejections(weaklink)
        assert told["subject"] == "manifest:app/package-lock.json"
        assert told["watches"] == ["shop"]
        assert "app/package-lock.json:" in told["changes"][0]["after"]
        assert {"left-pad", "up-pad", "down-pad"} <= set(watched())

        put(project / "app" / "package-lock.json", lock(up_pad="1.0.0"))
        assert wait_for(lambda: "left-pad" not in watched())
        assert wait_for(lambda: not rejections(weaklink))

        (project / "app" / "new" / "package-lock.json").unlink()
        assert wait_for(lambda: "down-pad" not in watched())

        (project / "named" / "package-lock.json").unlink()
        assert wait_for(lambda: bool(rejections(weaklink)))
        assert watched() == {"up-pad": ("1.0.0",), "right-pad": ("1.0.0",)}
    shown = json.loads(weaklink("--json", "show", "npm:left-pad").stdout)
    assert shown["facts"]["latest"] == "1.3.0"
    assert shown["watches"] == []


def test_a_file_that_is_broken_at_the_start_keeps_what_an_earlier_run_read(
    project: Path, environment: dict[str, str], watched: Any, weaklink: Run
) -> None:
    assert weaklink("check").returncode == 0
    before = watched()
    assert set(before) == {"left-pad", "right-pad"}
    put(project / "app" / "package-lock.json", "<<<<<<< mine\n")
    put(project / "named" / "package-lock.json", lock(up_pad="1.0.0"))
    done = weaklink("check")
    assert done.returncode == 3
    assert "app/package-lock.json:1: it has the marks of an unfinished merge" in done.stderr
    assert watched() == {"left-pad": ("1.3.0",), "up-pad": ("1.0.0",)}
    with running(project, environment):
        assert wait_for(lambda: bool(rejections(weaklink)))
    put(project / "app" / "package-lock.json", lock(left_pad="1.0.0"))
    with running(project, environment):
        assert wait_for(lambda: not rejections(weaklink))
        assert wait_for(lambda: watched() == {"left-pad": ("1.0.0",), "up-pad": ("1.0.0",)})


def test_commands_say_what_the_files_lead_to(project: Path, weaklink: Run) -> None:
    (listed,) = json.loads(weaklink("--json", "watch", "list").stdout)
    assert listed["entries"][0] == {
        "purl": "pkg:npm/left-pad",
        "versions": ["1.3.0"],
        "direct": True,
        "dev": False,
        "via": [],
        "source": "app/package-lock.json",
        "registry": True,
    }
    assert weaklink("config", "check").returncode == 0
    put(project / "app" / "package-lock.json", "{")
    done = weaklink("--json", "config", "check")
    assert done.returncode == 2
    assert json.loads(done.stdout)["unreadable"][0]["file"] == "app/package-lock.json"
    (project / "app" / "package-lock.json").unlink()
    done = weaklink("config", "check")
    assert done.returncode == 0
    assert "weaklink.toml:9: 'app' leads to no manifest now" in done.stderr


def test_what_comes_from_no_registry_is_listed_and_never_looked_up(project: Path, watched: Any, weaklink: Run) -> None:
    text = lock(left_pad="1.3.0", right_pad="1.0.0").replace(
        '"right-pad": "^1.0.0"', '"right-pad": "someone/right-pad"'
    )
    put(project / "app" / "package-lock.json", text)
    put(project / "named" / "package-lock.json", lock())
    assert weaklink("check").returncode == 0
    assert set(watched()) == {"left-pad"}
    (listed,) = json.loads(weaklink("--json", "watch", "list").stdout)
    shown = [(one["purl"], one["registry"], one["direct"]) for one in listed["entries"]]
    assert shown == [("pkg:npm/left-pad", True, True), ("pkg:npm/right-pad", False, True)]
    assert "no registry" in weaklink("watch", "list").stdout


def test_why_tells_the_way_from_the_watch_to_the_package(
    project: Path, weaklink: Run, registry: Any, packument: Any
) -> None:
    shop = {"dependencies": {"left-pad": "^1.3.0"}}
    tree = {"": shop, "node_modules/left-pad": {"version": "1.3.0", "dependencies": {"right-pad": "1.x"}}}
    tree |= {"node_modules/right-pad": {"version": "1.0.0"}}
    put(project / "app" / "package-lock.json", json.dumps({"lockfileVersion": 3, "packages": tree}))
    put(project / "named" / "package-lock.json", lock())
    (way,) = json.loads(weaklink("--json", "why", "npm:right-pad").stdout)
    assert way == {
        "watch": "shop",
        "owner": "web-team",
        "subject": "pkg:npm/right-pad",
        "direct": False,
        "dev": False,
        "via": ["left-pad"],
        "versions": ["1.0.0"],
        "ranges": ["1.x"],
        "source": "app/package-lock.json",
    }
    assert "shop -> left-pad -> npm:right-pad" in weaklink("why", "npm:right-pad").stdout
    registry.documents["/right-pad"] = packument("right-pad")
    weaklink("check")
    ways = json.loads(weaklink("--json", "why", "npm:~alice").stdout)
    assert [one["subject"] for one in ways] == ["pkg:npm/left-pad", "pkg:npm/right-pad"]
    missing = weaklink("why", "npm:nothing")
    assert (missing.returncode, missing.stderr) == (2, "weaklink: no watch leads to npm:nothing\n")


def test_a_release_is_told_by_who_runs_it(
    project: Path, weaklink: Run, registry: Any, taken_over: Any, sink: Any
) -> None:
    put(project / "named" / "package-lock.json", lock())
    other = '[[watch]]\nname = "api"\npackages = ["npm:left-pad"]\n'
    old = '[[watch]]\nname = "old"\nmanifests = ["old/package-lock.json"]\n'
    with (project / "weaklink.toml").open("a") as stream:
        stream.write(other + old)
    pinned = json.loads(lock(left_pad="1.0.0"))
    pinned["packages"][""]["dependencies"]["left-pad"] = "1.0.x"
    put(project / "old" / "package-lock.json", json.dumps(pinned))
    weaklink("check")
    registry.documents["/left-pad"] = taken_over()
    (found,) = (
        one
        for one in json.loads(weaklink("--json", "check").stdout)["findings"]
        if one["kind"] == "install-script-added"
    )
    assert found["evidence"]["use"] == {"unused": ["old"], "taken": ["shop"]}
    put(project / "old" / "package-lock.json", lock(left_pad="1.4.0"))
    (way,) = json.loads(weaklink("--json", "why", "npm:left-pad").stdout)[1:2]
    assert way["versions"] == ["1.4.0"]


def wanted(watch: str, name: str, *versions: str) -> Wanted:
    return Wanted(watch=watch, subject=f"pkg:npm/{name}", sort="package", versions=versions, source=f"{watch}.lock")


def everything(session: Session) -> tuple[list[Any], list[Any]]:
    entries = session.execute(
        select(col(WatchEntry.watch), col(Target.subject), col(WatchEntry.versions))
        .join(Target)
        .order_by(col(WatchEntry.watch), col(Target.subject))
    ).all()
    targets = session.execute(
        select(col(Target.subject), col(Target.listed), col(Target.due_at).is_not(None)).order_by(col(Target.subject))
    ).all()
    return list(entries), list(targets)


@pytest.mark.parametrize(
    "after",
    [
        {"shop": ("a 1", "b 1"), "api": ("b 2",)},
        {"shop": ("a 2",), "api": ("b 2", "c 1")},
        {"shop": (), "api": ("b 2",)},
        {"api": ("b 2", "d 1")},
        {"shop": ("a 1", "b 1"), "api": ("b 2",), "new": ("a 9", "e 1")},
    ],
)
def test_writing_what_differs_comes_to_the_same_as_writing_all(store: Store, after: dict[str, tuple[str, ...]]) -> None:
    def targets(watches: dict[str, tuple[str, ...]]) -> dict[str, tuple[Wanted, ...]]:
        return {watch: tuple(wanted(watch, *one.split()) for one in items) for watch, items in watches.items()}

    before, then = targets({"shop": ("a 1", "b 1"), "api": ("b 2",)}), targets(after)
    every = [one for watch in then.values() for one in watch]
    first = [one for watch in before.values() for one in watch]
    with store.transaction() as session:
        reconcile(session, first, NOW, Random(1))
    with store.transaction() as session:
        done = amend(session, *differences(before, then), NOW, Random(1))
        amended = everything(session)
        again = reconcile(session, every, NOW, Random(1))
        assert everything(session) == amended
        assert (again.added, again.removed) == (0, 0)
        reconcile(session, first, NOW, Random(1))
        at_once = reconcile(session, every, NOW, Random(1))
        assert (done.added, done.removed) == (at_once.added, at_once.removed)


def test_accounts_and_domains_are_watched_because_of_packages(store: Store) -> None:
    with store.transaction() as session:
        reconcile(session, [wanted("shop", name) for name in "ab"], NOW, Random(1))
        ids = ids_of(session, ["pkg:npm/a", "pkg:npm/b"])
        for name, account in (("a", "npm:~alice"), ("b", "npm:~bob")):
            session.add(
                Membership(target_id=ids[f"pkg:npm/{name}"], account=account, role="maintainer", domain="x.org")
            )
        session.flush()
        assert packages_behind(session, "npm:~alice") == {"pkg:npm/a"}
        assert packages_behind(session, "domain:x.org") == {"pkg:npm/a", "pkg:npm/b"}


def test_what_other_sources_gave_is_kept(store: Store) -> None:
    with store.transaction() as session:
        reconcile(session, [wanted("shop", "a", "1"), wanted("api", "b")], NOW, Random(1))
        assert kept(session, {"shop": {"other.lock"}, "gone": set()}) == {"shop": [wanted("shop", "a", "1")]}
        assert kept(session, {"shop": {"shop.lock"}}) == {}


def test_what_it_comes_to_is_explained(project: Path, weaklink: Run) -> None:
    done = weaklink("--json", "config", "check", "--explain")
    explained = json.loads(done.stdout)["explained"]
    assert explained["targets"] == {"package": 2}
    assert explained["watches"][0]["files"] == ["app/package-lock.json", "named/package-lock.json"]
    assert not (project / "weaklink.db").exists()
    assert "2 packages; about 2 checks an hour" in weaklink("config", "check", "--explain").stdout
