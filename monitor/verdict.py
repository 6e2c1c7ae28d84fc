"""Where a domain stands, from what RDAP, WHOIS and the DNS said. Pure.

Two independent proofs make 'unregistered': the registration service knows no such name, and the DNS has none. A held or
redeemed name is missing from the DNS too, so that alone proves nothing; and no failure of a source proves anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from monitor.expiry import publishes_no_expiry
from monitor.observations import Delegation, Domain, DomainState, Outcome, Registration

Evidence = Registration | Delegation

DOUBTED = timedelta(days=3)
"""A clock that is off by so much or less may be ours as well as theirs."""


def verdict(name: str, evidence: Sequence[Evidence], now: datetime, warn_days: Sequence[int]) -> Domain:
    """The domain as this evidence shows it; what no source told is unknown."""
    registrations = [e for e in evidence if isinstance(e, Registration)]
    found = sorted((e for e in registrations if e.outcome is Outcome.FOUND), key=lambda e: e.source != "rdap")
    denied = [e for e in registrations if e.outcome is Outcome.NOT_FOUND]
    delegation = next((e for e in evidence if isinstance(e, Delegation)), None)
    domain = Domain(name=name, evidence=tuple(evidence))
    if delegation is not None and delegation.outcome is Outcome.FOUND:
        domain = replace(domain, nameservers=delegation.nameservers, mail_exchangers=_mail(delegation))
    if found:
        domain = _facts(domain, found, with_nameservers=delegation is None)
        state, reason = _registered(domain, found[0], now, warn_days)
    elif denied:
        state, reason = _denied(denied, delegation)
    else:
        state, reason = DomainState.UNKNOWN, _why_unknown(registrations, delegation)
    return replace(domain, state=state, reason=reason)


def _facts(domain: Domain, found: Sequence[Registration], *, with_nameservers: bool) -> Domain:
    """The registry's facts, RDAP's before WHOIS's.

    Its name servers count where the DNS was not asked: the zone itself often lists others, so one set instead of the
    other, because a look failed, would be a change that nobody made.
    """
    told: dict[str, Any] = {}
    for source, field in (
        ("expires_at", "expires_at"),
        ("registered_at", "registered_at"),
        ("registrar", "registrar"),
        ("handle", "registry_handle"),
        ("nameservers", "nameservers"),
    ):
        for registration in found:
            value = getattr(registration, source)
            if value is not UNSET and (field != "nameservers" or with_nameservers):
                told[field] = value
                break
    if "expires_at" not in told and publishes_no_expiry(domain.name):
        told["expires_at"] = None
    return replace(domain, **told)


def _registered(
    domain: Domain, first: Registration, now: datetime, warn_days: Sequence[int]
) -> tuple[DomainState, str]:
    statuses = set(first.statuses) if first.statuses is not UNSET else set()
    said = f"{first.source} at {first.server}"
    # Both stand on a name in redemption: it can still be rescued, so it is not yet the deletion that waits.
    if statuses & {"redemption period", "pending restore"}:
        return DomainState.REDEMPTION, f"{said} says redemption"
    if "pending delete" in statuses:
        return DomainState.PENDING_DELETE, f"{said} says that it will be deleted"
    expires = domain.expires_at
    now = _by_both_clocks(now, first)
    if "expired" in statuses:
        return DomainState.EXPIRED, f"{said} says expired"
    if expires is UNSET:
        return DomainState.REGISTERED, f"{said} says registered; it told no expiry date"
    if expires is None:
        return DomainState.REGISTERED, f"{said} says registered; this registry publishes no expiry date"
    if expires <= now:
        return DomainState.EXPIRED, f"{said} gives {expires:%Y-%m-%d} as its expiry"
    left = expires - now
    if warn_days and left <= timedelta(days=max(warn_days)):
        return DomainState.EXPIRING, f"{said} gives {expires:%Y-%m-%d} as its expiry, in {left.days} days"
    return DomainState.REGISTERED, f"{said} gives {expires:%Y-%m-%d} as its expiry"


def _by_both_clocks(now: datetime, first: Registration) -> datetime:
    """The earlier one of our clock and the server's, which differ by days at most: one that was put ahead must not
    make a domain expired. A server whose clock is further off is not asked for the time."""
    if first.dated is UNSET or abs(now - first.dated) > DOUBTED:
        return now
    return min(now, first.dated)


def _denied(denied: Sequence[Registration], delegation: Delegation | None) -> tuple[DomainState, str]:
    sources = " and ".join(f"{e.source} at {e.server}" for e in denied)
    if delegation is None or delegation.outcome is Outcome.UNAVAILABLE:
        return DomainState.UNKNOWN, f"{sources} knows no such domain, but the DNS could not be asked"
    if delegation.outcome is Outcome.FOUND:
        return DomainState.UNKNOWN, f"{sources} knows no such domain, but the DNS still has it"
    return DomainState.UNREGISTERED, f"{sources} knows no such domain, and neither does the DNS"


def _why_unknown(registrations: Sequence[Registration], delegation: Delegation | None) -> str:
    words = [f"{e.source} at {e.server}: {e.reason}" for e in registrations] or [
        "no registration service could be asked"
    ]
    if delegation is not None and delegation.outcome is Outcome.NOT_FOUND:
        words.append("the DNS has no such name, which a registered name that is on hold has not either")
    return "; ".join(words)[:500]


def _mail(delegation: Delegation) -> Any:
    """Where mail goes: the exchangers, or the name's own address where it has none (RFC 5321, 5.1)."""
    if delegation.mail_exchangers is UNSET or delegation.mail_exchangers or delegation.null_mx is not False:
        return delegation.mail_exchangers
    if delegation.addresses is UNSET:
        return UNSET
    return ("(its own address)",) if delegation.addresses else delegation.mail_exchangers
