"""The table of kinds: what each change is called, how grave it is by itself, why it matters and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from config.severity import Severity
from monitor.changes.domains import DOMAIN_KINDS
from monitor.changes.model import Kind

INFO, LOW, MEDIUM, HIGH, CRITICAL = Severity

_BLOCKED = "npm 12 and later block install scripts of dependencies unless you allowed them; older npm runs them."

PACKAGE_KINDS: Final = (
    Kind(
        id="maintainer-added",
        subject="package",
        severity=MEDIUM,
        title="{account} can now publish {name}",
        why="A new co-maintainer can publish to everyone who depends on this, at once and without review.",
        advice="Look for a public word of the project about this person. If there is none, pin the present version.",
    ),
    Kind(
        id="maintainer-removed",
        subject="package",
        severity=LOW,
        title="{account} can no longer publish {name}",
        why="Fewer, or other, people now decide what is published.",
        advice="Nothing to do if somebody you trust remains; otherwise watch the next release closely.",
    ),
    Kind(
        id="maintainer-email-changed",
        subject="package",
        severity=LOW,
        title="The published address of {account} changed on {name}",
        why="Whoever reads this mailbox can recover the account.",
        advice="Check that the new address is the maintainer's, above all if a release follows soon.",
    ),
    Kind(
        id="publisher-changed",
        subject="package",
        severity=MEDIUM,
        title="{name} {version} was published by {after}, for the first time",
        why="This account never published the package before.",
        advice="Do not update to this release until you know who this is and what the release changed.",
    ),
    Kind(
        id="publisher-not-maintainer",
        subject="package",
        severity=MEDIUM,
        title="{name} {version} was published by {after}, who is not among its maintainers",
        why="The account could publish when it did, and is not listed: rights were given or taken in between.",
        advice="Do not update to this release until the project explains it.",
    ),
    Kind(
        id="ownership-replaced",
        subject="package",
        severity=CRITICAL,
        title="Nobody who could publish {name} before still can",
        why="The package has been handed over as a whole; with a stolen account this is what a take-over looks like.",
        advice="Pin the last release of the old maintainers and look for their own public word about it.",
    ),
    Kind(
        id="install-script-added",
        subject="package",
        severity=HIGH,
        title="{name} {version} now runs code on install",
        why="An install script runs on every machine that installs the package, before anything is reviewed.",
        advice=f"Do not install this release before you have read the script. {_BLOCKED}",
    ),
    Kind(
        id="install-script-changed",
        subject="package",
        severity=MEDIUM,
        title="{name} {version} runs other code on install than before",
        why="An install script runs on every machine that installs the package.",
        advice=f"Read the difference before you update. {_BLOCKED}",
    ),
    Kind(
        id="install-script-removed",
        subject="package",
        severity=INFO,
        title="{name} {version} no longer runs code on install",
        why="One weak link less.",
        advice="Nothing to do.",
    ),
    Kind(
        id="release-published",
        subject="package",
        severity=INFO,
        title="{name} {version} was published",
        why="Something new will be installed wherever the range allows it.",
        advice="Nothing to do by itself.",
    ),
    Kind(
        id="dormant-revival",
        subject="package",
        severity=HIGH,
        title="{name} {version} is its first release after {evidence[silent_for]}",
        why="A package that nobody looks at any more is what attackers look for; revivals are often take-overs.",
        advice="Compare the release with the one before it and wait some days before you update.",
    ),
    Kind(
        id="release-burst",
        subject="package",
        severity=HIGH,
        title="{evidence[told]} within an hour",
        why="A stolen token is used on everything it opens, within minutes.",
        advice="Hold all updates of the packages named here until the account's owner has spoken.",
    ),
    Kind(
        id="version-unpublished",
        subject="package",
        severity=LOW,
        title="{name} {version} was taken back",
        why="A release that is removed was bad, or somebody hides what it was.",
        advice="If you have it installed or cached, find out why it went before you use it again.",
    ),
    Kind(
        id="version-yanked",
        subject="package",
        severity=LOW,
        title="{name} {version} was yanked",
        why="Its authors say that it should not be installed.",
        advice="Move to another version where this one is locked.",
    ),
    Kind(
        id="integrity-changed",
        subject="package",
        severity=CRITICAL,
        title="{name} {version} has other bytes than before",
        why="A published version never changes honestly; the same number with other content defeats every review.",
        advice="Do not install it. Compare with a cached copy and the lock file's hash, and report it to the registry.",
    ),
    Kind(
        id="dist-tag-moved",
        subject="package",
        severity=LOW,
        title="The tag {evidence[tag]} of {name} moved from {before} to {after}",
        why="The tag decides what an install without a version gets, and somebody moved it by hand.",
        advice="Check that the version it points to is one you would install.",
    ),
    Kind(
        id="provenance-lost",
        subject="package",
        severity=MEDIUM,
        title="{name} {version} has no provenance, unlike the releases before it",
        why="Earlier releases came verifiably from the project's build; this one may come from anywhere.",
        advice="Do not update until the project says why it was published another way.",
    ),
    Kind(
        id="provenance-gained",
        subject="package",
        severity=INFO,
        title="{name} {version} has provenance for the first time",
        why="It can now be verified where releases come from.",
        advice="Nothing to do.",
    ),
    Kind(
        id="dependency-added",
        subject="package",
        severity=INFO,
        title="{name} {version} depends on something new: {evidence[names]}",
        why="What it now brings along is installed too, with whatever that runs.",
        advice="Look at the new dependency before you update; one that is days old has no history to trust.",
    ),
    Kind(
        id="publish-environment-changed",
        subject="package",
        severity=LOW,
        title="{name} {version} was published in another way than usual",
        why="With a stolen token the account looks right, and only the way of publishing differs.",
        advice="Weak by itself. With anything else unusual, wait before you update.",
    ),
    Kind(
        id="repository-changed",
        subject="package",
        severity=LOW,
        title="{name} {version} names another source repository",
        why="The code that you can read may not be the code that is published.",
        advice="Check that the project itself moved.",
    ),
    Kind(
        id="license-changed",
        subject="package",
        severity=LOW,
        title="{name} {version} is under another licence",
        why="The terms under which you may use it changed.",
        advice="Ask whoever decides on licences before you update.",
    ),
    Kind(
        id="size-jump",
        subject="package",
        severity=LOW,
        title="{name} {version} is {evidence[factor]} times as large as before",
        why="Bundled code is where things are hidden.",
        advice="Look at what was added before you update.",
    ),
    Kind(
        id="deprecated",
        subject="package",
        severity=LOW,
        title="{name} is deprecated",
        why="Its authors will not mend it any more, and an abandoned package is easier to take over.",
        advice="Plan to replace it; the message may name a successor.",
    ),
    Kind(
        id="undeprecated",
        subject="package",
        severity=LOW,
        title="{name} is no longer deprecated",
        why="Somebody took up a package that was given up.",
        advice="Check that it is the same people as before.",
        clears="deprecated",
    ),
    Kind(
        id="package-removed",
        subject="package",
        severity=HIGH,
        title="{name} is gone from the registry",
        why="Builds will fail, and the name may become free for somebody else.",
        advice="Keep the copies you have, and replace the dependency.",
    ),
    Kind(
        id="security-placeholder",
        subject="package",
        severity=CRITICAL,
        title="The registry replaced {name} by a security placeholder",
        why="The registry does this with packages that were found to be malicious.",
        advice="Treat every machine that installed it lately as compromised until you know better.",
    ),
    Kind(
        id="project-archived",
        subject="package",
        severity=LOW,
        title="{name} was archived by its owners",
        why="No more releases are expected, security fixes included.",
        advice="Plan to replace it.",
    ),
    Kind(
        id="project-quarantined",
        subject="package",
        severity=CRITICAL,
        title="The registry put {name} under quarantine",
        why="It is being examined as possibly malicious.",
        advice="Do not install it, and look at what recent installs brought.",
    ),
    Kind(
        id="advisory-published",
        subject="package",
        severity=HIGH,
        title="{name} {evidence[told]}",
        why="A database that others rely on reports the package, or a weakness of it.",
        advice="Look at which releases it names, and move to one that it does not.",
    ),
    Kind(
        id="advisory-withdrawn",
        subject="package",
        severity=INFO,
        title="{evidence[id]} about {name} was withdrawn",
        why="Who published it does not hold to it any more.",
        advice="Nothing to do.",
        clears="advisory-published",
    ),
)

SIGNAL_KINDS: Final = (
    Kind(
        id="signal-raised",
        subject="signal",
        severity=LOW,
        title="{evidence[signal]}: {evidence[sentence]}",
        why="A weak link that holds from now on; docs/signals.md says what each means and what it does not.",
        advice="See weaklink signals, and weaklink risk for what matters most.",
    ),
    Kind(
        id="signal-cleared",
        subject="signal",
        severity=INFO,
        title="{evidence[signal]} no longer holds for {name}",
        why="One weak link less.",
        advice="Nothing to do.",
        clears="signal-raised",
    ),
)

WATCH_KINDS: Final = (
    Kind(
        id="target-failing",
        subject="watch",
        severity=LOW,
        title="{name} cannot be checked",
        why="While it cannot be checked, nothing that happens to it will be seen.",
        advice="Look at the reason in weaklink status; a name that does not exist belongs out of the watchlist.",
    ),
    Kind(
        id="source-down",
        subject="watch",
        severity=MEDIUM,
        title="{name} does not answer",
        why="Nothing that it serves is being watched now.",
        advice="If others can reach it, check network, proxy and credentials of this machine.",
    ),
    Kind(
        id="config-rejected",
        subject="watch",
        severity=MEDIUM,
        title="An edit of the configuration was rejected",
        why="The last good configuration stays in force, so the edit watches nothing yet.",
        advice="Mend what the message names; weaklink config check tells all of it.",
    ),
    Kind(
        id="delivery-failing",
        subject="watch",
        severity=HIGH,
        title="Messages to {name} do not arrive",
        why="The people behind this channel hear nothing.",
        advice="Run weaklink notify test, and renew the channel's URL or credential.",
    ),
)

KINDS: Final[Mapping[str, Kind]] = {
    kind.id: kind for kind in (*PACKAGE_KINDS, *DOMAIN_KINDS, *SIGNAL_KINDS, *WATCH_KINDS)
}

CONFIRMED_KINDS: Final = frozenset(
    {
        "package-removed",
        "ownership-replaced",
        "domain-expired",
        "domain-unregistered",
        "domain-redemption",
        "domain-pending-delete",
    }
)
"""Changes that are told only after a second check, minutes later, saw them too (design, 4.3)."""
