"""What an advisory means for those who use the package: changes and their words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from config.severity import Severity
from monitor.advisories.model import Advisory, Affected, Range
from monitor.advisories.weigh import Near, Standing, Step
from monitor.changes.model import Change
from monitor.exposure import TAKEN, UNUSED, USED
from monitor.spans import iso

PUBLISHED: Final = "advisory-published"
WITHDRAWN: Final = "advisory-withdrawn"
MOST_NAMED: Final = 20
_PAGE: Final = "https://osv.dev/vulnerability/"
"""Where people read an advisory; nothing is fetched from there."""


def published(step: Step, after: Standing, advisory: Advisory, subject: str) -> Change:
    """An advisory came, or came nearer than it was."""
    return Change(
        kind=PUBLISHED,
        subject=subject,
        before=None if step.before is None else _state(step.before),
        after=_state(after),
        happened_at=advisory.published_at if step.before is None and not step.early else None,
        version=after.version,
        evidence=evidence(after, advisory, subject) | ({"early": True} if step.early else {}),
        severity=min(after.severity, Severity.MEDIUM) if step.early else after.severity,
    )


def withdrawn(before: Standing, advisory: Advisory, subject: str) -> Change:
    """Nobody reports it any more."""
    return Change(
        kind=WITHDRAWN,
        subject=subject,
        before=_state(before),
        happened_at=advisory.withdrawn_at,
        version=before.version,
        evidence=evidence(before, advisory, subject),
    )


def _state(standing: Standing) -> dict[str, str]:
    return {"id": standing.ids[0], "use": standing.use or "unknown"}


def evidence(standing: Standing, advisory: Advisory, subject: str) -> dict[str, Any]:
    """What the advisory says, and how near it is to each watch."""
    affected = advisory.of(subject)
    uses: dict[str, list[str]] = {}
    for one in standing.near:
        uses.setdefault(one.use or "unknown", []).append(one.watch)
    return {
        "key": standing.key,
        "id": advisory.id,
        "ids": list(standing.ids[:MOST_NAMED]),
        "aliases": list(advisory.aliases[:MOST_NAMED]),
        "summary": advisory.summary,
        "malicious": standing.malicious,
        "rating": None if advisory.rating is None else str(advisory.rating),
        "affected": affected_words(affected),
        "fixed": fixed_in(affected),
        "published_at": iso(advisory.published_at),
        "modified_at": iso(advisory.modified_at),
        "withdrawn_at": iso(advisory.withdrawn_at),
        "use": uses,
        "told": told(standing),
    }


def told(standing: Standing) -> str:
    """What is reported of a package and how near it is, as the end of a sentence that begins with its name."""
    which = standing.ids[0]
    what = f"reported as malicious ({which})" if standing.malicious else f"affected by {which}"
    if standing.use == USED:
        release = next((one.release for one in standing.near if one.release), "")
        return f"{release}, which is in use, is {what}" if release else f"is {what} in every version"
    if standing.use == TAKEN:
        return f"{standing.version}, which the next update takes, is {what}"
    if standing.use == UNUSED:
        return f"is {what} in releases that are not in use"
    return f"{standing.version or 'in some releases'} is {what}; which release is in use is not known"


def why_of(about: Mapping[str, Any]) -> str:
    if about.get("malicious"):
        return "Whoever installs such a release runs its author's code, with all that the machine may reach."
    return "A weakness that is published is looked for by everybody."


def advice_of(about: Mapping[str, Any]) -> str:
    """What to do now, by how near it is."""
    uses = about.get("use") or {}
    if about.get("malicious"):
        if uses.get(USED):
            return (
                "Take the release off every machine and out of every cache, and treat machines that installed it as "
                "compromised: renew the secrets that were there."
            )
        return "Do not update before you have looked, and find out whether any machine ever installed such a release."
    fixed = [str(version) for version in about.get("fixed") or ()]
    return (
        f"Update to {' or '.join(fixed[:3])} or later." if fixed else "No fixed release is named: look for another way."
    )


def reading(about: Mapping[str, Any]) -> tuple[str, str]:
    """The page of the advisory."""
    name = str(about.get("id", ""))
    return f"advisory {name[:60]}", _PAGE + quote(name, safe="")


def affected_words(affected: Iterable[Affected]) -> list[str]:
    """The affected versions as people write ranges: ``>=1.2.0 <1.4.1``."""
    words: list[str] = []
    for one in affected:
        words += [text for found in one.ranges if (text := _range_words(found))]
        words += one.versions[:MOST_NAMED]
    return list(dict.fromkeys(words))[:MOST_NAMED]


_SIGNS: Final = {"introduced": ">=", "fixed": "<", "last_affected": "<=", "limit": "<"}


def _range_words(found: Range) -> str:
    told = [f"{_SIGNS[event.kind]}{event.version}" for event in found.events if event.version not in {"0", "*"}]
    return " ".join(told[:MOST_NAMED]) if told or not found.events else "every version"


def fixed_in(affected: Sequence[Affected]) -> list[str]:
    found = (event.version for one in affected for span in one.ranges for event in span.events if event.kind == "fixed")
    return list(dict.fromkeys(found))[:MOST_NAMED]


def nearness(near: Sequence[Near]) -> dict[str, Near]:
    """By watch."""
    return {one.watch: one for one in near}
