"""When a signal holds, and what it weighs."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from config.settings.fields import Duration, Section, Span


class Thresholds(Section):
    """When a signal holds. The study gives means of top slices for W4 to W6, not cut-offs."""

    inactive_after: Span = Field(
        default=timedelta(days=730), description="W3: no release for so long (the study: two years)."
    )
    maintainers: int = Field(default=20, ge=2, description="W4: this many maintainers or more.")
    contributors: int = Field(default=40, ge=2, description="W5: this many contributors or more.")
    packages_per_maintainer: int = Field(
        default=180, ge=2, description="W6: this many packages of one account or more."
    )
    percentile: float = Field(
        default=99.0, gt=50, lt=100, description="W4-W6: and at or above this percentile of what is watched."
    )
    failing_after: Span = Field(default=timedelta(hours=12), description="target-failing: no good check for so long.")
    source_down_after: Span = Field(default=timedelta(minutes=15), description="source-down: no answer for so long.")
    delivery_failing_after: Span = Field(
        default=timedelta(minutes=30), description="delivery-failing: a channel took no message for so long."
    )
    settle_after: Span = Field(
        default=timedelta(days=30),
        description="An open alert of severity medium or below, about something that happened once, closes by itself "
        "after so long without news.",
    )
    burst_packages: int = Field(
        default=3, ge=2, description="release-burst: so many packages of one account in an hour."
    )
    young_dependency: Duration = Field(
        default=timedelta(days=7), description="dependency-added: a package younger than this is graver."
    )


Weight = Annotated[float, Field(ge=0, le=1000)]


class Risk(Section):
    """What each factor weighs in ``weaklink risk``: it adds its weight times its measure, 0 to 1; weight 0 is off."""

    lapsed_domain: Weight = Field(
        default=40.0,
        description="A published address is on a lapsed domain: 0.5 where it has expired, 1 where it is free.",
    )
    expiring_domain: Weight = Field(
        default=10.0, description="Such a domain expires within 60 days; 1 on the day itself."
    )
    throw_away_address: Weight = Field(default=15.0, description="A published address is on a throw-away mail domain.")
    packages: Weight = Field(
        default=30.0, description="Accounts: watched packages it can publish, on a scale that is 1 from 50 on."
    )
    reach: Weight = Field(default=20.0, description="Your watches that it reaches, on a scale that is 1 from ten on.")
    sole_maintainer: Weight = Field(
        default=10.0,
        description="One account alone can publish it; for an account: how many such, 1 from ten on.",
    )
    install_script: Weight = Field(
        default=15.0, description="It runs an install script that reads as harmless (0.3), unclear (0.6), alarming (1)."
    )
    silence: Weight = Field(
        default=15.0,
        description="W3 holds, or an account published nothing itself for so long: 0.5 from the "
        "threshold on, and more with every year, up to 1.",
    )
    silent_maintainers: Weight = Field(
        default=10.0,
        description="Packages: the share of the maintainers for whom W3 holds, or who published nothing for so long.",
    )
    maintainers: Weight = Field(default=5.0, description="W4 holds.")
    contributors: Weight = Field(default=2.0, description="W5 holds.")
    overloaded: Weight = Field(default=5.0, description="W6 holds, for the account or for one of the maintainers.")
