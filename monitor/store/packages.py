"""Packages in the store: read back as they were observed, written as rows that are only added."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

from msgspec import UNSET, Struct
from msgspec.structs import replace
from sqlalchemy import func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from config.names import split_purl
from monitor.observations import Package, Release
from monitor.snapshots import (
    COMMON,
    ReleaseReader,
    decode_package,
    digest,
    encode,
    encode_common,
    encode_own,
    encode_package,
)
from monitor.store.bulk import insert_rows
from monitor.store.tables import Dependency, ReleaseRow, Snapshot, Target, Value

CHUNK = 500
"""Most values in one IN (…): SQLite allows 32,766, a plan stays good well below."""


_COLUMNS: Final = (
    "target_id",
    "version",
    "published_at",
    "publisher",
    "first_seen",
    "body",
    "common",
    "maintainers",
    "dependencies",
)

_common_facts: Final = attrgetter(*(name for name in COMMON if name != "scripts"))


class Stored(Struct):
    """What the store knows of a package."""

    package: Package
    withdrawn: dict[str, Release]
    """Releases that were served once and are not any more."""
    bodies: dict[str, tuple[int, bytes, bytes, bytes | None, bytes | None]]
    """By version: row, own facts as they are stored, and the digests of what is shared."""


def chunks(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]


def storable(name: str) -> str:
    """The name of a dependency as it is kept: whoever wrote it may have written anything."""
    return name[:250].replace("\0", "")


def put_values(session: Session, values: dict[bytes, bytes]) -> None:
    """Store values that are not there yet."""
    if not values:
        return
    dialect = session.get_bind().dialect.name
    upsert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    session.execute(
        upsert(Value).on_conflict_do_nothing(index_elements=["digest"]),
        [{"digest": key, "body": body} for key, body in values.items()],
    )


def get_values(session: Session, digests: Iterable[bytes]) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for chunk in chunks(list(set(digests))):
        rows = session.execute(select(col(Value.digest), col(Value.body)).where(col(Value.digest).in_(chunk)))
        found.update((key, body) for key, body in rows)
    return found


def load_packages(session: Session, targets: Iterable[int]) -> dict[int, Stored]:
    """The present facts and all releases of these targets, in three queries; targets never seen are left out."""
    wanted = list(targets)
    facts: dict[int, bytes] = {}
    rows: list[Any] = []
    for chunk in chunks(wanted):
        facts.update(
            (target, key)
            for target, key in session.execute(
                select(col(Snapshot.target_id), col(Snapshot.digest)).where(
                    col(Snapshot.target_id).in_(chunk),
                    col(Snapshot.last_seen).is_(None),
                )
            )
        )
        rows += session.execute(
            select(
                col(ReleaseRow.id),
                col(ReleaseRow.target_id),
                col(ReleaseRow.version),
                col(ReleaseRow.published_at),
                col(ReleaseRow.gone_at),
                col(ReleaseRow.body),
                col(ReleaseRow.common),
                col(ReleaseRow.maintainers),
                col(ReleaseRow.dependencies),
            )
            .where(col(ReleaseRow.target_id).in_(chunk))
            .order_by(col(ReleaseRow.id))
        ).all()
    values = get_values(
        session,
        [*facts.values(), *(key for row in rows for key in (row.common, row.maintainers, row.dependencies) if key)],
    )
    read = ReleaseReader(values)
    known = {
        target: Stored(package=decode_package(values[key]), withdrawn={}, bodies={}) for target, key in facts.items()
    }
    served: dict[int, dict[str, Release]] = {target: {} for target in known}
    for row in rows:
        if (stored := known.get(row.target_id)) is None:
            continue
        release = read(row.version, row.published_at, row.body, row.common, row.maintainers, row.dependencies)
        # A later row of the same version replaces what an earlier one said, in the place of the first.
        here, there = served[row.target_id], stored.withdrawn
        if row.gone_at is not None:
            here, there = there, here
        there.pop(row.version, None)
        here[row.version] = release
        stored.bodies[row.version] = (row.id, row.body, row.common, row.maintainers, row.dependencies)
    for target, stored in known.items():
        if served[target] or stored.withdrawn:
            stored.package = replace(stored.package, releases=served[target])
    return known


def dependants(session: Session, purls: Sequence[str]) -> dict[str, int]:
    """How many watched packages have had a release that depends on each of these: the dependants that are known here.

    Those without any are left out.
    """
    found: dict[str, int] = {}
    named = []
    for purl in purls:
        ecosystem, name = split_purl(purl)
        named.append((purl, ecosystem, storable(name)))
    for ecosystem in sorted({ecosystem for _, ecosystem, _ in named}):
        for chunk in chunks([name for _, source, name in named if source == ecosystem]):
            rows = session.execute(
                select(col(Dependency.name), func.count().label("dependants"))
                .join(Target, col(Target.id) == col(Dependency.target_id))
                .where(col(Dependency.name).in_(chunk), col(Target.source) == ecosystem)
                .group_by(col(Dependency.name))
            )
            counts = {row.name: row.dependants for row in rows}
            found |= {purl: counts[name] for purl, source, name in named if source == ecosystem and name in counts}
    return found


class PackageWriter:
    """Collects the rows of many packages and writes them in a few statements."""

    def __init__(self, session: Session, now: datetime) -> None:
        self._session = session
        self._now = now
        self._values: dict[bytes, bytes] = {}
        self._releases: list[tuple[Any, ...]] = []
        self._gone: list[int] = []
        self._dependencies: set[tuple[str, int]] = set()

    def facts(self, package: Package) -> bytes:
        """Keep the facts of a package; their digest."""
        return self.value(encode_package(package))

    def value(self, body: bytes) -> bytes:
        key = digest(body)
        self._values[key] = body
        return key

    def releases(self, target: int, package: Package, stored: Stored | None) -> None:
        """Add a row for each release that is new or told otherwise than before; mark those that are gone."""
        if package.releases is UNSET:
            return
        bodies = stored.bodies if stored else {}
        cache: dict[Any, bytes] = {}
        withdrawn = stored.withdrawn if stored else {}
        known = {dependencies for *_, dependencies in bodies.values()}
        for version, release in package.releases.items():
            body = encode_own(release)
            common = self._common(cache, release)
            maintainers = self._shared(cache, release.maintainers)
            dependencies = self._shared(cache, release.dependencies)
            old = bodies.get(version)
            if old is not None and old[1:] == (body, common, maintainers, dependencies) and version not in withdrawn:
                continue
            if dependencies is not None and dependencies not in known:
                known.add(dependencies)
                self._dependencies.update((storable(name), target) for name in release.dependencies or ())
            self._releases.append(
                (
                    target,
                    version[:300],
                    None if release.published_at is UNSET else release.published_at,
                    "" if release.publisher is UNSET else release.publisher.name[:200],
                    self._now,
                    body,
                    common,
                    maintainers,
                    dependencies,
                )
            )
        self._gone += [
            row[0] for version, row in bodies.items() if version not in package.releases and version not in withdrawn
        ]

    def _common(self, cache: dict[Any, bytes], release: Release) -> bytes:
        facts = id(release.scripts), _common_facts(release)
        key = cache.get(facts)
        if key is None:
            key = cache[facts] = self.value(encode_common(release))
        return key

    def _shared(self, cache: dict[Any, bytes], fact: Any) -> bytes | None:
        if fact is UNSET:
            return None
        # Releases mostly share these, and sources give the same object then: encode and hash it once.
        key = cache.get(id(fact))
        if key is None:
            key = cache[id(fact)] = self.value(encode(fact))
        return key

    def flush(self) -> None:
        put_values(self._session, self._values)
        if self._releases:
            insert_rows(self._session, ReleaseRow, _COLUMNS, self._releases)
        if self._dependencies:
            rows = sorted(self._dependencies)
            insert_rows(self._session, Dependency, ("name", "target_id"), rows, conflict="ON CONFLICT DO NOTHING")
        for chunk in chunks(self._gone):
            self._session.execute(update(ReleaseRow).where(col(ReleaseRow.id).in_(chunk)).values(gone_at=self._now))
        self._values, self._releases, self._gone, self._dependencies = {}, [], [], set()
