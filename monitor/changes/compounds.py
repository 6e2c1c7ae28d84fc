"""Small things that together are what attacks look like in metadata (design, 5); users add their own.

How often each fires on healthy packages and on incidents: docs/detection.md.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from config.settings import Compound
from config.severity import Severity

_PERSON = "publisher-changed|publisher-not-maintainer|ownership-replaced"
# A script that changed is common with honest newcomers; one that turns alarming is grave by itself. So is a build that
# anybody knows, on a package that built before.
_CODE = "install-script-added>=medium"
_OTHER_WAY = "provenance-lost|publish-environment-changed"
_SOLD = "registrar-changed>=high|nameservers-changed>=high|mail-exchanger-changed>=high"

# What one release shows stands in one observation; a day joins what happens around it.
_AT_ONCE, _DAY, _WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
_MONTH, _SEASON = timedelta(days=30), timedelta(days=90)


def _rule(name: str, parts: tuple[str, ...], within: timedelta, severity: Severity, reason: str) -> Compound:
    return Compound(name=name, all=parts, within=within, severity=severity, reason=reason)


COMPOUNDS: Final = (
    _rule(
        "stranger-adds-script",
        (_PERSON, _CODE),
        _DAY,
        Severity.CRITICAL,
        "An account that never published it before, and code that runs on install.",
    ),
    _rule(
        "newcomer-adds-script",
        ("maintainer-added", "install-script-added>=high"),
        _MONTH,
        Severity.CRITICAL,
        "A new maintainer, and code that runs on install soon after.",
    ),
    _rule(
        "stranger-revives",
        ("dormant-revival>=high", f"{_PERSON}|maintainer-added"),
        _WEEK,
        Severity.CRITICAL,
        "A package that was silent for years comes back under another account.",
    ),
    _rule(
        "revival-adds-script",
        ("dormant-revival", _CODE),
        _WEEK,
        Severity.CRITICAL,
        "A package that was silent for years comes back with code that runs on install.",
    ),
    _rule(
        "handed-over",
        ("maintainer-added", "maintainer-removed>=medium"),
        _WEEK,
        Severity.HIGH,
        "Somebody new was let in, and soon only one of those who could publish it is left.",
    ),
    _rule(
        "newcomer-brings-dependency",
        ("publisher-changed>=medium", "dependency-added>=low"),
        _AT_ONCE,
        Severity.HIGH,
        "The first release by this account claims to mend something, and brings along what was never needed before.",
    ),
    _rule(
        "provenance-lost-to-stranger",
        ("provenance-lost", _PERSON),
        _WEEK,
        Severity.CRITICAL,
        "Its releases came verifiably from the project's build; now a person publishes by hand.",
    ),
    _rule(
        "other-way-and-new-dependency",
        (_OTHER_WAY, "dependency-added"),
        _AT_ONCE,
        Severity.HIGH,
        "Published in another way than usual, and it brings something along that it never needed.",
    ),
    _rule(
        "other-way-and-script",
        (_OTHER_WAY, f"{_CODE}|install-script-changed>=medium"),
        _AT_ONCE,
        Severity.CRITICAL,
        "Published in another way than usual, with code that runs on install.",
    ),
    _rule(
        "other-way-by-stranger",
        ("publish-environment-changed", _PERSON),
        _AT_ONCE,
        Severity.HIGH,
        "Published by an account that never did before, and in another way than usual.",
    ),
    _rule(
        "other-way-after-new-address",
        (_OTHER_WAY, "maintainer-email-changed>=medium"),
        _WEEK,
        Severity.HIGH,
        "A maintainer's address moved to another domain, and then a release was published in another way than usual.",
    ),
    _rule(
        "taken-over-domain-publishes",
        (f"domain-reregistered|{_SOLD}", "release-published"),
        _SEASON,
        Severity.CRITICAL,
        "The domain of the publisher's address changed hands, and now there is a release.",
    ),
    _rule(
        "burst-in-another-way",
        ("release-burst", f"{_OTHER_WAY}|{_CODE}"),
        _DAY,
        Severity.CRITICAL,
        "Many packages of one account within an hour, published in another way than usual or with code that runs on "
        "install.",
    ),
)
