"""Accounts that are nobody: shared publishing identities of registries and forges (design, 4.7).

A trusted publisher's identity is the same for every project that uses it, so it is never new, silent or overloaded.
"""

from __future__ import annotations

from typing import Final

from monitor.observations import Account

PSEUDO_NAMES: Final = frozenset(
    {
        "github actions",
        "github-actions",
        "github-actions[bot]",
        "gitlab ci/cd",
        "gitlab ci",
        "circleci",
        "google cloud build",
        "activestate",
        "npm",
        "npm-oidc",
        "npm-support",
        "ci (oidc)",
        "semantic-release-bot",
        "dependabot[bot]",
        "renovate[bot]",
    }
)
PSEUDO_ADDRESSES: Final = frozenset({"npm-oidc-no-reply@github.com"})


def is_person(account: Account) -> bool:
    """Whether an account can be somebody's; not so for the registry's own and for trusted publishers."""
    if account.name.strip().lower() in PSEUDO_NAMES:
        return False
    return not (isinstance(account.email, str) and account.email.strip().lower() in PSEUDO_ADDRESSES)
