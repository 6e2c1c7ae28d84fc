"""What is known at the end of a watched month (``benchmarks.faults``), and what two watches of it differ in."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from msgspec import UNSET, Struct

from benchmarks.town import Town
from monitor.observations import Domain
from monitor.snapshots import decode_domain

AGAIN: Final = {"reminder", "escalation"}
"""Messages that are meant to tell again."""


class Found(Struct):
    """What is known at the end of the month."""

    changes: Counter[str]
    alerts: Counter[str]
    told: Counter[str]
    """What each channel was told, however often."""
    twice: list[str]
    """What a channel was told although it had been told exactly that, in another message."""
    ahead: int
    """Times that were written down and have not come yet."""
    again: int
    """Messages that came once more, with the key by which a receiver knows them."""
    checks: int
    seconds: float = 0.0


class Store:
    """A database, asked from outside, also while it is away."""

    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        if self._url.startswith("sqlite"):
            with closing(sqlite3.connect(self._url.removeprefix("sqlite:///"), timeout=30)) as database:
                return database.execute(query).fetchall()
        with psycopg.connect(self._url, autocommit=True) as server:
            return server.execute(query.encode()).fetchall()

    def has(self, condition: Callable[[], bool]) -> bool:
        """Whether that is so; what is away, or not made yet, has nothing."""
        with suppress(psycopg.Error, sqlite3.Error):
            return condition()
        return False

    def saw(self, town: Town) -> bool:
        """Whether all that is to be seen was recorded, and what is away was missed."""
        return self.has(lambda: self._saw_packages(town) and self._saw_domains(town))

    def _saw_packages(self, town: Town) -> bool:
        for source in ("npm", "pypi"):
            rows = self.ask(
                f"SELECT subject, etag, failing_since FROM target WHERE source = '{source}' AND sort = 'package'"
            )
            if source == town.away and not all(failing for _, _, failing in rows):
                return False
            if source != town.away and {subject: etag for subject, etag, _ in rows} != town.etags(source):
                return False
        return True

    def _saw_domains(self, town: Town) -> bool:
        known = {subject: (decode_domain(bytes(body)), stale) for subject, body, stale in self.ask(_DOMAINS)}
        told = town.domains()
        if known.keys() != {f"domain:{name}" for name in town.world.registered}:
            return False
        if town.away == "rdap" and not all("state" in stale for name, (_, stale) in known.items() if name not in told):
            return False
        return all(_shows(known[name][0], domain) for name, domain in told.items())

    def settled(self) -> bool:
        """Whether everything was told that has to be told now."""
        soon = _ahead(timedelta(minutes=10))
        return self.has(
            lambda: (
                not self.ask("SELECT 1 FROM delivery WHERE state IN ('pending', 'sending') LIMIT 1")
                and not self.ask(f"SELECT 1 FROM notification_group WHERE due_at < '{soon}' LIMIT 1")
            )
        )


_DOMAINS: Final = """
    SELECT target.subject, value.body, target.stale FROM target
    JOIN snapshot ON snapshot.id = target.snapshot_id JOIN value ON value.digest = snapshot.digest
    WHERE target.sort = 'domain'
"""


def _shows(known: Domain, told: Domain) -> bool:
    """Whether what is known of a domain has all that is told of it."""
    fields = ("state", "expires_at", "registered_at", "registrar", "nameservers", "mail_exchangers")
    return all(getattr(told, field) in (UNSET, getattr(known, field)) for field in fields)


def known(town: Town, store: Store) -> Found:
    changes = Counter(
        " ".join((subject, kind, version, account, _difference(body)))
        for subject, kind, version, account, body in store.ask(
            "SELECT subject, kind, version, account, body FROM change"
        )
    )
    alerts: Counter[str] = Counter()
    for cause, severity, body in store.ask(
        "SELECT a.cause, a.severity, f.body FROM alert AS a JOIN alert_finding AS f ON f.alert_id = a.id"
    ):
        finding = json.loads(bytes(body))
        alerts[" ".join((cause, str(severity), finding["subject"], finding["kind"], _difference(body)))] += 1
    messages = {(channel, content["key"]): content for channel, content in town.received}
    told, items = set[str](), Counter[str]()
    for (channel, _), content in messages.items():
        for item in content["items"]:
            told |= {f"{channel} {fact['subject']} {fact['kind']} {fact['title']}" for fact in item["facts"]}
            if content["kind"] not in AGAIN:
                items[f"{channel} {json.dumps(item, sort_keys=True)}"] += 1
    twice = [item for item, count in items.items() if count > 1]
    soon = _ahead(timedelta(minutes=5))
    ahead = store.ask(f"SELECT at FROM change WHERE at > '{soon}'")
    ahead += store.ask(f"SELECT checked_at FROM target WHERE checked_at > '{soon}'")
    return Found(changes, alerts, Counter(told), twice, len(ahead), len(town.received) - len(messages), town.answers)


def differences(alone: Found, together: Found) -> dict[str, list[str]]:
    """What one of them has and the other has not, or has another number of times; nothing where they are the same."""
    found = {"told twice": together.twice}
    for name in ("changes", "alerts", "told"):
        one, other = getattr(alone, name), getattr(together, name)
        found[f"{name} lost"] = sorted((one - other).elements())
        found[f"{name} too many"] = sorted((other - one).elements())
    return {name: lines for name, lines in found.items() if lines}


def _difference(body: Any) -> str:
    found = json.loads(bytes(body))
    return json.dumps([found.get("before"), found.get("after")], sort_keys=True)


def _ahead(span: timedelta) -> str:
    return (datetime.now(UTC) + span).isoformat(timespec="microseconds")
