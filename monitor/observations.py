"""What one check of one target returned, in our own words: the same shape whatever source it came from.

Sources (``monitor/sources``) build these; ``monitor/changes`` compares two of them; the store keeps them. Every fact
is known, known empty or unknown (``monitor.facts``).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct, UnsetType

from monitor.facts import UNKNOWN


class Standing(StrEnum):
    """How a registry itself describes a package as a whole."""

    ACTIVE = "active"
    REMOVED = "removed"
    """The registry answers that there is no such package, or that all its versions were unpublished."""
    SECURITY_PLACEHOLDER = "security-placeholder"
    """npm replaced the package by its `0.0.1-security` stub."""
    ARCHIVED = "archived"
    QUARANTINED = "quarantined"
    """PyPI hides the project while it is examined (PEP 792)."""


class Account(Struct, frozen=True, order=True):
    """An account that can publish, as the registry names it.

    ``email`` is the address published in the metadata: npm freezes it at publish time, so it says what was
    written then and not what the account uses now. ``""`` where the registry lists the account without one.
    """

    name: str
    email: str | UnsetType = UNKNOWN


class Release(Struct, frozen=True, kw_only=True):
    """One published version."""

    version: str
    published_at: datetime | UnsetType = UNKNOWN
    publisher: Account | UnsetType = UNKNOWN
    """The account that published it (npm: `_npmUser`). PyPI does not expose it."""
    trusted_publisher: str | UnsetType = UNKNOWN
    """The identity provider of a trusted (OIDC) publication, e.g. ``github``; ``""`` where a person published."""
    approver: str | UnsetType = UNKNOWN
    """The account that approved a staged publication (npm, 2026); ``""`` where there was none."""
    maintainers: tuple[Account, ...] | UnsetType = UNKNOWN
    """The maintainers at the time of this release, as npm records them in each version."""
    scripts: dict[str, str] | UnsetType = UNKNOWN
    """What runs on install: npm's ``preinstall``, ``install``, ``postinstall`` (never ``prepare``, which does not
    run for a registry tarball). An implicit node-gyp build appears as ``install: node-gyp rebuild``."""
    implicit_build: bool | UnsetType = UNKNOWN
    """npm's ``gypfile``: the build comes from a `binding.gyp`, not from a script that was written down."""
    source_build: bool | UnsetType = UNKNOWN
    """PyPI: only a source distribution is offered, so installing runs its build backend."""
    integrity: dict[str, str] | UnsetType = UNKNOWN
    """File name to digest (``sha512-…`` SRI, ``sha1-…`` or ``sha256:…``). npm has one file, named ``tarball``."""
    provenance: str | UnsetType = UNKNOWN
    """Predicate type of the provenance attestation, ``""`` where the release has none."""
    dependencies: dict[str, str] | UnsetType = UNKNOWN
    """Name to range or reference: run-time and optional dependencies together."""
    deprecated: str | UnsetType = UNKNOWN
    """The deprecation message, ``""`` where the release is not deprecated."""
    yanked: bool | UnsetType = UNKNOWN
    yanked_reason: str | UnsetType = UNKNOWN
    npm_version: str | UnsetType = UNKNOWN
    node_version: str | UnsetType = UNKNOWN
    git_head: str | UnsetType = UNKNOWN
    size: int | UnsetType = UNKNOWN
    """Bytes: npm's unpacked size; PyPI's largest file."""
    files: int | UnsetType = UNKNOWN
    repository: str | UnsetType = UNKNOWN
    licence: str | UnsetType = UNKNOWN


class Package(Struct, frozen=True, kw_only=True):
    """A package as one check saw it."""

    ecosystem: str
    """``npm`` or ``pypi``."""
    name: str
    """As the registry spells it (npm: ``@babel/core``; PyPI: the normalised name of PEP 503)."""
    standing: Standing | UnsetType = UNKNOWN
    standing_reason: str | UnsetType = UNKNOWN
    maintainers: tuple[Account, ...] | UnsetType = UNKNOWN
    """Who can publish now, sorted by name."""
    contacts: tuple[str, ...] | UnsetType = UNKNOWN
    """PyPI's self-declared author and maintainer addresses; they are nobody's account."""
    contributors: tuple[str, ...] | UnsetType = UNKNOWN
    dist_tags: dict[str, str] | UnsetType = UNKNOWN
    latest: str | UnsetType = UNKNOWN
    """The version an install without a version gets: npm's ``latest`` tag, PyPI's ``info.version``."""
    deprecated: str | UnsetType = UNKNOWN
    """The deprecation message of the latest version, ``""`` for none."""
    repository: str | UnsetType = UNKNOWN
    licence: str | UnsetType = UNKNOWN
    releases: dict[str, Release] | UnsetType = UNKNOWN
    """By version, in order of publication where that is known."""
    complete: bool = True
    """``releases`` are all that is served; False for a document of one version, which says nothing of others."""
    withdrawn: dict[str, datetime | None] | UnsetType = UNKNOWN
    """Versions that were published and are no longer served (npm keeps them in ``time``), with publish time."""
    revision: str | UnsetType = UNKNOWN
    """npm's `_rev`, PyPI's last serial: tells a fresh document from a cached one."""


class DomainState(StrEnum):
    """Where a registered name stands in its life (design, 7)."""

    REGISTERED = "registered"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    REDEMPTION = "redemption"
    PENDING_DELETE = "pending-delete"
    UNREGISTERED = "unregistered"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """What became of one question to one source."""

    FOUND = "found"
    NOT_FOUND = "not-found"
    """A definite answer of the authority: there is no such registration or name."""
    UNAVAILABLE = "unavailable"
    """No answer, or one that says nothing: time-out, 5xx, rate limit, SERVFAIL, captive page. Never a fact."""


class Registration(Struct, frozen=True, kw_only=True, tag="registration"):
    """What one registration service (RDAP or WHOIS) said about a domain."""

    source: str
    """``rdap`` or ``whois``."""
    server: str
    at: datetime
    outcome: Outcome
    reason: str = ""
    """Why there is no fact, or what the server's own words were; one line, already made printable."""
    registered_at: datetime | UnsetType = UNKNOWN
    """When the present registration began: a renewal keeps it, a re-registration moves it forward."""
    expires_at: datetime | None | UnsetType = UNKNOWN
    """``None``: this registry is known to publish no expiry date."""
    registrar: str | UnsetType = UNKNOWN
    handle: str | UnsetType = UNKNOWN
    """The registry's own identifier (ROID): another one is another registration."""
    statuses: tuple[str, ...] | UnsetType = UNKNOWN
    """In RDAP's words (RFC 8056), lower case, sorted."""
    nameservers: tuple[str, ...] | UnsetType = UNKNOWN
    """Lower case, without the final dot, sorted."""
    dated: datetime | UnsetType = UNKNOWN
    """The server's own clock when it answered; a copy that a cache kept tells when that was."""


class Delegation(Struct, frozen=True, kw_only=True, tag="delegation"):
    """What the DNS said about a domain."""

    at: datetime
    outcome: Outcome
    rcode: str = ""
    reason: str = ""
    confirmed_by: int = 1
    """How many resolvers gave this answer; a negative answer counts from two on, where two are configured."""
    nameservers: tuple[str, ...] | UnsetType = UNKNOWN
    mail_exchangers: tuple[str, ...] | UnsetType = UNKNOWN
    """Hosts in order of preference; ``()``: no MX record, or a null MX (RFC 7505)."""
    null_mx: bool | UnsetType = UNKNOWN
    addresses: tuple[str, ...] | UnsetType = UNKNOWN
    """A and AAAA: without an MX record, mail goes here."""
    soa: str | UnsetType = UNKNOWN
    ds: tuple[str, ...] | UnsetType = UNKNOWN


class Domain(Struct, frozen=True, kw_only=True):
    """A registrable domain as one check saw it: the verdict, and the evidence it rests on."""

    name: str
    """A-labels, lower case."""
    state: DomainState = DomainState.UNKNOWN
    reason: str = ""
    """One sentence that says which evidence decided."""
    expires_at: datetime | None | UnsetType = UNKNOWN
    registered_at: datetime | UnsetType = UNKNOWN
    registrar: str | UnsetType = UNKNOWN
    registry_handle: str | UnsetType = UNKNOWN
    nameservers: tuple[str, ...] | UnsetType = UNKNOWN
    mail_exchangers: tuple[str, ...] | UnsetType = UNKNOWN
    warned_for: datetime | UnsetType = UNKNOWN
    """The expiry date of the last warning, and at how many days it was given: kept by the store, told by no source."""
    warned_days: int | UnsetType = UNKNOWN
    evidence: tuple[Registration | Delegation, ...] = ()
