"""What could hurt most: a ranking by named factors, each with its share. Pure.

A factor measures one thing from 0 to 1, never less for more of it; its share is that measure times its weight, and the
shares add up. Nothing else enters, so the order can be read off the list. Weights stand under ``[risk]``; 0 turns a
factor off.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from msgspec import Struct

from config.settings import Risk

STATES: Final = {"expired": 0.5, "redemption": 0.7, "pending-delete": 0.9, "unregistered": 1.0}
"""How near a lapsed domain is to a stranger."""
SCRIPTS: Final = {"harmless": 0.3, "unclear": 0.6, "alarming": 1.0}
"""How an install script reads."""


class Facts(Struct, frozen=True, kw_only=True):
    """What is known of one package or account, as far as a factor needs it."""

    subject: str
    account: bool = False
    watches: int = 0
    """The user's watches that it reaches."""
    packages: int = 0
    """Of an account: watched packages that it can publish."""
    alone: int = 0
    """Of an account: those that nobody else can publish."""
    maintainers: int = 0
    """Of a package: people who can publish it; 0 where that is not known."""
    silent_maintainers: int = 0
    """Of a package: those of them who published nothing for longer than the threshold."""
    lapsed: str = ""
    """The state of the worst lapsed domain of a published address."""
    expires_in: int | None = None
    """Days until the next domain of a published address expires."""
    thrown_away: bool = False
    """A published address is on a throw-away mail domain."""
    script: str = ""
    """How the install script reads."""
    silent_days: int = 0
    """Days without a release beyond the threshold; of an account, without one of its own."""
    crowd: bool = False
    contributors: bool = False
    overloaded: bool = False


class Factor(Struct, frozen=True):
    """One named reason."""

    name: str
    """As ``[risk]`` writes it."""
    measure: Callable[[Facts], float]
    says: Callable[[Facts], str]


class Share(Struct, frozen=True):
    """What one factor adds to one subject."""

    factor: str
    weight: float
    measure: float
    contribution: float
    says: str


class Ranked(Struct, frozen=True):
    """One subject in the ranking."""

    subject: str
    score: float
    shares: tuple[Share, ...]
    """The greatest first; factors that add nothing are left out."""


def _of(count: int, full: int) -> float:
    """A count on a scale that flattens: the tenth package frightens less than the first; 1 from ``full`` on."""
    return min(1.0, math.log1p(count) / math.log1p(full))


FACTORS: Final = (
    Factor(
        "lapsed_domain",
        lambda f: STATES.get(f.lapsed, 0.0),
        lambda f: f"a published address is on a domain that is {f.lapsed.replace('-', ' ')}",
    ),
    Factor(
        "expiring_domain",
        lambda f: 0.0 if f.expires_in is None else max(0.0, min(1.0, 1 - f.expires_in / 60)),
        lambda f: f"the domain of a published address expires in {f.expires_in} days",
    ),
    Factor(
        "throw_away_address",
        lambda f: float(f.thrown_away),
        lambda f: "a published address is on a throw-away mail domain",
    ),
    Factor(
        "packages",
        lambda f: _of(f.packages, 50),
        lambda f: f"it can publish {f.packages} of the packages that you watch",
    ),
    Factor(
        "reach",
        lambda f: _of(f.watches, 10),
        lambda f: f"{f.watches} of your watches depend on it" if f.watches > 1 else "one of your watches depends on it",
    ),
    Factor(
        "sole_maintainer",
        lambda f: _of(f.alone, 10) if f.account else float(f.maintainers == 1),
        lambda f: f"nobody else can publish {f.alone} of them" if f.account else "one account alone can publish it",
    ),
    Factor(
        "install_script",
        lambda f: SCRIPTS.get(f.script, 0.0),
        lambda f: f"it runs an install script whose words read as {f.script}",
    ),
    Factor(
        "silence",
        lambda f: 0.0 if f.silent_days <= 0 else min(1.0, 0.5 + f.silent_days / 3650),
        lambda f: (
            f"it is not known to have published anything itself for {f.silent_days} days more than the threshold"
            if f.account
            else f"nothing was published for {f.silent_days} days more than the threshold"
        ),
    ),
    Factor(
        "silent_maintainers",
        lambda f: f.silent_maintainers / f.maintainers if f.maintainers else 0.0,
        lambda f: (
            f"{f.silent_maintainers} of its {f.maintainers} maintainers are not known to have published for too long"
            if f.maintainers > 1
            else "its only maintainer is not known to have published for too long"
        ),
    ),
    Factor("maintainers", lambda f: float(f.crowd), lambda f: f"{f.maintainers} accounts can publish it"),
    Factor("contributors", lambda f: float(f.contributors), lambda f: "it names very many contributors"),
    Factor(
        "overloaded",
        lambda f: float(f.overloaded),
        lambda f: "it can publish very many packages" if f.account else "a maintainer can publish very many packages",
    ),
)
"""Every factor, in the order in which equal shares are told."""


def rank(facts: Iterable[Facts], weights: Risk) -> list[Ranked]:
    """Everything with a score, the greatest first; of equal scores the subject decides."""
    by_name: Mapping[str, float] = weights.model_dump()
    ranked = [Ranked(one.subject, sum(s.contribution for s in found), found) for one, found in _shares(facts, by_name)]
    return sorted((one for one in ranked if one.score > 0), key=lambda one: (-one.score, one.subject))


def _shares(facts: Iterable[Facts], weights: Mapping[str, float]) -> Iterable[tuple[Facts, tuple[Share, ...]]]:
    for one in facts:
        found = []
        for factor in FACTORS:
            measure, weight = factor.measure(one), weights[factor.name]
            if measure > 0 and weight > 0:
                found.append(Share(factor.name, weight, measure, measure * weight, factor.says(one)))
        found.sort(key=lambda share: -share.contribution)
        yield one, tuple(found)
