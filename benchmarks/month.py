"""The month that ``benchmarks.noise`` measures: what is done to the world, who answers, and everything in between.

What is told goes the whole way: checks, recorder, comparison, alerts, groups, outbox, and the deliverer with Apprise to
two webhooks on loopback. Only the registry, the domains and the clock are made up.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any, Final

from aiohttp import web
from msgspec import Struct
from sqlmodel import Session, col, func, select

from alerts import acting, lifecycle
from alerts.deliver import Deliverer
from alerts.findings import Finding
from alerts.held import findings_of
from alerts.model import Alert, AlertState, Delivery, DeliveryState, Group
from alerts.round import tell_due
from alerts.routing import policy
from benchmarks.world import DAY, HOUR, START, World
from config.settings import Settings
from config.severity import Severity
from monitor.changes.compounds import COMPOUNDS
from monitor.check import Checker
from monitor.health import INHIBITIONS, watch_findings
from monitor.observations import Account
from monitor.record import Recorder
from monitor.results import Result
from monitor.store.engine import Store
from monitor.store.tables import Target
from monitor.store.targets import Wanted, reconcile, take_due
from monitor.store.upgrade import upgrade
from monitor.upcoming import upcoming

TICK: Final = timedelta(minutes=10)
"""The longest step of the clock, if nothing else is asked for; it is shorter where something is due sooner."""
SHORTEST: Final = timedelta(seconds=30)
ORG: Final = 12
"""Packages to which one organisation lets in one account."""
MALLORY: Final = Account("mallory", "mallory@gmail.com")


class Received(Struct):
    """One message as a channel got it."""

    at: datetime
    channel: str
    content: dict[str, Any]


class Month:
    """One run; fewer packages or days have proportionally less done to them, but for the take-overs and domains."""

    def __init__(
        self, packages: int = 1500, days: int = 30, *, answered: bool = True, tick: timedelta = TICK, url: str = ""
    ) -> None:
        self.world = World(packages, days)
        self.scale = packages / 1500 * days / 30
        self.days, self.answered, self.tick, self.url = days, answered, tick, url
        self.received: list[Received] = []
        self.dead = (START, START)
        self.checks = 0
        self._answered_at = START
        self._rng = Random(2)
        self._happens()

    # --- what people do to the world ------------------------------------------------------------------------------

    def _happens(self) -> None:
        world, names = self.world, iter(self._rng.sample(sorted(self.world.packages), len(self.world.packages)))
        self._people(names)
        self._domains()
        scale = self.days / 30
        day = scale * DAY
        self._stranger(next(names), START + 6 * day + 3 * HOUR)
        attested = next(n for n in names if _attested(world, n))
        self.dead = START + 11 * day, START + 13 * day
        self._stolen_token(attested, START + 12 * day + 2 * HOUR)
        self._bought_domain(START + 18 * day + 4 * HOUR)
        for begin, hours in ((10 * day, 5), (21 * day, 26)):
            world.outages.append((START + begin, START + begin + hours * HOUR * min(1, scale * 2)))

    def _people(self, names: Iterator[str]) -> None:
        """Forty additions of maintainers: one account to twelve packages of an organisation, the others one by one."""
        world, rng = self.world, self._rng
        newcomer = Account("org-newcomer", "newcomer@gmail.com")
        when = START + 0.3 * self.days * DAY
        for minute in range(round(ORG * min(1, 4 * self.scale))):
            self._let_in(_next_alive(world, names), newcomer, when + timedelta(minutes=minute))
        for number in range(max(2, round(28 * self.scale))):
            # Who lets somebody in mostly works on the package; one in seven is handed on after years.
            name = next(names) if number % 7 == 6 else _next_alive(world, names)
            account = Account(f"helper-{number}", f"helper{number}@gmail.com")
            moment = START + rng.random() * self.days * DAY
            self._let_in(name, account, moment)
            if number % 3 == 0 and not _attested(world, name):
                self._publishes(name, account, moment + 30 * HOUR)

    def _let_in(self, name: str, account: Account, moment: datetime) -> None:
        self.world.at(moment, "maintainer added", name, lambda: self.world.let_in(name, account))

    def _publishes(self, name: str, account: Account, moment: datetime) -> None:
        self.world.at(moment, "published by another", name, lambda: self.world.release(name, (), publisher=account))

    def _domains(self) -> None:
        """Six domains come to their end: renewed in good time, late, or never."""
        day = self.days / 30 * DAY
        fates = [(5, 3), (9, 12), (20, 15), (14, None), (25, 24)]
        for domain, (expires, renewed) in zip(sorted(self.world.registered), fates, strict=False):
            end = START + expires * day
            self._register(domain, end)
            if renewed is not None:
                self.world.at(
                    START + renewed * day,
                    "domain renewed",
                    domain,
                    partial(self._register, domain, end + 365 * DAY),
                )
            self.world.at(end, "domain expires", domain, lambda: None)

    def _register(self, domain: str, expires: datetime, **other: Any) -> None:
        self.world.registered[domain] = self.world.registration(domain, expires, **other)

    def _bought_domain(self, moment: datetime) -> None:
        """The third take-over: a domain lapses for good, somebody buys it, and the account on it publishes."""
        domain = sorted(self.world.registered)[-1]
        day = self.days / 30 * DAY
        expired = START - 70 * DAY
        self._register(domain, expired, statuses=("redemption period",))
        self.world.at(
            START + 4 * day,
            "domain to be deleted",
            domain,
            lambda: self._register(domain, expired, statuses=("pending delete",)),
        )
        gone: dict[str, None] = {domain: None}
        self.world.at(START + 9 * day, "domain deleted", domain, lambda: self.world.registered.update(gone))
        bought = START + 16 * day
        self.world.at(
            bought,
            "domain bought",
            domain,
            lambda: self._register(
                domain, bought + 365 * DAY, registered_at=bought, registrar="Other", handle=f"{domain}-2"
            ),
        )
        name = next(n for n in reversed(self.world.packages) if domain in str(self.world.packages[n].maintainers))
        self._take_over(
            name, moment, publisher=self._owner(name), trusted_publisher="", provenance="", npm_version="6.1.0"
        )

    def _stranger(self, name: str, moment: datetime) -> None:
        """The first: a stranger is let in and releases code that runs on install."""
        self.world.at(moment - 2 * HOUR, "take-over begins", name, lambda: self.world.let_in(name, MALLORY))
        scripts = {"postinstall": "node setup.js"}
        self._take_over(name, moment, publisher=MALLORY, trusted_publisher="", provenance="", scripts=scripts, files=41)

    def _stolen_token(self, name: str, moment: datetime) -> None:
        """The second: the maintainer's own token, by hand instead of from the build, with a script."""
        scripts = {"preinstall": "node bundle.js"}
        self._take_over(
            name, moment, publisher=self._owner(name), trusted_publisher="", provenance="", git_head="", scripts=scripts
        )

    def _owner(self, name: str) -> Account:
        """Who can publish it, first of all."""
        owners = self.world.packages[name].maintainers
        assert isinstance(owners, tuple)
        return owners[0]

    def _take_over(self, name: str, moment: datetime, **changes: Any) -> None:
        self.world.at(moment, "take-over", name, lambda: self.world.release(name, (), **changes))

    # --- the run --------------------------------------------------------------------------------------------------

    async def run(self) -> Month:
        runner, port = await self._listen()
        with tempfile.TemporaryDirectory(prefix="weaklink-month-") as folder:
            self.store = Store(self.url or f"sqlite:///{folder}/weaklink.db")
            try:
                await self._go(port)
                self.told = await self.store.read(_read)
            finally:
                self.store.close()
                await runner.cleanup()
        return self

    async def _listen(self) -> tuple[web.AppRunner, int]:
        app = web.Application()
        app.router.add_post("/{channel}", self._take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner, runner.addresses[0][1]

    async def _take(self, request: web.Request) -> web.Response:
        channel = request.match_info["channel"]
        if channel == "chat" and self.dead[0] <= self.world.now < self.dead[1]:
            return web.Response(status=503)
        content = json.loads((await request.json())["message"])
        self.received.append(Received(self.world.now, channel, content))
        return web.Response()

    async def _go(self, port: int) -> None:
        self.settings = _settings(port)
        world, store, rng = self.world, self.store, Random(3)
        self.policy = policy(self.settings, COMPOUNDS, INHIBITIONS)
        self.recorder = Recorder(self.settings, self.policy, rng)
        self.checker = Checker({"npm": world}, world, lambda: world.now)
        self.deliverer = Deliverer(
            store,
            self.settings.channel,
            lambda: world.now,
            rng=rng,
            monotonic=lambda: (world.now - START).total_seconds(),
        )
        upgrade(store, world.now)
        wanted = [
            Wanted(watch="shop", owner="web-team", subject=f"pkg:npm/{name}", sort="package") for name in world.packages
        ]
        await store.write(lambda session: reconcile(session, wanted, world.now, rng))
        now = START - 3 * HOUR
        # On a working day at nine the last digest is out.
        end = START + self.days * DAY
        while end.weekday() > 4 or end.hour < 9:
            end += HOUR
        while now < end:
            soon = await store.read(_next)
            now = min(now + self.tick, max(now + SHORTEST, soon or now + self.tick))
            world.advance(now)
            await self._tick(now)

    async def _tick(self, now: datetime) -> None:
        store = self.store
        lanes = ("npm", "domain")
        dues = await store.read(lambda session: [due for lane in lanes for due in take_due(session, now, 4000, lane)])
        results: list[Result] = [await self.checker.check(due) for due in dues]
        self.checks += len(results)
        while results:
            outcome = await store.write(partial(self.recorder.record, results=results, now=now))
            results = [await self.checker.look_up(one.seen, one.names) for one in outcome.lookups]
        told = await store.read(lambda s: watch_findings(s, self.world.health(), self.settings, now))
        if told:
            await store.write(lambda s: lifecycle.take(s, told, recent=(), policy=self.policy, now=now))
        if self.answered and now.weekday() < 5 and 9 <= now.hour < 17 and now - self._answered_at >= HOUR:
            self._answered_at = now
            await store.write(lambda s: _answer(s, now))
        await tell_due(store, self.policy, self.deliverer.deliver_due, now, upcoming)
        await self.deliverer.settle()


def _settings(port: int) -> Settings:
    """The channels and routes of the README."""
    return Settings.model_validate(
        {
            "watch": [{"name": "shop", "owner": "web-team"}],
            "channel": [
                {"name": "chat", "url": f"json://127.0.0.1:{port}/chat"},
                {"name": "mail", "url": f"json://127.0.0.1:{port}/mail"},
            ],
            "route": [
                {"match": {"severity": ">=high"}, "channels": ["chat"]},
                {"match": {"severity": ">=low"}, "channels": ["mail"], "digest": "0 8 * * mon-fri"},
            ],
        }
    )


def _next(session: Session) -> datetime | None:
    """When something is due that cannot wait for the next step: a group, a message, a second look."""
    pending = Delivery.state == DeliveryState.PENDING
    heads = select(func.min(Delivery.id)).where(pending).group_by(col(Delivery.channel))
    times = (
        select(func.min(Group.due_at)),
        select(func.min(Delivery.next_attempt_at)).where(col(Delivery.id).in_(heads)),
        select(func.min(Target.due_at)).where(col(Target.suspect).is_not(None)),
    )
    return min((at for query in times if (at := session.exec(query).one()) is not None), default=None)


def _next_alive(world: World, names: Iterator[str]) -> str:
    return next(name for name in names if name in world.alive)


def _attested(world: World, name: str) -> bool:
    releases = world.packages[name].releases
    return isinstance(releases, dict) and all(release.provenance for release in releases.values())


def _answer(session: Session, now: datetime) -> None:
    """Somebody at their desk: acknowledges what is grave and open, and closes it when two days have passed."""
    grave = session.exec(
        select(Alert).where(Alert.state != AlertState.RESOLVED, col(Alert.severity) >= int(Severity.HIGH))
    ).all()
    fresh = [a.id or 0 for a in grave if a.state == AlertState.OPEN and not a.lasting]
    if fresh:
        acting.acknowledge(session, fresh, who="bob", note="looking", until=None, now=now)
    done = [
        a.id or 0
        for a in grave
        if a.acknowledged_at is not None and now - a.acknowledged_at > 2 * DAY and not a.lasting
    ]
    if done:
        acting.resolve(session, done, who="bob", note="seen to", now=now)
    states = [a.id or 0 for a in grave if a.state == AlertState.OPEN and a.lasting]
    if states:
        acting.acknowledge(session, states, who="bob", note="told the maintainer", until=None, now=now)


class Told(Struct):
    """An alert at the end of the month, with the moments at which what it is made of was told."""

    alert: Alert
    findings: list[Finding]
    told_at: list[datetime]

    def untold(self) -> list[Finding]:
        """What nobody was told although it did not end before its time to be told came."""
        latest = max(self.told_at, default=None)
        return [
            f
            for f in self.findings
            if f.severity > Severity.INFO
            and not f.quiet
            and (latest is None or f.at > latest)
            and self.alert.state != AlertState.RESOLVED
        ]


def _read(session: Session) -> list[Told]:
    alerts = session.exec(select(Alert).order_by(col(Alert.id))).all()
    findings = findings_of(session, [alert.id or 0 for alert in alerts])
    told: dict[int, list[datetime]] = {}
    for row in session.exec(select(Delivery).where(Delivery.state == DeliveryState.SENT)):
        for alert in row.alerts:
            told.setdefault(alert, []).append(row.created_at)
    session.expunge_all()
    return [Told(alert, findings[alert.id or 0], told.get(alert.id or 0, [])) for alert in alerts]
