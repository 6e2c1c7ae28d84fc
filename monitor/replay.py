"""Recorded timelines through the ordinary pipeline, each in a store of its own with the clock set to what it replays.

The format is in docs/replay.md; what it gives is a score: which kinds were expected and seen, when the first grave
alert came, and which grave alerts nobody should have got.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from msgspec import UNSET, Struct
from sqlmodel import Session, select

from alerts.held import findings_of
from alerts.model import Alert
from alerts.routing import policy
from config.names import BadName, domain_subject, package_purl, parse_domain
from config.settings import Settings
from config.severity import Severity
from monitor.changes.compounds import COMPOUNDS
from monitor.check import first_published
from monitor.observations import Delegation, Domain, Outcome, Package, Registration
from monitor.record import Recorder
from monitor.results import Seen
from monitor.schedule import CONFIRM_AFTER
from monitor.sources.decode import BadDocument
from monitor.sources.packument import parse_packument
from monitor.sources.pypi import parse_pypi
from monitor.sources.rdap import parse_rdap
from monitor.sources.whois_text import parse_whois
from monitor.store.engine import Store
from monitor.store.tables import Target
from monitor.store.targets import Wanted, add_targets, by_subject, reconcile
from monitor.store.upgrade import upgrade
from monitor.verdict import verdict

LARGEST = 256 * 1024 * 1024


class ReplayError(Exception):
    """A replay file that breaks the format: file, path in it, problem."""


class _Observation(Struct, forbid_unknown_fields=True):
    at: datetime
    packument: msgspec.Raw | msgspec.UnsetType = UNSET
    pypi: msgspec.Raw | msgspec.UnsetType = UNSET
    domain: dict[str, Any] | msgspec.UnsetType = UNSET


class Timeline(Struct):
    """One file of the format."""

    id: str
    observations: list[_Observation]
    title: str = ""
    expect: list[str] = []
    quiet_until: datetime | None = None


class Score(Struct):
    """What one timeline showed."""

    id: str
    expected: list[str]
    raised: list[str]
    missed: list[str]
    first_alert: dict[str, Any] | None
    false_alarms: list[dict[str, Any]]
    high_alerts: int = 0
    package_years: float = 0.0


def read(file: Path) -> Timeline:
    """The timeline in a file; ReplayError says what breaks the format, and where in it."""
    if file.stat().st_size > LARGEST:
        raise ReplayError(f"{file}: larger than {LARGEST // 1024 // 1024} MB")
    try:
        timeline = msgspec.json.decode(file.read_bytes(), type=Timeline)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReplayError(f"{file}: {error}") from None
    for index, one in enumerate(timeline.observations):
        told = [name for name in ("packument", "pypi", "domain") if getattr(one, name) is not UNSET]
        if len(told) != 1:
            raise ReplayError(
                f"{file}: observations[{index}]: has {told or 'none'} of packument, pypi and domain; one is wanted"
            )
        if one.at.tzinfo is None:
            one.at = one.at.replace(tzinfo=UTC)
    timeline.observations.sort(key=lambda one: one.at)
    return timeline


def observe(file: Path, index: int, told: _Observation) -> Package | Domain:
    """The observation through the ordinary normaliser."""
    try:
        if told.packument is not UNSET:
            return parse_packument(bytes(told.packument), _name(told.packument, "name"))
        if told.pypi is not UNSET:
            return parse_pypi(bytes(told.pypi), _name(told.pypi, "info", "name"))
        return _domain(told)
    except (BadDocument, BadName, ValueError, TypeError, KeyError) as error:
        raise ReplayError(f"{file}: observations[{index}]: {error}") from None


def _name(raw: msgspec.Raw, *path: str) -> str:
    found: Any = msgspec.json.decode(raw)
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, str):
        raise BadDocument(f"has no {'.'.join(path)}")
    return found


def _domain(told: _Observation) -> Domain:
    document = told.domain if isinstance(told.domain, dict) else {}
    name = parse_domain(str(document.get("name", "")))
    evidence: list[Registration | Delegation] = []
    if document.get("rdap") is not None:
        evidence.append(parse_rdap(document["rdap"], name, "replay", told.at))
    if document.get("whois") is not None:
        evidence.append(parse_whois(str(document["whois"]), name, "replay", told.at))
    answer = document.get("dns")
    if isinstance(answer, dict):
        evidence.append(_delegation(answer, told.at))
    return verdict(name, evidence, told.at, Settings().domains.warn_days)


def _delegation(answer: dict[str, Any], at: datetime) -> Delegation:
    rcode = str(answer.get("rcode", "NOERROR"))
    outcome = {"NOERROR": Outcome.FOUND, "NXDOMAIN": Outcome.NOT_FOUND}.get(rcode, Outcome.UNAVAILABLE)
    if outcome is not Outcome.FOUND:
        return Delegation(at=at, outcome=outcome, rcode=rcode)
    servers, mail = answer.get("ns"), answer.get("mx")
    return Delegation(
        at=at,
        outcome=outcome,
        rcode=rcode,
        nameservers=tuple(sorted(map(str, servers))) if isinstance(servers, list) else UNSET,
        mail_exchangers=tuple(map(str, mail)) if isinstance(mail, list) else UNSET,
        null_mx=UNSET,
    )


def replay(file: Path, settings: Settings) -> Score:
    """One timeline through record, comparison and alert rules; its score."""
    timeline = read(file)
    with tempfile.TemporaryDirectory(prefix="weaklink-replay-") as folder:
        store = Store(f"sqlite:///{folder}/replay.db")
        try:
            return _run(file, timeline, settings, store)
        finally:
            store.close()


def _run(file: Path, timeline: Timeline, settings: Settings, store: Store) -> Score:
    start = timeline.observations[0].at if timeline.observations else datetime(2026, 1, 1, tzinfo=UTC)
    upgrade(store, start)
    rng = Random(0)
    recorder = Recorder(settings, policy(settings, COMPOUNDS), rng)
    born: dict[str, datetime | None] = {}
    spans: dict[str, tuple[datetime, datetime]] = {}
    raised: set[str] = set()
    for index, told in enumerate(timeline.observations):
        observed = observe(file, index, told)
        subject = (
            domain_subject(observed.name)
            if isinstance(observed, Domain)
            else package_purl(observed.ecosystem, observed.name)
        )
        if isinstance(observed, Package):
            born[observed.name] = first_published(observed)
            spans[subject] = (spans.get(subject, (told.at, told.at))[0], told.at)
        for at in (told.at, told.at + CONFIRM_AFTER):
            with store.transaction() as session:
                outcome = recorder.record(session, [_seen(session, subject, observed, at, born, rng)], at)
            raised |= {f.kind for f in outcome.findings if not f.clears}
            # What is grave is looked at again, and the source would say the same.
            if not outcome.suspected:
                break
    with store.reading() as session:
        alerts = session.exec(select(Alert).order_by(Alert.opened_at, Alert.id)).all()  # type: ignore[arg-type]
        findings = findings_of(session, [alert.id for alert in alerts if alert.id is not None])
    return _score(timeline, raised, alerts, findings, spans)


def _seen(
    session: Session,
    subject: str,
    observed: Package | Domain,
    at: datetime,
    born: dict[str, datetime | None],
    rng: Random,
) -> Seen:
    if not by_subject(session, [subject]):
        sort = "domain" if isinstance(observed, Domain) else "package"
        if sort == "package":
            known = [Wanted(watch="replay", subject=one, sort="package") for one in _watched(session)]
            reconcile(session, [*known, Wanted(watch="replay", subject=subject, sort=sort)], at, rng)
        else:
            add_targets(session, [(subject, sort)], at, rng, listed=False)
    (due,) = by_subject(session, [subject])
    return Seen(due=due, at=at, observation=observed, published=born, looked_up=True)


def _watched(session: Session) -> list[str]:
    return list(session.exec(select(Target.subject).where(Target.sort == "package")))


def _score(
    timeline: Timeline,
    raised: set[str],
    alerts: Sequence[Alert],
    findings: dict[int, list[Any]],
    spans: dict[str, tuple[datetime, datetime]],
) -> Score:
    expected = [kind for kind in timeline.expect if kind != "none-visible"]
    grave = [alert for alert in alerts if alert.severity >= Severity.HIGH]
    false = []
    for alert in grave:
        kinds = sorted({f.kind for f in findings[alert.id or 0]})
        early = timeline.quiet_until is not None and alert.opened_at < timeline.quiet_until
        if early or not set(kinds) & set(expected):
            false.append(_told(alert) | {"kinds": kinds, "before_quiet_until": early})
    years = sum(((last - first) / timedelta(days=365.25) for first, last in spans.values()), 0.0)
    return Score(
        id=timeline.id,
        expected=expected,
        raised=sorted(raised),
        missed=sorted(set(expected) - raised),
        first_alert=_told(grave[0]) if grave else None,
        false_alarms=false,
        high_alerts=len(grave),
        package_years=years,
    )


def _told(alert: Alert) -> dict[str, Any]:
    return {
        "at": alert.opened_at,
        "severity": str(Severity(alert.severity)),
        "subject": alert.subject,
        "title": alert.title,
    }


def total(scores: Sequence[Score]) -> dict[str, Any]:
    """The totals of design, 7."""
    expected = sum(len(score.expected) for score in scores)
    found = expected - sum(len(score.missed) for score in scores)
    high = sum(score.high_alerts for score in scores)
    false = sum(len(score.false_alarms) for score in scores)
    years = sum(score.package_years for score in scores)
    return {
        "timelines": [
            {
                "id": score.id,
                "expected": score.expected,
                "raised": score.raised,
                "missed": score.missed,
                "first_alert": score.first_alert,
                "false_alarms": score.false_alarms,
            }
            for score in scores
        ],
        "recall": found / expected if expected else None,
        "precision": (high - false) / high if high else None,
        "package_years": round(years, 3),
        "high_alerts": high,
        "high_alerts_per_package_year": high / years if years else None,
    }
