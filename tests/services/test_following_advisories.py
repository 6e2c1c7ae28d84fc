"""Following advisories over both ways, with the clock in the test's hand: what is learnt, recorded, told and ended."""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp import web
from sqlmodel import col, select

from alerts.held import findings_of
from alerts.model import Alert, Delivery
from alerts.routing import policy
from config.registries import Destinations, Registry
from config.settings import Settings
from monitor.advisories.follow import Advisories
from monitor.changes.compounds import COMPOUNDS
from monitor.observations import Package, Standing
from monitor.queries.show import show_json
from monitor.record import Recorder
from monitor.results import Seen
from monitor.sources.http import Http
from monitor.sources.packument import parse_packument
from monitor.store.advisories import coverage
from monitor.store.engine import Store
from monitor.store.tables import AdvisoryRow, ChangeRow
from monitor.store.targets import Wanted, by_subject, reconcile
from monitor.store.upgrade import upgrade
from tests.services.osv_server import OsvServer, advisory, only, zipped

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
PAD, LODASH = "pkg:npm/left-pad", "pkg:npm/lodash"
PUBLIC = Registry("http://registry.example/")
BELOW_TWO = {"ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "2.0.0"}]}]}


@pytest.fixture
def osv(servers: Any) -> Iterator[OsvServer]:
    found = OsvServer()

    async def start() -> web.AppRunner:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_route("*", "/{path:.*}", found.serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    runner = servers.run(start())
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield found
    servers.run(runner.cleanup())


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with every table and no row."""
    file = tmp_path_factory.mktemp("upgraded") / "weaklink.db"
    made = Store(f"sqlite:///{file}")
    upgrade(made, START)
    made.close()
    return file


@pytest.fixture
def store(upgraded: Path, tmp_path: Path) -> Iterator[Store]:
    shutil.copy(upgraded, tmp_path / "weaklink.db")
    found = Store(f"sqlite:///{tmp_path}/weaklink.db")
    yield found
    found.close()


class Watching:
    """A watch of some packages, and what it is told."""

    def __init__(self, store: Store, osv: OsvServer, source: str, **told: Any) -> None:
        self.store, self.osv, self.now = store, osv, START
        self.settings = Settings.model_validate(
            {
                "advisories": {
                    "enabled": True,
                    "source": source,
                    "api_url": osv.url,
                    "dumps_url": osv.url,
                    "mirror": True,
                    "requests_per_second": 10_000.0,
                }
                | told,
                "channel": [{"name": "hook", "url": "json://127.0.0.1:1"}],
                "route": [{"match": {"severity": ">=low"}, "channels": ["hook"], "group_wait": "0s"}],
            }
        )
        self.scopes: dict[str, Registry] = {}
        self.http = Http(self.settings.advisories, clock=lambda: self.now, elapsed=self.elapsed)
        self.begin()

    def begin(self) -> None:
        """As after a restart."""
        self.recorder = Recorder(self.settings, policy(self.settings, COMPOUNDS), Random(0))
        self.following = Advisories(
            self.store,
            self.http,
            self.recorder,
            lambda: Destinations(PUBLIC, self.scopes, (PUBLIC,)),
            lambda: self.now,
            Random(0),
            elapsed=self.elapsed,
        )

    def elapsed(self) -> float:
        return (self.now - START).total_seconds()

    def watch(self, **versions: Sequence[str] | None) -> None:
        """Watch npm packages in these versions; by their names alone for None."""
        wanted = [
            Wanted(
                watch="shop",
                owner="web",
                subject=f"pkg:npm/{name.replace('_', '-')}",
                sort="package",
                versions=tuple(v or ()),
            )
            for name, v in versions.items()
        ]
        with self.store.transaction() as session:
            reconcile(session, wanted, self.now, Random(0))
        self.following.stir()

    async def look(self, after: timedelta = timedelta(minutes=30)) -> str:
        self.now += after
        return await self.following.look()

    def alerts(self) -> list[tuple[str, str, str]]:
        """Severity, state and cause of every alert."""
        with self.store.reading() as session:
            found = session.exec(select(Alert).order_by(col(Alert.id))).all()
            return [(["info", "low", "medium", "high", "critical"][a.severity], a.state, a.cause) for a in found]

    def titles(self) -> list[str]:
        with self.store.reading() as session:
            return [a.title for a in session.exec(select(Alert).order_by(col(Alert.id))).all()]

    def kinds(self) -> list[tuple[str, str]]:
        with self.store.reading() as session:
            return list(session.exec(select(ChangeRow.kind, ChangeRow.subject).order_by(col(ChangeRow.id))).all())

    def shown(self, subject: str) -> list[dict[str, Any]] | None:
        with self.store.reading() as session:
            found = show_json(session, subject, self.settings.thresholds, self.now)
        assert found is not None
        told: list[dict[str, Any]] | None = found["facts"].get("advisories")
        return told


@pytest.fixture(params=["api", "dumps"])
async def watching(request: Any, store: Store, osv: OsvServer) -> AsyncIterator[Watching]:
    osv.publish(advisory("GHSA-zzzz-zzzz-zzzz", "somebody-else"))
    made = Watching(store, osv, request.param)
    yield made
    await made.http.close()


async def test_at_the_first_look_one_alert_tells_what_is_in_use_and_the_rest_is_only_shown(
    watching: Watching, osv: OsvServer
) -> None:
    old = {"published": "2021-01-01T00:00:00Z"}
    osv.publish(
        *(advisory(f"GHSA-{n}{n}{n}{n}-aaaa-aaaa", "left-pad", affected=BELOW_TWO, **old) for n in range(5)),
        advisory("GHSA-bbbb-bbbb-bbbb", "lodash", affected=BELOW_TWO, **old),
        advisory("GHSA-cccc-cccc-cccc", "lodash", affected=only("0.1.0"), **old),
        advisory("MAL-2021-1", "lodash", affected=only("0.2.0"), **old),
        advisory("MAL-2021-2", "named", affected=only("0.2.0"), **old),
    )
    watching.watch(left_pad=["1.3.0"], lodash=["1.0.0"], named=None, quiet=["1.0.0"])
    assert watching.shown("pkg:npm/quiet") is None, "unknown is not none"
    assert await watching.look() == ""
    assert watching.alerts() == [("medium", "open", "advisories:known")]
    assert len(watching.kinds()) == 6
    assert [one["id"] for one in watching.shown(LODASH) or []] == [
        "GHSA-bbbb-bbbb-bbbb",
        "MAL-2021-1",
        "GHSA-cccc-cccc-cccc",
    ]
    assert watching.shown("pkg:npm/quiet") == []
    told = watching.shown("pkg:npm/named") or []
    assert [(one["use"], one["severity"]) for one in told] == [("unknown", "high")]


async def test_a_new_advisory_is_told_and_ends_when_the_project_moves_on(watching: Watching, osv: OsvServer) -> None:
    watching.watch(left_pad=["1.3.0"], lodash=["1.0.0"])
    await watching.look()
    osv.publish(
        advisory(
            "GHSA-aaaa-aaaa-aaaa",
            "left-pad",
            affected=BELOW_TWO,
            aliases=["CVE-2026-7"],
            modified="2026-11-20T12:10:00Z",
            database_specific={"severity": "MODERATE"},
        )
    )
    await watching.look()
    assert watching.alerts() == [("medium", "open", "advisory:CVE-2026-7")]
    assert watching.titles() == ["npm:left-pad 1.3.0, which is in use, is affected by GHSA-aaaa-aaaa-aaaa"]
    watching.watch(left_pad=["2.0.0"], lodash=["1.0.0"])
    await watching.look()
    assert watching.alerts() == [("medium", "resolved", "advisory:CVE-2026-7")]
    watching.watch(left_pad=["1.3.0"], lodash=["1.0.0"])
    await watching.look()
    assert watching.alerts() == [("medium", "open", "advisory:CVE-2026-7")], "moved back: the same alert again"


async def test_an_advisory_that_grows_makes_its_alert_graver_and_a_withdrawn_one_ends_it(
    watching: Watching, osv: OsvServer
) -> None:
    watching.watch(left_pad=["1.3.0"])
    await watching.look()
    osv.publish(advisory("MAL-2026-1", "left-pad", affected=only("9.9.9"), modified="2026-11-20T12:10:00Z"))
    await watching.look()
    assert [severity for severity, *_ in watching.alerts()] == ["medium"]
    osv.publish(advisory("MAL-2026-1", "left-pad", affected=only("9.9.9", "1.3.0"), modified="2026-11-20T13:10:00Z"))
    await watching.look()
    assert [alert[:2] for alert in watching.alerts()] == [("critical", "open")]
    gone = advisory(
        "MAL-2026-1",
        "left-pad",
        affected=only("9.9.9", "1.3.0"),
        modified="2026-11-20T13:40:00Z",
        withdrawn="2026-11-20T13:40:00Z",
    )
    osv.publish(gone)
    await watching.look()
    assert [alert[:2] for alert in watching.alerts()] == [("critical", "resolved")]
    assert [kind for kind, _ in watching.kinds()] == ["advisory-published", "advisory-published", "advisory-withdrawn"]
    assert watching.shown(PAD) == []
    asked = len(osv.asked)
    await watching.look()
    assert not [path for path in osv.asked[asked:] if "MAL-2026-1" in path], "what was withdrawn is not asked for again"


async def test_a_withdrawn_advisory_that_lost_its_packages_ends_too(watching: Watching, osv: OsvServer) -> None:
    osv.publish(advisory("MAL-2026-1", "left-pad", affected=only("1.3.0")))
    watching.watch(left_pad=["1.3.0"])
    await watching.look()
    assert [alert[:2] for alert in watching.alerts()] == [("critical", "open")]
    empty = advisory("MAL-2026-1", "left-pad", withdrawn="2026-11-20T12:10:00Z", modified="2026-11-20T12:10:00Z")
    osv.publish(empty | {"affected": []})
    for name in ("one", "two", "three"):
        # In dumps, that it is listed no more shows when all of them are read again.
        watching.watch(left_pad=["1.3.0"], **{name: None})
        await watching.look(timedelta(hours=7))
    assert [alert[:2] for alert in watching.alerts()] == [("critical", "resolved")]


async def test_one_of_several_that_ends_ends_no_other(watching: Watching, osv: OsvServer) -> None:
    one, other = (advisory(f"GHSA-{n}{n}{n}{n}-aaaa-aaaa", "left-pad", affected=BELOW_TWO) for n in "ab")
    osv.publish(one, other)
    watching.watch(left_pad=["1.3.0"])
    await watching.look()
    for withdrawn, state in ((one, "open"), (other, "resolved")):
        osv.publish(withdrawn | dict.fromkeys(("withdrawn", "modified"), f"{watching.now:%Y-%m-%dT%H:%M:%SZ}"))
        await watching.look()
        assert watching.alerts() == [("medium", state, "advisories:known")]


async def test_an_advisory_that_is_published_no_more_ends(watching: Watching, osv: OsvServer) -> None:
    osv.publish(advisory("MAL-2026-1", "left-pad", affected=only("1.3.0")))
    watching.watch(left_pad=["1.3.0"])
    await watching.look()
    document = osv.documents.pop("MAL-2026-1")
    watching.watch(left_pad=["1.3.0"], lodash=["1.0.0"])
    await watching.look(timedelta(hours=7))
    assert [alert[:2] for alert in watching.alerts()] == [("critical", "resolved")]
    osv.publish(document | {"modified": f"{watching.now:%Y-%m-%dT%H:%M:%SZ}"})
    await watching.look()
    assert [alert[:2] for alert in watching.alerts()] == [("critical", "open")], "and is told again when it is back"


async def test_malice_in_a_lock_file_that_moves_to_it_is_critical(watching: Watching, osv: OsvServer) -> None:
    osv.publish(advisory("MAL-2020-1", "left-pad", affected=only("1.4.0"), published="2020-01-01T00:00:00Z"))
    watching.watch(left_pad=["1.3.0"])
    await watching.look()
    assert watching.alerts() == []
    watching.watch(left_pad=["1.3.0", "1.4.0"])
    await watching.look(timedelta(0))
    assert watching.alerts() == [("critical", "open", f"release:{PAD}@1.4.0")]
    watching.watch(left_pad=["1.3.0"])
    await watching.look()
    assert [alert[:2] for alert in watching.alerts()] == [("critical", "open")], (
        "the machines that ran it are not clean"
    )


def seen(watching: Watching, document: Package) -> None:
    with watching.store.transaction() as session:
        (due,) = by_subject(session, [PAD])
        watching.recorder.record(session, [Seen(due=due, at=watching.now, observation=document)], watching.now)


@pytest.mark.parametrize("first", ["advisory", "placeholder"])
async def test_one_incident_is_one_alert_whichever_is_seen_first(
    watching: Watching, osv: OsvServer, packument: Any, first: str
) -> None:
    """A malicious release in use, and the registry that replaces the package by its security placeholder."""
    watching.watch(left_pad=["1.3.0"])
    await watching.look()
    package = parse_packument(json.dumps(packument()).encode(), "left-pad")
    seen(watching, package)
    assert watching.alerts() == []
    placeholder = Package(
        ecosystem="npm", name="left-pad", standing=Standing.SECURITY_PLACEHOLDER, releases=package.releases
    )
    osv.publish(advisory("MAL-2026-1", "left-pad", affected=only("1.3.0"), modified="2026-11-20T12:40:00Z"))
    if first == "placeholder":
        seen(watching, placeholder)
    await watching.look()
    if first == "advisory":
        seen(watching, placeholder)
    ((severity, state, _),) = watching.alerts()
    assert (severity, state) == ("critical", "open")
    with watching.store.reading() as session:
        (found,) = findings_of(session, [session.exec(select(Alert.id)).one() or 0]).values()
    assert {finding.kind for finding in found} == {"advisory-published", "security-placeholder"}
    assert all(reach.use == "used" for finding in found if finding.which for reach in finding.reach)


async def test_a_release_that_was_told_by_its_metadata_is_the_one_that_the_advisory_names(
    watching: Watching, osv: OsvServer, packument: Any, taken_over: Any
) -> None:
    watching.watch(left_pad=["1.4.0"])
    await watching.look()
    for document in (packument(), taken_over()):
        seen(watching, parse_packument(json.dumps(document).encode(), "left-pad"))
    before = watching.alerts()
    assert f"release:{PAD}@1.4.0" in [cause for *_, cause in before]
    osv.publish(advisory("MAL-2026-1", "left-pad", affected=only("1.4.0"), modified="2026-11-20T12:40:00Z"))
    await watching.look()
    assert watching.alerts() == before, "the open alert tells it"
    with watching.store.reading() as session:
        (alert,) = session.exec(select(Alert).where(Alert.cause == f"release:{PAD}@1.4.0")).all()
        kinds = {finding.kind for finding in findings_of(session, [alert.id or 0])[alert.id or 0]}
    assert {"advisory-published", "install-script-added"} <= kinds


@pytest.mark.parametrize("source", ["api", "dumps"])
async def test_postgresql_keeps_the_same(postgresql_url: str, osv: OsvServer, source: str) -> None:
    store = Store(postgresql_url)
    upgrade(store, START)
    watching = Watching(store, osv, source)
    osv.publish(advisory("GHSA-bbbb-bbbb-bbbb", "lodash", affected=BELOW_TWO))
    watching.watch(left_pad=["1.3.0"], lodash=["1.0.0"])
    await watching.look()
    osv.publish(advisory("MAL-2026-1", "left-pad", affected=only("1.3.0"), modified="2026-11-20T12:40:00Z"))
    await watching.look()
    assert [alert[:2] for alert in watching.alerts()] == [("medium", "open"), ("critical", "open")]
    told = {"withdrawn": "2026-11-20T13:10:00Z", "modified": "2026-11-20T13:10:00Z"}
    osv.publish(advisory("MAL-2026-1", "left-pad", affected=only("1.3.0"), **told))
    await watching.look()
    assert [alert[:2] for alert in watching.alerts()] == [("medium", "open"), ("critical", "resolved")]
    assert watching.shown(PAD) == []
    await watching.http.close()
    store.close()


async def test_several_databases_tell_of_one_thing_once(watching: Watching, osv: OsvServer) -> None:
    watching.watch(left_pad=["1.3.0"])
    await watching.look()
    told: dict[str, Any] = {"affected": BELOW_TWO, "modified": "2026-11-20T12:10:00Z"}
    osv.publish(
        advisory("GHSA-aaaa-aaaa-aaaa", "left-pad", aliases=["PYSEC-2026-1"], **told),
        advisory("PYSEC-2026-1", "left-pad", aliases=["GHSA-aaaa-aaaa-aaaa"], **told),
    )
    await watching.look()
    assert len(watching.alerts()) == 1
    assert len(watching.kinds()) == 1


async def test_nothing_new_writes_nothing_and_reads_no_document(watching: Watching, osv: OsvServer) -> None:
    osv.publish(advisory("MAL-2026-1", "left-pad", affected=only("1.3.0")))
    watching.watch(left_pad=["1.3.0"])
    await watching.look()

    def state() -> list[Any]:
        with watching.store.reading() as session:
            return [
                session.exec(select(AdvisoryRow.id, AdvisoryRow.modified, AdvisoryRow.body)).all(),
                session.exec(select(ChangeRow.id)).all(),
                session.exec(select(Delivery.id)).all(),
            ]

    before, asked = state(), len(osv.asked)
    for _ in range(3):
        watching.begin()
        assert await watching.look() == ""
    assert state() == before
    assert {path.rpartition("/")[2] for path in osv.asked[asked:]} <= {"querybatch", "modified_id.csv", "left-pad"}


async def test_trouble_far_away_leaves_things_unknown_and_is_told_as_a_source_that_is_down(
    watching: Watching, osv: OsvServer
) -> None:
    osv.publish(advisory("MAL-2026-1", "left-pad", affected=only("1.3.0")))
    watching.watch(left_pad=["1.3.0"])
    osv.refuse = [(429, {"Retry-After": "600"})]
    assert "retry after 600 s" in await watching.look()
    assert watching.shown(PAD) is None
    with watching.store.reading() as session:
        assert coverage(session)["unknown"] == 1
    assert [host.state for host in watching.following.health()] == ["slowed"]
    asked = len(osv.asked)
    assert await watching.look(timedelta(minutes=5)) == ""
    assert len(osv.asked) == asked, "it asked to be left alone"
    assert await watching.look(timedelta(minutes=6)) == ""
    assert [severity for severity, *_ in watching.alerts()] == ["critical"]
    assert [host.state for host in watching.following.health()] == ["up"]


async def test_a_foreign_answer_is_no_answer(watching: Watching, osv: OsvServer) -> None:
    async def other(_: web.Request) -> web.Response:
        return web.Response(text="<html>sign in</html>")

    watching.watch(left_pad=["1.3.0"])
    osv.dumps = {f"npm/{name}": b"<html>sign in</html>" for name in ("modified_id.csv", "all.zip")}
    osv.serve = other  # type: ignore[method-assign, assignment]
    if watching.settings.advisories.source == "api":
        osv.refuse = [(200, {})]
    assert await watching.look() != ""
    assert watching.shown(PAD) is None
    (host,) = watching.following.health()
    assert (host.state, host.down_since) == ("down", watching.now)


async def test_many_pages_and_many_packages_are_asked_for_to_the_end(store: Store, osv: OsvServer) -> None:
    osv.page = 3
    osv.publish(*(advisory(f"GHSA-{n:04}-aaaa-aaaa", "left-pad", affected=BELOW_TWO) for n in range(10)))
    watching = Watching(store, osv, "api")
    watching.watch(left_pad=["1.3.0"], **{f"p{n}": ["1.0.0"] for n in range(1200)})
    assert await watching.look() == ""
    assert len(watching.shown(PAD) or []) == 10
    assert osv.asked.count("left-pad") == 4
    assert osv.asked.count("/v1/querybatch") == 2 + 3
    with store.reading() as session:
        assert coverage(session)["unknown"] == 0
    await watching.http.close()


async def test_an_advisory_that_cannot_be_read_holds_up_only_whom_it_names(store: Store, osv: OsvServer) -> None:
    osv.publish(
        advisory("MAL-2026-1", "left-pad", affected=only("1.3.0")),
        advisory("MAL-2026-2", "lodash", affected=only("1.0.0")),
    )
    watching = Watching(store, osv, "api")
    watching.watch(left_pad=["1.3.0"], lodash=["1.0.0"])
    osv.broken = {"MAL-2026-1": 500}
    assert "500" in await watching.look()
    assert watching.shown(PAD) is None
    assert [one["id"] for one in watching.shown(LODASH) or []] == ["MAL-2026-2"]
    osv.broken = {"MAL-2026-1": 200}
    assert await watching.look() == ""
    (told,) = watching.shown(PAD) or []
    assert (told["id"], told["use"], told["severity"]) == ("MAL-2026-1", "unknown", "high")
    osv.broken = {}
    await watching.look()
    assert {alert[0] for alert in watching.alerts()} == {"critical"}
    await watching.http.close()


async def test_private_names_are_sent_nowhere(store: Store, osv: OsvServer) -> None:
    osv.publish(
        advisory("MAL-2026-1", "@corp/tool"), advisory("MAL-2026-2", "left-pad"), advisory("PYSEC-1", "other", "PyPI")
    )
    wanted = [
        Wanted(watch="shop", subject=subject, sort="package", versions=("1.0.0",))
        for subject in ("pkg:npm/%40corp/tool", "pkg:npm/%40public/tool", PAD, "pkg:pypi/requests")
    ]
    for mirror, asked in ((True, {"@public/tool", "left-pad", "requests"}), (False, set())):
        watching = Watching(store, osv, "api", mirror=mirror)
        watching.scopes = {"@corp": Registry("http://npm.corp.example/")}
        with store.transaction() as session:
            reconcile(session, wanted, watching.now, Random(0))
        watching.now += timedelta(hours=1)
        osv.asked.clear()
        assert await watching.look() == ""
        assert {name for name in osv.asked if not name.startswith("/")} == asked
        assert watching.shown("pkg:npm/%40corp/tool") is None, "the public package of that name is another one"
        await watching.http.close()
    dumps = Watching(store, osv, "auto", mirror=False)
    dumps.scopes = {"@corp": Registry("http://npm.corp.example/")}
    dumps.now += timedelta(hours=2)
    osv.asked.clear()
    assert await dumps.look() == ""
    assert osv.asked == [f"/{name}/{file}" for name in ("npm", "PyPI") for file in ("modified_id.csv", "all.zip")]
    assert dumps.shown("pkg:npm/%40corp/tool") is None
    await dumps.http.close()


def bomb() -> bytes:
    """A document that fills what a dump may expand to many times over, in few bytes."""
    body = b'{"id": "MAL-1", "details": "' + b" " * (4 * 1024 * 1024 - 100) + b'"}'
    return zipped({f"MAL-{n}.json": body for n in range(20)})


def flipped(body: bytes) -> bytes:
    damaged = bytearray(body)
    damaged[60] ^= 0xFF
    return bytes(damaged)


@pytest.mark.parametrize(
    ("dump", "problem"),
    [
        (bomb(), "grows past"),
        (b"", "no zip"),
        (b"PK\x05\x06" + b"\0" * 18, "no advisory"),
        (zipped({"MAL-1.json": b"{}"}), "no advisory"),
        (flipped(zipped({"MAL-1.json": b'{"id": "MAL-1"}' * 20})), "damaged"),
        (zipped({"MAL-1.json": b'{"id": "MAL-1"}'})[:-30], "damaged"),
        (b"PK\x05\x06" + b"\0" * 8 + b"\xff\xff\xff\x7f" + b"\0" * 6, "too many"),
        (zlib.compress(b"x" * 1000), "no zip"),
        (b"x" * 70_000, "larger than"),
    ],
)
async def test_a_dump_that_is_none_changes_nothing_and_exhausts_nobody(
    store: Store, osv: OsvServer, dump: bytes, problem: str
) -> None:
    osv.publish(advisory("MAL-2026-1", "left-pad", affected=only("1.3.0")))
    osv.dumps["npm/all.zip"] = dump
    watching = Watching(store, osv, "dumps", largest_dump=64 * 1024 if len(dump) == 70_000 else 1 << 30)
    watching.watch(left_pad=["1.3.0"])
    assert problem in await watching.look()
    assert watching.shown(PAD) is None
    osv.dumps.clear()
    assert await watching.look() == ""
    assert [severity for severity, *_ in watching.alerts()] == ["critical"]
    await watching.http.close()


async def test_what_is_modified_is_learnt_from_the_list_alone(store: Store, osv: OsvServer) -> None:
    osv.publish(*(advisory(f"GHSA-{n:04}-aaaa-aaaa", f"other-{n}") for n in range(50)))
    watching = Watching(store, osv, "dumps")
    watching.watch(left_pad=["1.3.0"])
    await watching.look()
    osv.asked.clear()
    osv.publish(advisory("MAL-2026-1", "left-pad", affected=only("1.3.0"), modified="2026-11-20T12:10:00Z"))
    osv.publish(advisory("MAL-2026-2", "somebody", modified="2026-11-20T12:11:00Z"))
    await watching.look()
    assert osv.asked == ["/npm/modified_id.csv", "/npm/MAL-2026-1.json", "/npm/MAL-2026-2.json"], "all that is new"
    assert [severity for severity, *_ in watching.alerts()] == ["critical"]
    watching.watch(left_pad=["1.3.0"], lodash=["1.0.0"])
    await watching.look()
    assert "/npm/all.zip" not in osv.asked, "a dump was read lately"
    assert watching.shown(LODASH) is None
    await watching.look(timedelta(hours=6))
    assert watching.shown(LODASH) == []


async def test_a_crowd_of_one_moment_is_read_once(
    store: Store, osv: OsvServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More advisories were modified at the newest moment than are worth to be read one by one."""
    monkeypatch.setattr("monitor.sources.osv_dumps.MOST_NEW", 5)
    osv.publish(*(advisory(f"GHSA-{n:04}-aaaa-aaaa", f"other-{n}") for n in range(20)))
    watching = Watching(store, osv, "dumps")
    watching.watch(left_pad=["1.3.0"])
    await watching.look()
    osv.asked.clear()
    await watching.look()
    assert osv.asked == ["/npm/modified_id.csv"]
    osv.publish(
        *(
            advisory(f"MAL-{n}", "left-pad", affected=only("1.3.0"), modified=f"2026-11-20T12:10:0{n}Z")
            for n in range(6)
        )
    )
    await watching.look()
    assert osv.asked[-1] == "/npm/all.zip", "so many are cheaper as one dump"
    assert [severity for severity, *_ in watching.alerts()] == ["critical"]
    osv.asked.clear()
    await watching.look(timedelta(days=7))
    assert osv.asked[-1] == "/npm/all.zip", "now and then all of it is read"
    await watching.http.close()
