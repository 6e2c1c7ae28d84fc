"""Registration statuses as WHOIS servers write them, in RDAP's words (RFC 8056). Pure."""

from __future__ import annotations

import re
from typing import Final

_WORDS: Final = {
    "redemption period": "redemption period",
    "redemption": "redemption period",
    "redemptionperiod": "redemption period",
    "redemption no provider": "redemption period",
    "pending delete restorable": "redemption period",
    "pending release": "redemption period",
    "to be suspended": "redemption period",
    "quarantine": "redemption period",
    "in quarantine": "redemption period",
    "pending restore": "pending restore",
    "pending delete": "pending delete",
    "pendingdelete": "pending delete",
    "pending delete scheduled for release": "pending delete",
    "to be deleted": "pending delete",
    "to be released": "pending delete",
    "delete candidate": "pending delete",
    "deleted": "pending delete",
    "expired": "expired",
    "domain expired": "expired",
    "registration expired": "expired",
    "dom exp": "expired",
    "suspended": "server hold",
    "suspendido": "server hold",
    "on hold": "server hold",
    "server hold": "server hold",
    "serverhold": "server hold",
    "registry hold": "server hold",
    "dom held": "server hold",
    "client hold": "client hold",
    "clienthold": "client hold",
    "registrar hold": "client hold",
    "inactive": "inactive",
    "auto renew period": "auto renew period",
    "autorenewperiod": "auto renew period",
    "auto renew grace period": "auto renew period",
    "activo": "active",
    "ativo": "active",
    "actif": "active",
    "live": "active",
    "published": "active",
    "paid and in zone": "active",
    "dom ok": "active",
}
_AS_IN_RDAP: Final = re.compile(r"(?:client|server) [a-z]+ prohibited|ok|active|registered|connect(?:ed)?")


def statuses(value: str) -> set[str]:
    """The statuses that a value names, one or several of them; empty for words that are no known status."""
    found = set()
    for part in re.split(r"[,;/|]| - ", re.sub(r"https?:\S*|\([^)]*\)?", " ", value[:400])):
        apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", part)
        word = " ".join(re.sub(r"^\s*\d{3}\b|[_.-]", " ", apart).lower().split())
        if word in _WORDS:
            found.add(_WORDS[word])
        elif _AS_IN_RDAP.fullmatch(word):
            found.add(word)
    return found
