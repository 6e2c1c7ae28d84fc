"""What Prometheus asks for: what this process counted since it started, and what the store holds now.

Labels come from the configuration and from our own tables, never from package authors: their number is bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from monitor.engine.condition import Condition
from monitor.queries.gauges import Gauges
from monitor.results import Failed, Result, Unchanged

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_CHECK_SECONDS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_TOLD_SECONDS: Final = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600, 7 * 24 * 3600)


class Metrics:
    """One per process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._checks = Counter("weaklink_checks", "Checks that ended.", ("source", "outcome"), registry=self._registry)
        self._check_seconds = Histogram(
            "weaklink_check_seconds",
            "Time from asking a source to its answer, waiting for our turn included.",
            ("source",),
            buckets=_CHECK_SECONDS,
            registry=self._registry,
        )
        # A check asks for its labels twice; finding them costs more than counting.
        self._checks_of, self._check_seconds_of = cache(self._checks.labels), cache(self._check_seconds.labels)
        self._deliveries = Counter(
            "weaklink_deliveries", "Attempts to deliver a message.", ("channel", "outcome"), registry=self._registry
        )
        self._told_seconds = Histogram(
            "weaklink_told_seconds",
            "Time from what happened at its source to the message that a channel took.",
            ("channel",),
            buckets=_TOLD_SECONDS,
            registry=self._registry,
        )

    def checked(self, result: Result, seconds: float) -> None:
        """A check ended: ``changed`` means that there was something to compare."""
        outcome = (
            "failed" if isinstance(result, Failed) else "unchanged" if isinstance(result, Unchanged) else "changed"
        )
        self._checks_of(result.due.source, outcome).inc()
        self._check_seconds_of(result.due.source).observe(seconds)

    def delivered(self, channel: str, ok: bool, late: float | None) -> None:
        """An attempt at a channel ended. ``late``: seconds since what it tells happened; None where that is unknown."""
        self._deliveries.labels(channel, "sent" if ok else "failed").inc()
        if ok and late is not None:
            self._told_seconds.labels(channel).observe(late)

    def exposition(self, present: Iterable[Metric]) -> bytes:
        """What was counted, and what holds now, in Prometheus' text format."""
        return generate_latest(self._registry) + generate_latest(_Present(present))


class _Present(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def of_store(g: Gauges) -> Iterator[Metric]:
    """The store's present state, told by one process alone: the daemon, of several the one that leads."""
    c = g.counted
    yield _labelled("weaklink_targets", "Targets that are watched.", "sort", c.targets)
    yield _labelled("weaklink_targets_failing", "Targets whose last check failed.", "sort", c.failing)
    yield _labelled("weaklink_checks_waiting", "Checks that are due and not done yet.", "sort", g.due)
    yield _labelled("weaklink_targets_overdue", "Targets whose check is late by five minutes.", "sort", g.overdue)
    yield _labelled(
        "weaklink_oldest_check_seconds", "Age of the oldest last good check of any target.", "sort", g.oldest
    )
    yield _labelled("weaklink_alerts_open", "Open alerts.", "severity", g.alerts)
    yield _labelled("weaklink_signals", "Signals that hold.", "signal", c.signals)
    yield _labelled("weaklink_messages_waiting", "Messages that a channel has yet to take.", "channel", g.waiting)
    yield _labelled("weaklink_messages_dead", "Messages that were given up.", "channel", g.dead)
    yield _labelled("weaklink_source_up", "1 where a host or feed answers, else 0.", "source", g.sources)
    words = "Packages by whether it is known which advisories name them."
    yield _labelled("weaklink_advisories_packages", words, "known", c.advisories)
    words = "Age of the look at all targets by which they, failing ones, signals and advisories are counted."
    yield _plain("weaklink_counts_age_seconds", words, g.counted_for)
    yield _plain("weaklink_silences_in_force", "Silences in force.", g.silences)
    yield _plain("weaklink_database_bytes", "Size of the database.", g.database_bytes)
    if g.term:
        yield from _fleet(g)


def of_standby() -> Iterator[Metric]:
    """A daemon that stands by for the one that leads."""
    yield _leads(0)


def of_worker(c: Condition) -> Iterator[Metric]:
    """What a worker knows of itself."""
    yield _plain("weaklink_worker_jobs", "Jobs that this worker has in hand.", c.jobs)
    yield _plain("weaklink_worker_doing", "Targets being checked and channels being sent to.", c.doing)
    if c.unheard is not None:
        words = "Time since the database last heard of this worker."
        yield _plain("weaklink_worker_unheard_seconds", words, c.unheard)
    yield _plain("weaklink_worker_advancing", "1 where what is in hand moves, else 0.", c.advancing)
    words = "1 where this worker was configured otherwise than the leader, else 0."
    yield _plain("weaklink_worker_configured_otherwise", words, c.differs)


def _plain(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)


def _leads(value: float) -> Metric:
    return _plain("weaklink_leads", "1 at the daemon that leads, 0 at one that stands by.", value)


def _fleet(g: Gauges) -> Iterator[Metric]:
    yield _leads(1)
    jobs = GaugeMetricFamily("weaklink_queue_jobs", "Jobs, waiting or being done.", labels=("queue", "state"))
    for (queue, state), count in sorted(g.queues.items()):
        jobs.add_metric((queue, state), count)
    yield jobs
    yield _plain("weaklink_workers", "Workers that gave a sign of life lately.", g.workers)
    yield _plain("weaklink_leader_term", "How often a daemon has come to lead.", g.term)


def _labelled(name: str, words: str, label: str, values: dict[str, float]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=(label,))
    for value, number in sorted(values.items()):
        family.add_metric((value,), number)
    return family
