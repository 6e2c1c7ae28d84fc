"""The parts put together: one place that knows which source, store and policy a configuration means."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from msgspec.structs import replace

from alerts import lifecycle
from alerts.deliver import Deliverer, check_channel_url
from alerts.findings import Finding
from alerts.routing import Policy, policy
from config.clock import Clock, Elapsed, system_elapsed
from config.load import Configuration
from config.manifests.reading import Manifests, Reading
from config.names import split_purl
from config.problems import ConfigError, Problem
from config.registries import destinations
from config.secrets import hide, secrets_of
from config.settings import HttpLimits, Settings
from monitor.advisories.follow import Advisories
from monitor.changes.compounds import COMPOUNDS
from monitor.check import Checker
from monitor.feeds.following import Following
from monitor.health import INHIBITIONS
from monitor.metrics import Metrics
from monitor.record import Outcome, Recorder
from monitor.results import Result
from monitor.sources.domains import DomainSource
from monitor.sources.http import Http
from monitor.sources.npm import NpmSource
from monitor.sources.politeness import HostHealth, Shared, together
from monitor.sources.pypi import PypiSource
from monitor.sources.rdap import Bootstrap, Rdap
from monitor.sources.resolver import Resolver
from monitor.sources.search import NpmSearch
from monitor.sources.whois import Whois
from monitor.store.engine import Store
from monitor.store.health import SEARCH
from monitor.store.tables import Meta
from monitor.store.targets import Reconciled, Wanted, reconcile
from monitor.store.watchlist import amend, kept
from monitor.survey import Survey
from monitor.watcher import Watcher
from monitor.watchlist import Watchlist, config_source, differences, with_kept

if TYPE_CHECKING:
    from monitor.store.budgets import Budgets

_SEARCH = HttpLimits(requests_per_second=10.0, connections=1, timeout=timedelta(seconds=20))
"""How a search is asked; how often is the survey's matter."""
BOOTSTRAP = "rdap-bootstrap"
"""The name under which the table of RDAP servers is kept."""


class Assembly:
    """What runs: sources, watcher, recorder, deliverer, over one store and the configuration in force."""

    def __init__(
        self,
        configuration: Configuration,
        store: Store,
        clock: Clock,
        rng: Random,
        *,
        elapsed: Elapsed = system_elapsed,
        metrics: Metrics | None = None,
        on_outcome: Callable[[Outcome], None] | None = None,
        on_result: Callable[[Result], None] | None = None,
    ) -> None:
        self.configuration = configuration
        self.store = store
        self._clock = clock
        self._rng = rng
        self.reading = Reading()
        """What the manifests say, as far as it was taken up."""
        self._manifests = Manifests()
        self._watchlist = Watchlist()
        self._watching: dict[str, tuple[Wanted, ...]] = {}
        self._kept: dict[str, list[Wanted]] = {}
        settings = configuration.settings
        self.policy = _policy(settings)
        self._budgets = _budgets(store)
        self.https: dict[str, Http] = {
            "npm": Http(settings.registries.npm, clock=clock, elapsed=elapsed, share=self._share("npm")),
            "pypi": Http(settings.registries.pypi, clock=clock, elapsed=elapsed, share=self._share("pypi")),
            "rdap": Http(_rdap_limits(settings), clock=clock, elapsed=elapsed, share=self._share("rdap")),
        }
        self._osv = Http(settings.advisories, clock=clock, elapsed=elapsed, share=self._share("osv"))
        self._whois = Whois(settings.domains, clock, elapsed=elapsed, share=self._share("whois"))
        self._resolver = Resolver(settings.domains)
        self._destinations = destinations(configuration)
        hide(secrets_of(configuration, self._destinations))
        self.metrics = metrics or Metrics()
        self.following = Following(store, self.https, settings, clock, rng, elapsed=elapsed)
        self.recorder = Recorder(settings, self.policy, rng, self.following.live)
        self.advisories = Advisories(
            store, self._osv, self.recorder, lambda: self._destinations, clock, rng, elapsed=elapsed
        )
        if on_outcome is not None:
            self.advisories.ledger.on_outcome = on_outcome
        self._searching = Http(_SEARCH, clock=clock, elapsed=elapsed, share=self._share("search"))
        self.survey = Survey(
            store,
            NpmSearch(self._searching, lambda: self._destinations.npm_registry_for("")),
            self.recorder,
            clock,
            elapsed,
            rng,
        )
        self._npm = NpmSource(self.https["npm"], lambda name: self._destinations.npm_registry_for(name))
        self.sources = self._sources()
        self.checker = Checker(self.sources, self._domain_source(), clock)
        # Whoever leads writes what the leader writes; a check's record is fenced by its own claim.
        self.watcher = Watcher(
            store.plain,
            self.checker,
            self.recorder,
            clock,
            lanes={"npm": settings.schedule.concurrency, "pypi": settings.schedule.concurrency, "domain": 16},
            rng=rng,
            on_outcome=on_outcome,
            on_result=on_result,
            on_checked=self.metrics.checked,
        )
        self.deliverer = Deliverer(
            store.plain,
            settings.channel,
            clock,
            rng=rng,
            heartbeat_url=_heartbeat_url(settings),
            on_attempt=self.metrics.delivered,
        )

    @property
    def settings(self) -> Settings:
        return self.configuration.settings

    def _share(self, purpose: str) -> Callable[[str], Shared] | None:
        return partial(self._budgets.host, purpose) if self._budgets is not None else None

    async def search(self, purl: str) -> list[str]:
        """Names that the package's registry offers for one that it does not have; none where it has no search."""
        ecosystem, name = split_purl(purl)
        return await self._npm.search(name) if ecosystem == "npm" else []

    def _sources(self) -> dict[str, NpmSource | PypiSource]:
        # Looked up at each request, so that a reload changes where the next one goes.
        return {
            "npm": self._npm,
            "pypi": PypiSource(self.https["pypi"], lambda: self._destinations.pypi_registries()),
        }

    def _domain_source(self) -> DomainSource:
        async def load() -> str:
            kept = await self.store.read(lambda session: session.get(Meta, BOOTSTRAP))
            return kept.value if kept else ""

        async def save(text: str) -> None:
            await self.store.write(lambda session: session.merge(Meta(name=BOOTSTRAP, value=text)))

        domains = self.settings.domains
        bootstrap = Bootstrap(self.https["rdap"], domains.rdap_bootstrap, load, save)
        return DomainSource(Rdap(self.https["rdap"], bootstrap), self._whois, self._resolver, domains.warn_days)

    def search_health(self) -> list[HostHealth]:
        """The registry's search, apart from the registry: without it everything is watched all the same."""
        return [replace(host, host=f"{host.host}{SEARCH}") for host in self._searching.health()]

    def health(self) -> list[HostHealth]:
        """Every host asked since the start, every feed that is followed, and where advisories come from."""
        hosts = [host for http in self.https.values() for host in http.health()]
        others = [*self._whois.health(), *self.following.health(), *self.advisories.health()]
        return together(hosts + others)

    async def reconcile(self) -> Reconciled:
        """Make the store watch what the configuration and its manifests ask for."""
        reading = await asyncio.to_thread(self._manifests.look, self.configuration)
        self._kept = await self._from_earlier_runs(reading)
        targets = self._wanted(reading)
        wanted = [one for watch in targets.values() for one in watch]
        reconciled = await self.store.write(lambda session: reconcile(session, wanted, self._clock(), self._rng))
        self.reading, self._watching = reading, targets
        self.advisories.stir()
        return reconciled

    async def look(self) -> Reconciled | None:
        """Look at the manifests again, and write what differs; None where nothing does."""
        reading = await asyncio.to_thread(self._manifests.look, self.configuration)
        if reading is self.reading:
            return None
        self._kept = {watch: kept for watch, kept in self._kept.items() if watch in reading.unread}
        targets = self._wanted(reading)
        gone, fresh = differences(self._watching, targets)
        reconciled = await self.store.write(lambda session: amend(session, gone, fresh, self._clock(), self._rng))
        self.reading, self._watching = reading, targets
        self.advisories.stir()
        return reconciled

    async def _from_earlier_runs(self, reading: Reading) -> dict[str, list[Wanted]]:
        """What is watched because of manifests that cannot be read now."""
        known = {
            watch: {*sources, config_source(self.configuration, watch)} for watch, sources in reading.unread.items()
        }
        if not known:
            return {}
        return await self.store.read(lambda session: kept(session, known))

    def _wanted(self, reading: Reading) -> dict[str, tuple[Wanted, ...]]:
        targets = self._watchlist.targets(self.configuration, reading)
        return targets | {watch: with_kept(targets[watch], old) for watch, old in self._kept.items()}

    async def take_up(self, configuration: Configuration) -> Reconciled:
        """Go on with another configuration and what it watches."""
        self.use(configuration)
        return await self.reconcile()

    def use(self, configuration: Configuration) -> None:
        """Go on with another configuration; what is under way ends with the old one."""
        settings = configuration.settings
        self.configuration = configuration
        self._destinations = destinations(configuration)
        hide(secrets_of(configuration, self._destinations))
        self.policy = _policy(settings)
        self.recorder.use(settings, self.policy)
        self.deliverer.use(settings.channel, _heartbeat_url(settings))
        limits: dict[str, HttpLimits] = {
            "npm": settings.registries.npm,
            "pypi": settings.registries.pypi,
            "rdap": _rdap_limits(settings),
        }
        self._whois.use(settings.domains)
        self._resolver.use(settings.domains)
        self.checker.use_domains(self._domain_source())
        for name, http in self.https.items():
            http.use(limits[name])
        self._osv.use(settings.advisories)
        self.following.use(settings)

    async def tell(self, findings: Sequence[Finding]) -> None:
        """Findings about the watch itself, which belong to no check."""
        if findings:
            now = self._clock()
            await self.store.write(
                lambda session: lifecycle.take(session, findings, recent=(), policy=self.policy, now=now)
            )

    async def close(self) -> None:
        for http in (*self.https.values(), self._osv, self._searching):
            await http.close()
        if self._budgets is not None:
            await self._budgets.close()


def _budgets(store: Store) -> Budgets | None:
    """What is held together with other processes: nothing on SQLite, where one process watches."""
    if store.url.get_backend_name() != "postgresql":
        return None
    from monitor.store.budgets import Budgets  # its driver comes with an extra

    return Budgets(store.url)


def _rdap_limits(settings: Settings) -> HttpLimits:
    domains = settings.domains
    return HttpLimits(requests_per_second=domains.requests_per_second, connections=2, timeout=domains.timeout)


def _heartbeat_url(settings: Settings) -> str:
    return settings.heartbeat.url if settings.heartbeat else ""


def _policy(settings: Settings) -> Policy:
    return policy(settings, COMPOUNDS, INHIBITIONS)


def check_channels(configuration: Configuration) -> None:
    """ConfigError where a channel's URL is none that Apprise can use; the URL itself is not repeated."""
    problems = [
        Problem(
            configuration.place("channel", index, "url"),
            f"channel[{index}].url",
            f"channel {channel.name!r}: {problem}",
            "see the list of services and their URLs in Apprise's documentation",
        )
        for index, channel in enumerate(configuration.settings.channel)
        if (problem := check_channel_url(channel.url.get_secret_value())) is not None
    ]
    if problems:
        raise ConfigError(problems, list(configuration.files))
