"""What the watching hands to the telling: a subject, a kind, a severity and the evidence."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct

from config.severity import Severity


class Reach(Struct, frozen=True, order=True):
    """One of the user's watches that a finding touches, and how."""

    watch: str
    owner: str = ""
    direct: bool = True
    via: tuple[str, ...] = ()
    """The chain by which the package came in, from the project's direct dependency down, without the subject."""
    versions: tuple[str, ...] = ()
    """Versions in use there (locked), empty where only a name is watched."""
    release: str = ""
    """The release that the finding is about, if it is about one."""
    use: str = ""
    """How near that release is to this watch: ``used``, ``taken`` (an update takes it), ``unused``; empty: unknown."""


class Finding(Struct, frozen=True, kw_only=True):
    """One thing a person may have to hear about.

    Strings come from attackers: they are kept as they are and escaped by whoever shows them.
    """

    subject: str
    """A purl without version, ``npm:~account`` or ``domain:example.org``."""
    kind: str
    """A stable identifier of design, 5."""
    severity: Severity
    cause: str
    """Findings that share a cause are one alert: ``release:pkg:npm/x@1.2.3``, ``account:npm:~alice``, ``domain:…``."""
    at: datetime
    """When we saw it."""
    happened_at: datetime | None = None
    """When it happened at the source (publish time, registration time), where the source says so."""
    title: str
    """One line without markup, e.g. ``alice was added as a maintainer of express``."""
    before: Any = None
    after: Any = None
    """JSON values: what was there, what is there now."""
    evidence: dict[str, Any] = {}
    """Source, version, digest, dates: whatever proves it, JSON values."""
    why: str = ""
    """Why it matters, one sentence of our own."""
    advice: str = ""
    """What to do now, one or two sentences of our own."""
    reach: tuple[Reach, ...] = ()
    related: tuple[str, ...] = ()
    """Other subjects this is about (the publisher's account, its domain): compound rules join on them."""
    clears: bool = False
    """True for a finding that ends others of its cause: the alert resolves by itself when none is left that holds."""
    ends: tuple[str, ...] = ()
    """The kinds that it ends, of the same subject; none named: all of them."""
    which: str = ""
    """Tells apart what a subject can have several of (an advisory); an end that says which ends no other."""
    lasting: bool = False
    """True for a state that holds until it is cleared, false for something that happened once."""
    quiet: bool = False
    """Joins an alert that was told already without being news: one more package that cannot be checked either."""
    incident: bool = False
    """True for what says of a subject that something is wrong with it as a whole: it joins the alert that tells how."""
    links: tuple[tuple[str, str], ...] = ()
    """What a person would look at next, as ``(words, URL)``; never an URL that a package's author wrote."""
    change_id: int | None = None
    """The stored change this came from."""


def gravity(finding: Finding) -> tuple[Severity, Severity]:
    """How grave it is, and how grave it was alone: what a rule raised stands behind what is grave by itself."""
    alone = finding.evidence.get("alone")
    return finding.severity, Severity.parse(alone) if isinstance(alone, str) else finding.severity
