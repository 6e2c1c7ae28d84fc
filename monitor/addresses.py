"""From an e-mail address as metadata has it to the domain that one would have to buy to receive its mail."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from publicsuffixlist import PublicSuffixList

from config.names import BadName, parse_domain

# Only the ICANN section: below a private suffix (github.io) the platform decides, and one cannot buy the name.
_SUFFIXES: Final = PublicSuffixList(only_icann=True)


@lru_cache(maxsize=65536)
def registrable_domain(email: str) -> str:
    """The registrable domain of an address in A-labels; ``""`` for what is no address on a public domain."""
    local, at, host = email.strip().rpartition("@")
    if not at or not local or "@" in local.strip('"') or host.startswith("["):
        return ""
    try:
        name = parse_domain(host)
    except BadName:
        return ""
    found = _SUFFIXES.privatesuffix(name)
    return str(found) if found else ""
