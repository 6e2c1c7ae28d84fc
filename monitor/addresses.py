"""From an e-mail address as metadata has it to the domain that one would have to buy to receive its mail."""

from __future__ import annotations

from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

from disposable_email_domains import blocklist
from msgspec import Struct
from publicsuffixlist import PublicSuffixList

from config.names import BadName, parse_domain


class Sort(StrEnum):
    """What kind of domain an address is on."""

    ORDINARY = "ordinary"
    """Somebody's own: whoever holds it receives the mail. This is what is watched."""
    FREE_MAIL = "free-mail"
    FORGE = "forge"
    """A forge's or list's address, read by nobody or by many."""
    FORWARDING = "forwarding"
    DISPOSABLE = "disposable"
    """A throw-away box: a finding by itself."""
    PLATFORM = "platform"
    """Below a suffix that a platform gives out (github.io): the platform's, and not for sale."""
    RESERVED = "reserved"
    """A name that nobody can register (RFC 2606, 6761)."""
    INVALID = "invalid"


class Mailbox(Struct, frozen=True):
    """An address, and what it hangs on."""

    address: str
    sort: Sort
    domain: str = ""
    """The host part in A-labels."""
    registrable: str = ""
    """What one would have to buy, in A-labels."""


LONGEST: Final = 254
"""Characters of an address (RFC 5321, 4.5.3.1, as corrected)."""
_RESERVED: Final = frozenset({"example", "invalid", "test", "localhost", "local", "internal", "onion", "arpa", "lan"})
_RESERVED_NAMES: Final = frozenset({"example.com", "example.net", "example.org"})
# Only the ICANN section: below a private suffix (github.io) the platform decides, and one cannot buy the name.
_SUFFIXES: Final = PublicSuffixList(only_icann=True, accept_unknown=False)
_WITH_PLATFORMS: Final = PublicSuffixList(accept_unknown=False)


@cache
def _providers() -> dict[str, Sort]:
    """Known providers by domain, from the list in ``monitor/data``."""
    found: dict[str, Sort] = {}
    sort = Sort.FREE_MAIL
    for line in (files("monitor") / "data" / "mail-providers.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            sort = Sort(line.strip("[]"))
        elif not line.startswith("#"):
            found.update(dict.fromkeys(line.split(), sort))
    return found


@lru_cache(maxsize=65536)
def mailbox(address: str) -> Mailbox:
    """What an address hangs on. Never raises: what is no address is ``invalid``."""
    text = address.strip()
    local, at, host = text.rpartition("@")
    bad = not at or not local or len(text) > LONGEST or not text.isprintable() or host.startswith("[") or "(" in text
    if bad or "@" in _unquoted(local):
        return Mailbox(text[:LONGEST], Sort.INVALID)
    try:
        domain = parse_domain(host)
    except BadName:
        return Mailbox(text, Sort.INVALID)
    if domain.rpartition(".")[2] in _RESERVED:
        return Mailbox(text, Sort.RESERVED, domain)
    registrable = _SUFFIXES.privatesuffix(domain)
    if not registrable:
        return Mailbox(text, Sort.INVALID, domain)
    if registrable in _RESERVED_NAMES:
        return Mailbox(text, Sort.RESERVED, domain, registrable)
    known = _providers()
    sort = known.get(domain) or known.get(registrable)
    if sort is None and _WITH_PLATFORMS.publicsuffix(domain) != _SUFFIXES.publicsuffix(domain):
        sort = Sort.PLATFORM
    if sort is None:
        sort = Sort.DISPOSABLE if domain in blocklist or registrable in blocklist else Sort.ORDINARY
    return Mailbox(text, sort, domain, str(registrable))


def registrable_domain(address: str) -> str:
    """The domain to watch for an address; ``""`` where there is none, or where it is a provider's."""
    found = mailbox(address)
    return found.registrable if found.sort is Sort.ORDINARY else ""


def _unquoted(local: str) -> str:
    """A quoted local part may hold an at sign (RFC 5322, 3.2.4)."""
    return "" if len(local) > 1 and local.startswith('"') and local.endswith('"') else local
