"""Changes of registrable domains: the table of their kinds."""

from __future__ import annotations

from typing import Final

from config.severity import Severity
from monitor.changes.model import Kind

INFO, LOW, MEDIUM, HIGH, CRITICAL = Severity

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

CONFIRMED_DOMAIN_KINDS: Final = frozenset(
    {"domain-expired", "domain-redemption", "domain-pending-delete", "domain-unregistered"}
)
"""Told only after a second check saw them too."""
