"""Changes of registrable domains, and the table of their kinds. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import UNSET
from msgspec.structs import replace

from config.names import domain_subject
from config.settings import Schedule
from config.severity import Severity
from monitor.changes.model import Change, Context, Kind
from monitor.observations import Domain, DomainState

INFO, LOW, MEDIUM, HIGH, CRITICAL = Severity

LAPSES: Final = (
    "domain-expiring",
    "domain-expired",
    "domain-redemption",
    "domain-pending-delete",
    "domain-unregistered",
)
"""What a domain on its way out goes through, and what its renewal ends."""
LAPSING: Final = frozenset(
    {DomainState.EXPIRING, DomainState.EXPIRED, DomainState.REDEMPTION, DomainState.PENDING_DELETE}
)

_RECOVERS = "Whoever holds the domain receives the mail that recovers the accounts published with an address on it."
_TELL = "Tell the maintainer through the project, not by mail to this domain."

DOMAIN_KINDS: Final = (
    Kind(
        id="domain-expiring",
        subject="domain",
        severity=MEDIUM,
        title="{name} expires in {evidence[days]} days",
        why=_RECOVERS,
        advice=f"{_TELL} Most renew in time; the nearer the day, the likelier not.",
    ),
    Kind(
        id="domain-expired",
        subject="domain",
        severity=HIGH,
        title="{name} has expired",
        why=_RECOVERS,
        advice=f"{_TELL} It can still be renewed for some weeks; hold updates of the packages named here.",
    ),
    Kind(
        id="domain-redemption",
        subject="domain",
        severity=HIGH,
        title="{name} is in redemption",
        why=f"Only its last holder can still rescue it, for about 30 days. {_RECOVERS}",
        advice=f"{_TELL} Pin the packages named here.",
    ),
    Kind(
        id="domain-pending-delete",
        subject="domain",
        severity=CRITICAL,
        title="{name} will be deleted within days",
        why=f"In about five days anybody can register it. {_RECOVERS}",
        advice="Pin the packages named here, and have the addresses removed from the accounts before the day.",
    ),
    Kind(
        id="domain-unregistered",
        subject="domain",
        severity=CRITICAL,
        title="{name} is not registered: anybody can buy it now",
        why=_RECOVERS,
        advice="Pin the packages named here now, and report it to the registry, which can lock the accounts.",
    ),
    Kind(
        id="domain-reregistered",
        subject="domain",
        severity=CRITICAL,
        title="{name} was registered anew",
        why=f"This is how accounts are taken over. {_RECOVERS}",
        advice="Trust no release by the accounts named here until their owners have spoken on another way.",
    ),
    Kind(
        id="registrar-changed",
        subject="domain",
        severity=LOW,
        title="{name} moved to another registrar",
        why="A transfer is common, and it is also how expired names are sold before they are deleted.",
        advice="Nothing to do by itself; around an expiry, treat it as a change of owner.",
    ),
    Kind(
        id="nameservers-changed",
        subject="domain",
        severity=LOW,
        title="{name} has other name servers",
        why="Whoever runs the name servers decides where mail goes.",
        advice="Nothing to do by itself; around an expiry, treat it as a change of owner.",
    ),
    Kind(
        id="mail-exchanger-changed",
        subject="domain",
        severity=LOW,
        title="Mail for {name} goes elsewhere now",
        why=_RECOVERS,
        advice="Nothing to do by itself; together with other changes of the domain, hold updates.",
    ),
    Kind(
        id="mail-exchanger-lost",
        subject="domain",
        severity=LOW,
        title="{name} takes no mail any more",
        why="Its accounts can no longer be reached or recovered by their owners.",
        advice=_TELL,
    ),
)

SETTLES: Final = timedelta(days=2)
"""Dates of one registration differ by less between sources: time zones, and a day given without its hour."""
AROUND: Final = timedelta(days=60)
"""Around an expiry, a change of hands looks like ordinary changes of registrar, name servers and mail."""
LATELY: Final = timedelta(days=30)
LAST_DAYS: Final = timedelta(days=7)
GRAVE: Final = {
    DomainState.EXPIRED: "domain-expired",
    DomainState.REDEMPTION: "domain-redemption",
    DomainState.PENDING_DELETE: "domain-pending-delete",
    DomainState.UNREGISTERED: "domain-unregistered",
}


def compare_domains(before: Domain, after: Domain, context: Context) -> Iterator[Change]:
    """What changed between what was last known and what is told now.

    A state or a fact that could not be told changes nothing. A domain that is lapsed, or about to, when it is first
    seen is told like one that becomes so: it can be bought today.
    """
    subject = domain_subject(after.name)
    again = _registered_again(before, after) or _newer_than_its_use(after, context)
    if again:
        was = _registration(before)
        if not was and context.used_since is not None:
            was = {"address_published_at": context.used_since.isoformat()}
        yield _change("domain-reregistered", subject, before, after, was, _registration(after))
    if after.state in GRAVE and after.state is not before.state:
        yield Change(
            kind=GRAVE[after.state],
            subject=subject,
            before=str(before.state),
            after=str(after.state),
            evidence=_evidence(after),
        )
    if not again:
        yield from _expiring(before, after, context, subject)
        yield from _moved(before, after, context, subject)


def _registered_again(before: Domain, after: Domain) -> bool:
    """The take-over itself: a later registration date or another handle. Renewals and transfers move neither."""
    if after.state not in {DomainState.REGISTERED, DomainState.EXPIRING}:
        return False
    if before.state is DomainState.UNREGISTERED:
        return True
    dates = before.registered_at, after.registered_at
    if dates[0] is not UNSET and dates[1] is not UNSET:
        return dates[1] - dates[0] > SETTLES
    handles = before.registry_handle, after.registry_handle
    return bool(handles[0] and handles[1] and handles[0] != handles[1])


def _newer_than_its_use(after: Domain, context: Context) -> bool:
    """Registered lately, although a release published long before already had an address on it.

    That tells of a take-over which happened before the domain was first looked at. One that lies further back is
    history, and the signal for it.
    """
    registered, used = after.registered_at, context.used_since
    if used is None or registered is UNSET or after.state not in {DomainState.REGISTERED, DomainState.EXPIRING}:
        return False
    return timedelta(0) <= context.now - registered <= LATELY and registered - used > SETTLES


def _expiring(before: Domain, after: Domain, context: Context, subject: str) -> Iterator[Change]:
    """The narrowest threshold that was passed and not told for this expiry date; a renewal arms all of them again."""
    expires = after.expires_at
    if not isinstance(expires, datetime) or after.state is not DomainState.EXPIRING:
        return
    left = expires - context.now
    passed = [days for days in context.warn_days if left <= timedelta(days=days)]
    if not passed:
        return
    narrowest = min(passed)
    if before.warned_days is not UNSET and before.warned_days <= narrowest and _warned_for(before, expires):
        return
    yield Change(
        kind="domain-expiring",
        subject=subject,
        before=None,
        after={"expires_at": expires.isoformat(), "threshold_days": narrowest},
        severity=Severity.HIGH if narrowest <= 7 else Severity.MEDIUM if narrowest <= 30 else Severity.LOW,
        evidence=_evidence(after) | {"days": max(0, left.days)},
    )


def _warned_for(before: Domain, expires: datetime) -> bool:
    """Whether the last warning was of this expiry, by whichever source: their dates are hours apart."""
    return before.warned_for is not UNSET and abs(expires - before.warned_for) <= SETTLES


def _moved(before: Domain, after: Domain, context: Context, subject: str) -> Iterator[Change]:
    """Registrar, name servers and mail exchangers; several at once around an expiry are graver."""
    found: list[tuple[str, Any, Any]] = []
    if before.registrar and after.registrar and _same(before.registrar) != _same(after.registrar):
        found.append(("registrar-changed", before.registrar, after.registrar))
    if before.nameservers and after.nameservers and set(before.nameservers) != set(after.nameservers):
        found.append(("nameservers-changed", list(before.nameservers), list(after.nameservers)))
    if before.mail_exchangers and after.mail_exchangers is not UNSET:
        if not after.mail_exchangers:
            found.append(("mail-exchanger-lost", list(before.mail_exchangers), []))
        elif set(before.mail_exchangers) != set(after.mail_exchangers):
            found.append(("mail-exchanger-changed", list(before.mail_exchangers), list(after.mail_exchangers)))
    sold = len(found) >= 2 and _around_expiry(before, after, context.now)
    for kind, was, now in found:
        severity = Severity.HIGH if sold else None
        evidence = _evidence(after) | {"around_expiry": sold}
        yield Change(kind=kind, subject=subject, before=was, after=now, severity=severity, evidence=evidence)


def _around_expiry(before: Domain, after: Domain, now: datetime) -> bool:
    dates = (one for one in (before.expires_at, after.expires_at) if isinstance(one, datetime))
    return any(abs(one - now) <= AROUND for one in dates)


def _same(registrar: str) -> str:
    """A registrar's name without what its spellings differ in: case, punctuation, legal form."""
    words = re.sub(r"[^a-z0-9 ]", " ", registrar.lower()).split()
    forms = {"inc", "llc", "ltd", "gmbh", "ag", "sa", "sas", "bv", "corp", "co", "limited", "the", "s", "a", "dba"}
    return " ".join(word for word in words if word not in forms) or registrar


def _change(kind: str, subject: str, before: Domain, after: Domain, was: Any, now: Any) -> Change:
    happened = after.registered_at if after.registered_at is not UNSET else None
    return Change(kind=kind, subject=subject, before=was, after=now, happened_at=happened, evidence=_evidence(after))


def _registration(domain: Domain) -> dict[str, Any]:
    told = {
        "registered_at": domain.registered_at.isoformat() if domain.registered_at is not UNSET else None,
        "registrar": domain.registrar or None,
        "handle": domain.registry_handle or None,
    }
    return {name: value for name, value in told.items() if value}


def _evidence(domain: Domain) -> dict[str, Any]:
    expires = domain.expires_at
    return {"reason": domain.reason, "expires_at": expires.isoformat() if isinstance(expires, datetime) else None}


def remembered(before: Domain | None, after: Domain, changes: list[Change]) -> Domain:
    """``after`` as it is stored: with the last known state, and the last warning that was given for its expiry."""
    if before is not None and after.state is DomainState.UNKNOWN:
        after = replace(after, state=before.state)
    for change in changes:
        if change.kind == "domain-expiring" and isinstance(after.expires_at, datetime):
            return replace(after, warned_for=after.expires_at, warned_days=int(change.after["threshold_days"]))
    if before is not None and isinstance(after.expires_at, datetime) and _warned_for(before, after.expires_at):
        return replace(after, warned_for=before.warned_for, warned_days=before.warned_days)
    return replace(after, warned_for=UNSET, warned_days=UNSET)


def next_check(domain: Domain, now: datetime, schedule: Schedule) -> timedelta:
    """How long until a domain is checked again: oftener the nearer the day, hourly when it is about to be lost."""
    hourly, few = timedelta(hours=1), timedelta(hours=6)
    if domain.state in {DomainState.REDEMPTION, DomainState.PENDING_DELETE, DomainState.EXPIRED}:
        return min(hourly, schedule.domains)
    if domain.state in {DomainState.UNREGISTERED, DomainState.UNKNOWN}:
        return min(few, schedule.domains)
    if isinstance(domain.expires_at, datetime):
        left = domain.expires_at - now
        if left <= LAST_DAYS:
            return min(hourly, schedule.domains)
        if left <= timedelta(days=30):
            return min(few, schedule.domains)
    return schedule.domains
