"""Making hostile text harmless: visible for everybody, and powerless in the medium that shows it."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

LONGEST: Final = 300
"""Characters of one name or value that a message shows."""

# Invisible or direction-changing characters, and look-alike blanks: shown by their number.
_FORMAT_CATEGORIES: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
_BLANKS: Final = frozenset("\u00ad\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800")
_MARKDOWN: Final = frozenset("\\`*_{}[]()<>#|~@!")


def visible(text: str, longest: int = 100_000) -> str:
    """One line in which every control, bidi and invisible character is shown as ``⟨U+202E⟩``."""
    if text.isascii() and text.isprintable() and len(text) <= longest:
        return text
    shown = []
    for character in text[:longest]:
        if character in "\n\r\t":
            shown.append(" ")
        elif character in _BLANKS or unicodedata.category(character) in _FORMAT_CATEGORIES:
            shown.append(f"⟨U+{ord(character):04X}⟩")
        else:
            shown.append(character)
    if len(text) > longest:
        shown.append(f"… ({len(text) - longest} more characters)")
    return "".join(shown)


def plain(text: str) -> str:
    return visible(text, LONGEST)


def slack(text: str) -> str:
    """For Slack's mrkdwn: no mention and no formatting.

    Apprise escapes the three characters that make links and mentions (``& < >``) in a text, and only there: so what
    goes to Slack is always sent as text. A zero-width joint would hide text, so formatting characters are set apart
    by a visible look-alike instead.
    """
    return _UNDERSCORE.sub("＿", visible(text, LONGEST)).translate(_SLACK)


_SLACK: Final = str.maketrans({"@": "＠", "*": "∗", "~": "∼", "`": "ˋ"})
_UNDERSCORE: Final = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
"""One that may begin or end italics: within a word, as in most names, it stays what it is."""


def markdown(text: str) -> str:
    """For Markdown chats: metacharacters escaped, mentions broken by a full-width at sign, links not recognised."""
    shown = visible(text, LONGEST).replace("@", "＠").replace("://", ":\u2215\u2215")
    return "".join(f"\\{c}" if c in _MARKDOWN else c for c in shown)


def header(text: str) -> str:
    """For a mail's subject: one line, whatever it was."""
    return visible(text, 200)
