"""The study as anybody would write it: one loop over the lines, ``json`` and dictionaries. The measure for the other.

It reads flat records by the rules of docs/study.md, and gives the same statistics by the identifiers of measures.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil
from typing import Any

from monitor.accounts import is_person
from monitor.observations import Account

MOST = 2**31 - 1


def study(
    lines: Iterable[bytes], at: datetime, now: datetime, expired: set[str] | None, days: int = 730
) -> dict[str, Any]:
    """Statistics by measure, and ``faults`` as a count by kind."""
    faults: Counter[str] = Counter()
    packages: dict[str, tuple[Any, ...]] = {}
    seats: list[tuple[str, bool | None, datetime | None, int | None, str]] = []
    cut = at - timedelta(days=days)
    for line in lines:
        if not line.strip():
            continue
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            faults["broken-line"] += 1
            continue
        if not isinstance(told, dict):
            faults["broken-line"] += 1
            continue
        name = told.get("name")
        if not isinstance(name, str) or not 1 <= len(name) <= 300:
            faults["no-name"] += 1
            continue
        contributors, dependents = (_count(told, column, faults) for column in ("contributors", "dependents"))
        runs = told.get("install_script")
        if runs is not None and not isinstance(runs, bool):
            faults["wrong-type"] += 1
            runs = None
        last = _date(told.get("last_release_at"), now, faults)
        people = _people(told.get("maintainers"), expired, faults)
        if name in packages:
            faults["duplicate"] += 1
            continue
        packages[name] = (contributors, dependents, runs, last, people)
        for account, lapsed in (people or {}).items():
            seats.append((account, lapsed, last, dependents, name))
    return _statistics(packages, seats, at, cut) | {"faults": dict(faults)}


def _count(told: dict[str, Any], column: str, faults: Counter[str]) -> int | None:
    value = told.get(column)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST:
        faults["wrong-type"] += 1
        return None
    return value


def _date(text: Any, now: datetime, faults: Counter[str]) -> datetime | None:
    if text is None:
        return None
    if not isinstance(text, str) or len(text) > 100:
        faults["wrong-type"] += 1
        return None
    try:
        read = datetime.fromisoformat(text)
        read = read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        faults["bad-date"] += 1
        return None
    read = read.replace(microsecond=0)
    if read.year < 2009:
        faults["early-date"] += 1
        return None
    if read > now + timedelta(days=1):
        faults["future-date"] += 1
        return None
    return read


def _people(told: Any, expired: set[str] | None, faults: Counter[str]) -> dict[str, bool | None] | None:
    if told is None:
        return None
    people: dict[str, list[bool | None]] = {}
    for seat in told if isinstance(told, list) else [None]:
        if not isinstance(seat, dict):
            faults["wrong-type"] += 1
            return None
        name, email, lapsed = seat.get("name"), seat.get("email"), seat.get("domain_expired")
        fits = (email is None or (isinstance(email, str) and len(email) <= 1000)) and isinstance(lapsed, bool | None)
        if not fits or not isinstance(name, str) or not 1 <= len(name) <= 300:
            faults["wrong-type"] += 1
            return None
        if not is_person(Account(name, email or "")):
            continue
        if lapsed is None and expired is not None and email is not None:
            host = email.strip().lower().rpartition("@")[2].removesuffix(".") if "@" in email else ""
            labels = host.split(".")
            lapsed = any(".".join(labels[start:]) in expired for start in range(len(labels)))
        people.setdefault(name, []).append(lapsed)
    return {name: _any(found) for name, found in people.items()}


def _any(found: Iterable[bool | None]) -> bool | None:
    known = list(found)
    return True if True in known else None if None in known else False


def _statistics(packages: dict[str, Any], seats: list[Any], at: datetime, cut: datetime) -> dict[str, Any]:
    portfolio: Counter[str] = Counter()
    lapsed: dict[str, list[bool | None]] = defaultdict(list)
    dates: dict[str, list[datetime | None]] = defaultdict(list)
    reach: dict[str, list[int | None]] = defaultdict(list)
    for account, expired, last, dependents, _name in seats:
        portfolio[account] += 1
        lapsed[account].append(expired)
        dates[account].append(last)
        reach[account].append(dependents)
    inactive = {}
    for account, found in dates.items():
        awake = any(last is not None and last > cut for last in found)
        inactive[account] = False if awake else None if None in found else True
    expired_packages, stale, abandoned, runs, people_of, hands, ages = (list[Any]() for _ in range(7))
    reached = []
    for contributors, dependents, script, last, people in packages.values():
        expired = None if people is None else _any(people.values())
        expired_packages.append(expired)
        if expired and dependents is not None:
            reached.append(dependents)
        stale.append(None if last is None else last <= cut)
        runs.append(script)
        hands.append(contributors)
        people_of.append(None if people is None else len(people))
        ages.append(None if last is None else max(0, (at - last).days))
        if (last is not None and last > cut) or people == {}:
            abandoned.append(False)
        elif last is None or people is None:
            abandoned.append(None)
        else:
            states = [inactive[account] for account in people]
            abandoned.append(False if False in states else None if None in states else True)
    sums = {account: [one for one in found if one is not None] for account, found in reach.items()}
    return {
        "maintainers-on-expired-domains": _share(map(_any, lapsed.values())),
        "packages-on-expired-domains": _share(expired_packages)
        | {"mean-dependents": sum(reached) / len(reached) if reached else None},
        "install-scripts": _share(runs),
        "unmaintained": _share(stale),
        "inactive-maintainers": _share(inactive.values()),
        "unmaintained-by-inactive": _share(abandoned),
        "days-since-release": _spread(ages),
        "maintainers-per-package": _spread(people_of, top=True),
        "contributors-per-package": _spread(hands, top=True),
        "packages-per-maintainer": _spread(portfolio.values(), top=True)
        | {"top-1-mean-dependents": _top_dependents(portfolio, sums)},
    }


def _share(states: Iterable[bool | None]) -> dict[str, Any]:
    found = Counter(states)
    known = found[True] + found[False]
    return {
        "count": found[True] if known else None,
        "percent": 100 * found[True] / known if known else None,
        "known": known,
        "unknown": found[None],
    }


def _spread(values: Iterable[int | None], top: bool = False) -> dict[str, Any]:
    told = list(values)
    known = sorted(value for value in told if value is not None)
    found: dict[str, Any] = {"known": len(known), "unknown": len(told) - len(known)}
    found["mean"] = sum(known) / len(known) if known else None
    for percent in ("50", "75", "90", "95", "99", "99.9"):
        found[f"p{percent}"] = known[max(1, ceil(Fraction(percent) * len(known) / 100)) - 1] if known else None
    found["max"] = known[-1] if known else None
    if top:
        greatest = known[-max(1, ceil(len(known) / 100)) :]
        found["top-1-mean"] = sum(greatest) / len(greatest) if greatest else None
    return found


def _top_dependents(portfolio: Counter[str], sums: dict[str, list[int]]) -> float | None:
    """Of maintainers who tie at the edge of the top, each counts with the part that belongs to the top."""
    wanted = max(1, ceil(len(portfolio) / 100))
    ordered = sorted(portfolio, key=portfolio.__getitem__, reverse=True)
    if not ordered:
        return None
    edge = portfolio[ordered[min(wanted, len(ordered)) - 1]]
    above = [account for account in ordered if portfolio[account] > edge]
    at_edge = [account for account in ordered if portfolio[account] == edge]
    part = Fraction(wanted - len(above), len(at_edge))
    total = known = Fraction(0)
    for accounts, share in ((above, Fraction(1)), (at_edge, part)):
        total += share * sum(sum(sums[account]) for account in accounts)
        known += share * sum(1 for account in accounts if sums[account])
    return float(total / known) if known else None
