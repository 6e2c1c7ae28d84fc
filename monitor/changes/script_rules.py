"""What an install script's words say that it does: one small table of rules, read from top to bottom. Pure.

It reads the command line that the metadata carries and never the files it starts, so it is a reading, not a proof.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from msgspec import Struct

LONGEST_READ: Final = 4000
"""Characters of a script that are read as commands; of a longer one nobody says that it is harmless."""


class Verdict(StrEnum):
    """How a script reads."""

    HARMLESS = "harmless"
    UNCLEAR = "unclear"
    ALARMING = "alarming"


class Rule(Struct, frozen=True):
    """Words that show what a script does."""

    does: str
    """In plain words; completes "on install it …"."""
    verdict: Verdict
    pattern: re.Pattern[str]


class Reading(Struct, frozen=True):
    """A script as the rules read it."""

    verdict: Verdict
    does: tuple[str, ...]


def _rule(does: str, verdict: Verdict, pattern: str) -> Rule:
    return Rule(does, verdict, re.compile(pattern, re.IGNORECASE))


# Found anywhere in a script, each of these is told and makes it alarming.
ANYWHERE: Final = (
    _rule("talks to the network", Verdict.ALARMING, r"curl|wget|https?:|certutil|bitsadmin|/dev/tcp|\bnc\b|webrequest"),
    _rule(
        "runs a shell or code written into the command",
        Verdict.ALARMING,
        r"powershell|\bbash\s+-c|\bsh\s+-c|child_process|\bnode\s+(?:-e|--eval|-p)\b|python3?\s+-c|start /b",
    ),
    _rule("hides what it does", Verdict.ALARMING, r"base64|\beval\b|atob|fromCharCode|(?:\\x[0-9a-f]{2}){4}"),
    _rule("reads credentials or system files", Verdict.ALARMING, r"/etc/(?:passwd|shadow)|\.npmrc|\.ssh\b|\.aws\b"),
)

# Each command of a script is what the first of these that fits it as a whole says.
COMMANDS: Final = (
    _rule(
        "prints a message",
        Verdict.HARMLESS,
        r"(?:echo|printf)(?:\s+(?:'[^']*'|\"[^\"]*\"|[^\s<>'\"]+))*|opencollective(?:-postinstall)?(?![\w./-])[^<>]*",
    ),
    _rule("does nothing", Verdict.HARMLESS, r"true|exit 0|:"),
    _rule("stops the install", Verdict.HARMLESS, r"false|exit [1-9]\d{0,2}"),
    _rule(
        "builds native code with node-gyp",
        Verdict.HARMLESS,
        r"(?:node-gyp|cmake-js|neon|napi|electron-rebuild)(?![\w./-]).*",
    ),
    _rule(
        "downloads a prebuilt binary, or builds it",
        Verdict.HARMLESS,
        r"(?:node-pre-gyp|prebuild-install|prebuild|node-gyp-build(?:-optional-packages|-test)?)(?![\w./-]).*",
    ),
    _rule(
        "installs further packages",
        Verdict.UNCLEAR,
        r"(?:npm|pnpm|yarn)\s+(?:-\S+\s+)*(?:i|install|add|exec|dlx)\s+(?:\S+\s+)*[^-\s].*|(?:npx|bunx)(?![\w./-]).*",
    ),
    _rule(
        "runs development tools",
        Verdict.HARMLESS,
        r"(?:husky|patch-package|is-ci|lerna|yarn|npm|pnpm|rimraf|mkdirp|tsc|ngcc)(?![\w./-]).*",
    ),
    _rule("runs a build of its own", Verdict.UNCLEAR, r"(?:make|cmake|node-waf)(?![\w./-]).*"),
    _rule("runs a file of the package", Verdict.UNCLEAR, r"(?:node|sh|bash|python3?)\s+[^-\s].*|\.{1,2}[/\\].*"),
)

# Commands are what stands between separators that no quotes hold together; to Windows, single quotes are none.
_COMMAND: Final = re.compile(r"(?:[^;&|\n'\"]|'[^'\n&|]*'|\"[^\"\n]*\"|['\"])+")
_SUBSTITUTION: Final = re.compile(r"[`$]")


def read_script(text: str) -> Reading:
    """What a script does, by its words; ``unclear`` where they do not say."""
    read = text[:LONGEST_READ]
    commands = [_command(part) for found in _COMMAND.finditer(read) if (part := found[0].strip())]
    does = [rule.does for rule in commands if rule is not None]
    if read == text and all(rule is COMMANDS[0] for rule in commands):
        # An address in a message is only shown.
        return Reading(Verdict.HARMLESS, ("only prints a message",) if commands else ("does nothing",))
    alarming = [rule.does for rule in ANYWHERE if rule.pattern.search(text)]
    if alarming:
        return Reading(Verdict.ALARMING, tuple(dict.fromkeys([*alarming, *does])))
    if read != text or any(rule is None or rule.verdict is Verdict.UNCLEAR for rule in commands):
        return Reading(Verdict.UNCLEAR, tuple(dict.fromkeys(does)))
    return Reading(Verdict.HARMLESS, tuple(dict.fromkeys(does)))


def _command(part: str) -> Rule | None:
    """What one command does; None where no rule knows it, or where the shell decides what it is."""
    if _SUBSTITUTION.search(part):
        return None
    return next((rule for rule in COMMANDS if rule.pattern.fullmatch(part)), None)


def in_words(scripts: dict[str, str]) -> str:
    """All of a package's install scripts in one phrase: ``builds native code with node-gyp``."""
    does = list(dict.fromkeys(words for text in scripts.values() for words in read_script(text).does))
    return ", ".join(does) if does else "runs something that its words do not explain"
