"""One observation beside what was known of its target: what changed, what wants a second look, what was not told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct

from alerts.findings import Finding
from config.settings import Settings
from monitor.changes.compare import compare
from monitor.changes.domains import LATELY, compare_domains, remembered
from monitor.changes.findings import renewed
from monitor.changes.kinds import CONFIRMED_KINDS
from monitor.changes.model import Change, Context
from monitor.observations import Domain, DomainState, Package
from monitor.results import Seen
from monitor.schedule import CONFIRM_AFTER
from monitor.snapshots import digest, encode, merge, merge_packages, stale_facts
from monitor.store.memberships import Row
from monitor.store.packages import Stored


class Comparison(Struct):
    """One target's observation beside what was known of it."""

    seen: Seen
    stored: Stored | None
    after: Package | Domain
    """With the last known value of what the check did not tell."""
    changes: list[Change]
    follows: int | None
    """The snapshot that was the present one."""
    followed: bytes | None
    """Its digest."""
    snapshot: bytes = b""
    people: set[Row] = set()
    """Who can publish it and did, for a package."""

    @property
    def before(self) -> Package | Domain | None:
        return self.stored.package if self.stored else self.seen.due.domain


def beside(seen: Seen, stored: Stored | None, row: Any, used_since: datetime | None, settings: Settings) -> Comparison:
    """Compare what was seen with what is stored; ``row`` has the target's ``snapshot_id`` and that one's ``digest``."""
    context = Context(
        now=seen.at,
        thresholds=settings.thresholds,
        warn_days=settings.domains.warn_days,
        withdrawn=stored.withdrawn if stored else {},
        published=seen.published,
        used_since=used_since,
    )
    after = seen.observation
    if isinstance(after, Domain):
        known = seen.due.domain
        changes = list(compare_domains(known or Domain(name=after.name), after, context))
        merged = merge(known, after) if known else after
        return Comparison(seen, None, remembered(known, merged, changes), changes, row.snapshot_id, row.digest)
    if stored is None:
        return Comparison(seen, None, after, [], row.snapshot_id, row.digest)
    changes = compare(stored.package, after, context)
    return Comparison(seen, stored, merge_packages(stored.package, after), changes, row.snapshot_id, row.digest)


def registered_lately(seen: Seen) -> bool:
    """A domain that is seen for the first time and is itself new: its addresses may be older than it."""
    domain = seen.observation
    if not isinstance(domain, Domain) or seen.due.domain is not None or domain.registered_at is UNSET:
        return False
    return seen.at - domain.registered_at <= LATELY


def grave(changes: Sequence[Change]) -> bytes:
    """Stands for the changes that need a second look; empty where there are none."""
    found = [(c.kind, c.before, c.after) for c in changes if c.kind in CONFIRMED_KINDS]
    return digest(encode(sorted(found, key=lambda one: one[0]))) if found else b""


def confirmed(row: Any, mark: bytes, at: datetime) -> bool:
    """A first check saw the same, long enough ago to be another answer."""
    return bool(row.suspect == mark) and bool(at - row.suspected_at >= CONFIRM_AFTER / 2)


def new_dependencies(c: Comparison) -> set[str]:
    """Names that new releases depend on and no earlier one did, and whose age was not asked yet."""
    before, after = c.before, c.after
    if not isinstance(before, Package) or not isinstance(after, Package):
        return set()
    if before.releases is UNSET or after.releases is UNSET:
        return set()
    known = {**(c.stored.withdrawn if c.stored else {}), **before.releases}
    if not known:
        return set()
    old = {n for r in known.values() if r.dependencies is not UNSET for n in r.dependencies}
    return {
        name
        for version, release in after.releases.items()
        if version not in known and release.dependencies is not UNSET
        for name in release.dependencies
        if name not in old
    }


def stale(c: Comparison) -> tuple[str, ...]:
    """Facts that were known before and that this check did not tell."""
    if c.before is None:
        return ()
    untold = stale_facts(c.before, c.seen.observation)
    if isinstance(c.seen.observation, Domain):
        untold = tuple(name for name in untold if not name.startswith("warned"))
        if c.seen.observation.state is DomainState.UNKNOWN:
            untold = ("state", *untold)
    return untold


def told_of_renewal(c: Comparison) -> Finding | None:
    if not isinstance(c.after, Domain) or not (c.before is None or isinstance(c.before, Domain)):
        return None
    return renewed(c.before, c.after, c.changes, c.seen.at)
