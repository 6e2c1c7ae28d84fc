"""W1: an address published in the metadata is on a lapsed domain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from msgspec import Struct

from config.names import domain_subject, short_form
from config.severity import Severity
from monitor.observations import Domain, DomainState
from monitor.signals.model import Finding, Holds, Signal

LAPSED: Final = frozenset(
    {DomainState.EXPIRED, DomainState.REDEMPTION, DomainState.PENDING_DELETE, DomainState.UNREGISTERED}
)
_GRAVEST: Final = (DomainState.UNREGISTERED, DomainState.PENDING_DELETE, DomainState.REDEMPTION, DomainState.EXPIRED)


class Published(Struct, frozen=True, order=True):
    """An address in a package's metadata: of an account, or of nobody's (PyPI's contacts)."""

    domain: str
    email: str
    account: str = ""


def lapsed_domain(published: Iterable[Published], lapsed: Mapping[str, Domain]) -> Finding:
    """The addresses on lapsed domains; ``lapsed`` are the domains whose last known state is one of ``LAPSED``."""
    hit = {one for one in published if one.domain in lapsed}
    if not hit:
        return None
    names = sorted({one.domain for one in hit}, key=lambda name: (_GRAVEST.index(lapsed[name].state), name))
    rank = {name: place for place, name in enumerate(names)}
    # The gravest domain's come first: however many there are, those that the sentence is about are listed.
    listed = sorted(hit, key=lambda one: (rank[one.domain], one))[:50]
    worst = lapsed[names[0]]
    expired = [at for name in names if isinstance(at := lapsed[name].expires_at, datetime)]
    return Holds(
        value=names,
        threshold="expired",
        since=min(expired, default=None),
        evidence={
            "domain": worst.name,
            "state": str(worst.state),
            "states": {name: str(lapsed[name].state) for name in names},
            "addresses": [{"account": one.account, "email": one.email, "domain": one.domain} for one in listed],
        },
        cause=domain_subject(worst.name),
    )


def _says(subject: str, holds: Holds, _now: datetime) -> str:
    first = next(one for one in holds.evidence["addresses"] if one["domain"] == holds.evidence["domain"])
    whose = f" of {first['account']}" if first["account"] and first["account"] != subject else ""
    more = f" (and {len(holds.value) - 1} more)" if len(holds.value) > 1 else ""
    return (
        f"{short_form(subject)}: {first['email']}{whose}, an address published in the metadata, is on a lapsed "
        f"domain: {holds.evidence['domain']} is {holds.evidence['state'].replace('-', ' ')}{more}"
    )


SIGNAL: Final = Signal(
    id="W1",
    name="lapsed address domain",
    about=("package", "maintainer"),
    severity=Severity.LOW,
    source="The addresses of accounts in npm's metadata, the contacts of a PyPI project; RDAP, WHOIS and DNS of their "
    "registrable domains.",
    threshold="The domain is expired, in redemption, about to be deleted, or not registered.",
    says=_says,
    means="Whoever registers the domain receives the mail that is sent to the address, and may recover accounts by it.",
    not_means="That the account can be taken: npm keeps the address of the day of publication, and may have disabled "
    "its password reset. PyPI's contacts are free text and nobody's account.",
    advice="Tell the maintainer through the project, not by mail to this domain, and pin the package meanwhile.",
)
