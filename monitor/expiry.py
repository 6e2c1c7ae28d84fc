"""Registries that publish no expiry date: for their names 'no date' is an answer, not a gap."""

from __future__ import annotations

from typing import Final

NO_EXPIRY: Final = frozenset(["de", "nl", "eu", "be", "at", "ch", "li", "lu", "ae", "au", "no", "pe", "int", "aq"])
"""Top-level domains, as their registries' own RDAP and WHOIS show (domain facts, D7)."""


def publishes_no_expiry(domain: str) -> bool:
    return domain.rpartition(".")[2].lower() in NO_EXPIRY
