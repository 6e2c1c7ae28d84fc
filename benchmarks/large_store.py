"""A database of a large company's watch: ``python -m benchmarks.large_store FILE [SCALE]``.

At scale 1: 10,000 targets, a million releases, five years of changes, alerts and messages. Rows are written by hand, in
the forms that the pipeline writes, since recording a million releases one by one would take an hour. Other shapes are
made for ``benchmarks.scale``, in PostgreSQL too.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import text

from alerts.findings import Finding
from alerts.messages.content import Message
from alerts.model import Alert, AlertEvent, AlertFinding, Delivery, Group, GroupMember
from alerts.muting import mark
from config.settings import Route
from config.severity import Severity
from monitor.changes.findings import title_of
from monitor.changes.kinds import KINDS
from monitor.changes.model import Change
from monitor.observations import Account, Domain, DomainState, Package, Release, Standing
from monitor.signals.model import Holds
from monitor.snapshots import digest, encode, encode_common, encode_domain, encode_own, encode_package
from monitor.store.bulk import insert_rows
from monitor.store.engine import Store
from monitor.store.health import ALIVE
from monitor.store.tables import (
    ChangeRow,
    Measure,
    Membership,
    Meta,
    ReleaseRow,
    SignalRow,
    Snapshot,
    SourceHealth,
    Target,
    Value,
    WatchEntry,
)
from monitor.store.upgrade import upgrade

NOW: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Shape(Struct, frozen=True, kw_only=True):
    """How much there is of everything."""

    packages: int
    accounts: int
    domains: int
    watches: int
    years: int = 5
    releases: int = 125
    """Of a package, in the mean; some have many times that."""
    changes: int
    alerts: int
    messages: int


def company(scale: float = 1.0) -> Shape:
    """At scale 1: ten thousand targets, watched closely for five years."""

    def number(full: int) -> int:
        return max(1, int(full * scale))

    return Shape(
        packages=number(8000),
        accounts=number(1500),
        domains=number(500),
        watches=number(40),
        changes=number(400_000),
        alerts=number(6_000),
        messages=number(20_000),
    )


def year(targets: int) -> Shape:
    """So many targets of a whole registry, where most packages have few releases, watched for a year.

    Changes and alerts at about the rates that ``benchmarks.noise`` finds.
    """
    return Shape(
        packages=targets * 80 // 100,
        accounts=targets * 15 // 100,
        domains=targets * 5 // 100,
        watches=max(1, targets // 100),
        years=1,
        releases=8,
        changes=targets * 2,
        alerts=targets // 8,
        messages=targets // 20,
    )


_KINDS: Final = (
    ("release-published", 70),
    ("dependency-added", 9),
    ("publisher-changed", 5),
    ("maintainer-added", 4),
    ("publish-environment-changed", 4),
    ("provenance-lost", 2),
    ("install-script-changed", 2),
    ("install-script-added", 1),
    ("deprecated", 2),
    ("dormant-revival", 1),
)


class Builder:
    """Collects the rows of each table and writes them in groups."""

    def __init__(self, store: Store, shape: Shape) -> None:
        self.store = store
        self.rng = Random(3)
        self.shape = shape
        self.values: dict[bytes, bytes] = {}
        self.lapsed: set[int] = set()

    @property
    def began(self) -> datetime:
        return NOW - timedelta(days=365 * self.shape.years)

    def write(self, table: type[Any], columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
        with self.store.transaction() as session:
            if session.get_bind().dialect.name == "sqlite":
                insert_rows(session, table, columns, rows)
                return
            cursor = session.connection().connection.cursor()
            with cursor.copy(f'COPY "{table.__tablename__}" ({", ".join(columns)}) FROM STDIN') as copy:
                for row in rows:
                    copy.write_row(row)

    def value(self, body: bytes) -> bytes:
        key = digest(body)
        self.values[key] = body
        return key

    def within(self, years: float) -> datetime:
        return NOW - timedelta(seconds=self.rng.random() * years * 31_556_952)


def build(store: Store, shape: Shape | None = None) -> None:
    """Fill an empty database."""
    upgrade(store, NOW)
    made = Builder(store, shape or company())
    packages, accounts, domains = made.shape.packages, made.shape.accounts, made.shape.domains
    people = [Account(f"person-{n}", f"person-{n}@mail-{n % domains}.org") for n in range(accounts)]
    teams = [made.rng.sample(people, min(len(people), made.rng.choice((1, 1, 1, 2, 3, 6)))) for _ in range(packages)]
    _targets(made, packages, accounts, domains)
    _facts(made, teams, domains)
    _releases(made, teams)
    _changes(made, packages)
    _alerts(made, packages)
    _signals(made, packages, accounts, domains)
    made.write(Value, ("digest", "body"), list(made.values.items()))
    hosts = [(f"{name}.registry.example", "up", NOW - timedelta(days=90), NOW) for name in ("npm", "pypi", "rdap")]
    made.write(SourceHealth, ("host", "state", "since", "last_ok_at", "error"), [(*one, "") for one in hosts])
    made.write(Meta, ("name", "value"), [(ALIVE, NOW.isoformat())])
    settle(store)


def settle(store: Store) -> None:
    """PostgreSQL goes on numbering where we stopped, and knows how its tables look."""
    if store.file is not None:
        return
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in (Target, Snapshot, ChangeRow, Alert, AlertFinding, Group):
            name = table.__tablename__
            last = f'(SELECT coalesce(max(id), 1) FROM "{name}")'
            connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), {last})"))
        connection.execute(text("VACUUM ANALYZE"))


def _subjects(packages: int, accounts: int, domains: int) -> Iterator[tuple[str, str, str]]:
    for n in range(packages):
        yield (f"pkg:npm/%40scope-{n % 97}/package-{n}" if n % 4 == 0 else f"pkg:npm/package-{n}"), "package", "npm"
    for n in range(accounts):
        yield f"npm:~person-{n}", "maintainer", "npm"
    for n in range(domains):
        yield f"domain:mail-{n}.org", "domain", "domain"


def _targets(made: Builder, packages: int, accounts: int, domains: int) -> None:
    rows = []
    for number, (subject, sort, source) in enumerate(_subjects(packages, accounts, domains), 1):
        due = None if sort == "maintainer" else NOW + timedelta(minutes=number % 60)
        failing = NOW - timedelta(hours=5) if number % 900 == 0 else None
        seen = NOW - timedelta(minutes=number % 60)
        changed = made.within(1) if number % 3 else None
        rest = (3 if failing else 0, failing, "npm.registry.example: 503" if failing else "", *[""] * 6)
        listed, added = sort == "package", made.began
        snapshot = None if sort == "maintainer" else number
        rows.append((number, subject, sort, source, listed, added, due, seen, seen, changed, *rest, snapshot))
    columns = (
        "id",
        "subject",
        "sort",
        "source",
        "listed",
        "added_at",
        "due_at",
        "checked_at",
        "fresh_at",
        "changed_at",
        *("failures", "failing_since", "error", "etag", "last_modified", "digest", "stale", "revision", "awaited"),
        "snapshot_id",
    )
    made.write(Target, columns, rows)
    watches = made.shape.watches
    entries = []
    for number in range(1, packages + 1):
        for watch in {number % watches, (number * 7) % watches}:
            via = [] if number % 5 == 0 else [f"package-{number // 5 * 5}"]
            path = encode(via).decode()
            entries.append(
                (
                    f"project-{watch}",
                    number,
                    f"team-{watch % 8}",
                    not via,
                    False,
                    path,
                    '["1.2.3"]',
                    "package-lock.json",
                )
            )
    made.write(WatchEntry, ("watch", "target_id", "owner", "direct", "dev", "via", "versions", "source"), entries)


def _facts(made: Builder, teams: list[list[Account]], domains: int) -> None:
    snapshots, members = [], []
    first = made.began
    for number, team in enumerate(teams, 1):
        facts = Package(
            ecosystem="npm",
            name=f"package-{number - 1}",
            standing=Standing.ACTIVE,
            maintainers=tuple(sorted(team)),
            latest="9.9.9",
            deprecated="use another" if number % 40 == 0 else "",
            repository=f"https://forge.example/package-{number}",
            licence="MIT",
            contributors=(),
        )
        snapshots.append((number, number, made.value(encode_package(facts)), first))
        for one in team:
            domain = str(one.email).rpartition("@")[2]
            members += [(number, f"npm:~{one.name}", role, one.email, domain) for role in ("maintainer", "publisher")]
    offset = len(teams) + made.shape.accounts
    for n in range(domains):
        expires = NOW + timedelta(days=made.rng.randrange(-20, 700))
        state = DomainState.EXPIRED if expires < NOW else DomainState.REGISTERED
        if state is DomainState.EXPIRED:
            made.lapsed.add(offset + n + 1)
        facts_of = Domain(
            name=f"mail-{n}.org",
            state=state,
            expires_at=expires,
            registered_at=NOW - timedelta(days=3000),
            registrar="Good Names",
        )
        snapshots.append((offset + n + 1, offset + n + 1, made.value(encode_domain(facts_of)), first))
    made.write(Snapshot, ("id", "target_id", "digest", "first_seen"), snapshots)
    made.write(Membership, ("target_id", "account", "role", "email", "domain"), members)


def _releases(made: Builder, teams: list[list[Account]]) -> None:
    columns = ("target_id", "version", "published_at", "publisher", "first_seen", "body", "common", "maintainers")
    rows: list[tuple[Any, ...]] = []
    first = made.began
    for number, team in enumerate(teams, 1):
        count = int(made.shape.releases * made.rng.lognormvariate(-0.5, 1.0))
        listed = made.value(encode(tuple(sorted(team))))
        uses = {f"package-{made.rng.randrange(len(teams))}": f"^{n}.0.0" for n in range(made.rng.randrange(7))}
        depends = made.value(encode(uses))
        common = [
            made.value(encode_common(Release(version="", publisher=one, scripts={}, licence="MIT"))) for one in team
        ]
        start = made.within(9)
        for n in range(count):
            who = n % len(team)
            version = f"{n // 100}.{n // 10 % 10}.{n % 10}"
            own = encode_own(Release(version="", integrity={"tarball": f"sha512-{number}-{n}"}, size=9000, files=12))
            at = start + (NOW - start) * (n / count)
            rows.append((number, version, at, team[who].name, first, own, common[who], listed, depends))
        if len(rows) > 100_000:
            made.write(ReleaseRow, (*columns, "dependencies"), rows)
            rows = []
    made.write(ReleaseRow, (*columns, "dependencies"), rows)


def _change(made: Builder, packages: int) -> tuple[int, Change]:
    kind = made.rng.choices([k for k, _ in _KINDS], [w for _, w in _KINDS])[0]
    number = made.rng.randrange(packages)
    subject = f"pkg:npm/%40scope-{number % 97}/package-{number}" if number % 4 == 0 else f"pkg:npm/package-{number}"
    change = Change(
        kind=kind,
        subject=subject,
        before="person-1",
        after="person-2",
        version="3.2.1",
        account="person-2",
        evidence={"names": "left-pad", "silent_for": "2 years", "version": "3.2.1"},
    )
    return number + 1, change


def _changes(made: Builder, packages: int) -> None:
    count = made.shape.changes
    columns = ("id", "at", "happened_at", "target_id", "subject", "kind", "severity", "version", "account", "body")
    rows: list[tuple[Any, ...]] = []
    for number in range(1, count + 1):
        target, change = _change(made, packages)
        at = NOW - timedelta(days=365 * made.shape.years) * (1 - number / count)
        body = encode({"before": change.before, "after": change.after, "evidence": change.evidence, "related": ()})
        severity = int(KINDS[change.kind].severity)
        row = (number, at, at, target, change.subject, change.kind, severity, change.version, change.account, body)
        rows.append((*row, digest(str(number).encode())))
        if len(rows) > 50_000:
            made.write(ChangeRow, (*columns, "fingerprint"), rows)
            rows = []
    made.write(ChangeRow, (*columns, "fingerprint"), rows)


def _alerts(made: Builder, packages: int) -> None:
    count, alerts, findings, events = made.shape.alerts, [], [], []
    for number in range(1, count + 1):
        _, change = _change(made, packages)
        at = NOW - timedelta(days=365 * made.shape.years) * (1 - number / count)
        severity = KINDS[change.kind].severity
        told = Finding(
            subject=change.subject,
            kind=change.kind,
            severity=severity,
            cause=f"case:{number}",
            at=at,
            title=title_of(change),
            before=change.before,
            after=change.after,
            why=KINDS[change.kind].why,
            advice=KINDS[change.kind].advice,
            change_id=number,
        )
        state = "resolved" if number < count * 0.97 else "open"
        reach = encode([{"watch": f"project-{number % 40}", "owner": f"team-{number % 8}", "direct": True}])
        row = (
            number,
            digest(str(number).encode()).hex(),
            told.cause,
            told.subject,
            told.title,
            int(severity),
            state,
            at,
            at,
        )
        alerts.append((*row, "", "", "", False, 1, "", reach))
        findings.append((number, number, mark(told), at, encode(told)))
        events.append((number, at, "opened", "", ""))
    columns = (
        *("id", "fingerprint", "cause", "subject", "title", "severity", "state", "opened_at", "updated_at"),
        *("acknowledged_by", "note", "resolved_by", "lasting", "revision", "reason", "watches"),
    )
    made.write(Alert, columns, alerts)
    made.write(AlertFinding, ("id", "alert_id", "mark", "at", "body"), findings)
    made.write(AlertEvent, ("alert_id", "at", "what", "who", "note"), events)
    _groups(made, count)
    messages, total = [], made.shape.messages
    for number in range(1, total + 1):
        at = NOW - timedelta(days=365 * made.shape.years) * (1 - number / total)
        body = msgspec.json.encode(Message(kind="first", severity=str(Severity.HIGH), title=f"Message {number}", at=at))
        about = encode([number * count // total or 1])
        messages.append(
            (f"key-{number}", f"channel-{number % 5}", "first", "sent", at, at, 1, at, "200 OK", about, at, body)
        )
    sent = ("key", "channel", "kind", "state", "created_at", "next_attempt_at", "attempts", "sent_at", "outcome")
    made.write(Delivery, (*sent, "alerts", "happened_at", "message"), messages)


def _groups(made: Builder, alerts: int) -> None:
    """Each alert is told by itself, and in the digest of everything."""
    route, digest_of_all = encode(_route(Route(group_by=("cause",)))), encode(_route(Route(digest="0 8 * * *")))
    channels, sent = encode(["channel-1"]), NOW - timedelta(hours=3)
    last = alerts + 1
    rows = [(number, f"group-{number}", route, channels, None, sent, 1) for number in range(1, last)]
    rows.append((last, "digest", digest_of_all, channels, None, sent, 300))
    made.write(Group, ("id", "key", "route", "channels", "due_at", "sent_at", "serial"), rows)
    members = [(group, number, 1, sent, False) for number in range(1, last) for group in (number, last)]
    made.write(GroupMember, ("group_id", "alert_id", "told_revision", "told_at", "escalated"), members)


def _route(route: Route) -> Any:
    return route.model_dump(mode="json", by_alias=True)


def _signals(made: Builder, packages: int, accounts: int, domains: int) -> None:
    measures, signals = [], []
    silent = encode(
        Holds(value=(NOW - timedelta(days=1200)).isoformat(), threshold=730, since=NOW - timedelta(days=470))
    )
    script = encode(
        Holds(value={"postinstall": "node setup.js"}, evidence={"version": "9.9.9", "does": "runs a script"})
    )
    for number in range(1, packages + 1):
        measures += [(number, "W3", int(NOW.timestamp())), (number, "W4", 3), (number, "W5", None)]
        signals += [(number, "W3", made.within(2), silent)] * (number % 5 < 2) + [
            (number, "W2", made.within(2), script)
        ] * (number % 40 == 0)
    for number in range(packages + 1, packages + accounts + 1):
        measures += [(number, "W3", int(NOW.timestamp())), (number, "W6", 12)]
    first = packages + accounts + 1
    measures += [(number, "W1", int(number in made.lapsed)) for number in range(first, first + domains)]
    made.write(Measure, ("target_id", "signal", "value"), measures)
    made.write(SignalRow, ("target_id", "signal", "raised_at", "body"), signals)


if __name__ == "__main__":
    file = Path(sys.argv[1])
    if file.exists():
        sys.exit(f"{file} exists already")
    large = Store(f"sqlite:///{file}")
    build(large, company(float(sys.argv[2]) if len(sys.argv) > 2 else 1.0))
    large.close()
    sys.stdout.write(f"{file}: {file.stat().st_size / 1e6:,.0f} MB\n")
