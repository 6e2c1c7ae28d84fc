"""Small things that together are what attacks look like in metadata (design, 5); users add their own."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from config.settings import Compound
from config.severity import Severity

_PERSON = "publisher-changed|publisher-not-maintainer|ownership-replaced"
# A script that changed is common with honest newcomers; one that turns alarming is grave by itself.
_CODE = "install-script-added"

COMPOUNDS: Final = (
    Compound(
        name="stranger-adds-script",
        all=(_PERSON, _CODE),
        within=timedelta(days=7),
        severity=Severity.CRITICAL,
        reason="An account that never published it before, and code that runs on install.",
    ),
    Compound(
        name="newcomer-adds-script",
        all=("maintainer-added", _CODE),
        within=timedelta(days=30),
        severity=Severity.CRITICAL,
        reason="A new maintainer, and code that runs on install soon after.",
    ),
    Compound(
        name="stranger-revives",
        all=("dormant-revival", f"{_PERSON}|maintainer-added"),
        within=timedelta(days=7),
        severity=Severity.CRITICAL,
        reason="A package that was silent for years comes back under another account.",
    ),
    Compound(
        name="revival-adds-script",
        all=("dormant-revival", _CODE),
        within=timedelta(days=7),
        severity=Severity.CRITICAL,
        reason="A package that was silent for years comes back with code that runs on install.",
    ),
    Compound(
        name="provenance-lost-to-stranger",
        all=("provenance-lost", _PERSON),
        within=timedelta(days=7),
        severity=Severity.CRITICAL,
        reason="Its releases came verifiably from the project's build; now a person publishes by hand.",
    ),
    Compound(
        name="hand-published-with-new-dependency",
        all=("provenance-lost", "dependency-added"),
        within=timedelta(days=1),
        severity=Severity.HIGH,
        reason="Published past the usual build, and it brings something along that it never needed.",
    ),
    Compound(
        name="hand-published-with-script",
        all=("provenance-lost|publish-environment-changed", _CODE),
        within=timedelta(days=1),
        severity=Severity.CRITICAL,
        reason="Published in another way than usual, with code that runs on install.",
    ),
    Compound(
        name="taken-over-domain-publishes",
        all=("domain-reregistered", "release-published"),
        within=timedelta(days=90),
        severity=Severity.CRITICAL,
        reason="The domain of the publisher's address changed hands, and now there is a release.",
    ),
    Compound(
        name="burst-in-another-way",
        all=("release-burst", "publish-environment-changed"),
        within=timedelta(days=1),
        severity=Severity.CRITICAL,
        reason="Many packages of one account within an hour, published in another way than usual.",
    ),
)
