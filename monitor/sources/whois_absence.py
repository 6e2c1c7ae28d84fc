"""Whether a WHOIS reply says that there is no such registration. Pure.

Every registry has its own sentence for it, and every disclaimer has the same words too. So a line counts only when it
is a sentence of its own in which every word is one of those that such sentences are made of: a word that is not known
(``here``, ``premium``, ``nameserver``, ``backorder``) may turn the meaning, and then the line says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

LONGEST: Final = 160
PROSE: Final = 40
"""A line of running text is longer than this where it was wrapped."""

_ENGLISH: Final = """
    a above about an any are ascii at available be been but by can criteria currently data database did do does domain
    domains entries entry error exist existing exists for found free has have i in info information is it known match
    matched matches matching may name names no not nothing object objects of on or our previous purchase queried queries
    query record records registered registration registred registry request requested result results returned search see
    selected server sorry source sources state status such that the there this tld to unknown was we were whois yet you
    your allocated assigned delegated
"""
_OTHER_LANGUAGES: Final = """
    de el en la le il der die das se ist
    dominio domínio domaine domena alan adı adi домен nombre nom objeto base datos dados
    encontrado encontro encontró encuentra esta está existe inexistente registrado não nao non trovato registrato
    n pas inconnu trouve trouvé enregistre enregistré existiert nicht gefunden registriert nincs talalat találat
    nie znaleziono istnieje bulunamadı bulunamadi не найден найдено зарегистрирован
"""
_WORDS: Final = frozenset((_ENGLISH + _OTHER_LANGUAGES).split())

_ABSENT: Final = re.compile(
    "|".join(
        (
            r"\bno (?:\w+ ){0,2}?(?:match|matches|matching|such)\b",
            r"\bno (?:\w+ ){0,2}?(?:entr|data\b|object|record|domain|name|info|result).*\b(?:found|match|exists?)\b",
            r"\bno info\w*(?: available)? about\b",
            r"\bno (?:found\b|records?$)",
            r"\bwe do not have\b.*\bmatching\b",
            r"\bnot (?:(?:be|been|currently|yet|a|in) )*"
            r"(?:found|regist(?:e)?red|exist|exists|existing|known|assigned|delegated|allocated|database)\b",
            r"\bnothing found\b|\breturned 0 (?:objects|results)\b",
            r"\bunknown domain\b|\bdomain(?: name)*(?: is)? unknown\b",
            r"(?:^|\b(?:is|be|status|state|name|domain|\d{3}) )(?:free|available)"
            r"(?: for (?:registration|purchase))?(?: name)?$",
            r"\bno (?:existe|se encuentra|se encontr[oó]|est[aá] registrado|registrado)\b|\binexistente\b",
            r"\bn[aã]o (?:encontrado|existe|registrado)\b",
            r"\bn existe pas\b|\binconnu\b|\bnon (?:trouv[eé]|enregistr[eé]|existe|trovato|registrato)\b",
            r"\bnicht (?:gefunden|registriert)\b|\bexistiert nicht\b",
            r"\bnincs tal[aá]lat\b|\bnie (?:znaleziono|istnieje)\b|\bbulunamad[ıi]\b|\bне (?:найден|зарегистрирован)",
        )
    )
)
_TAKEN: Final = re.compile(
    r"\bnot (?:\w+ )?(?:available|free)\b|\bno (?:(?!info)\w+ )?(?:available|free)\b|"
    r"\b(?:can|may) ?not be (?:a )?(?:registered|delegated|assigned|allocated)\b"
)
_WHERE: Final = re.compile(
    r"\b(?:in|at|from) (?:(?!reserved|blocked|this\b)[\w.'’-]+ ){0,5}(?:database|registry|register|server)\b"
    r"(?: or (?:[\w'’-]+ ){1,2}server\b)?|"
    r"\b(?:that |which )?you(?: have)? (?:requested|queried)\b|\bto [a-z]{2,6}nic\b"
)
"""Where it was looked for, and who asked: any registry's name may stand there."""
_NAMED: Final = re.compile(r"[\"'“«‘]\s*[^\s\"'”»’]{1,253}\s*[\"'”»’]|(?<![\w-])(?:[\w-]+\.)+[\w-]*\w")
_MARKS: Final = "%#*>;-!=[ \t"


def absence(lines: Sequence[str], domain: str) -> str | None:
    """The first line that says, by itself, that ``domain`` (A-labels) is not registered; None where none does."""
    told = [bare(line) for line in lines]
    for before, line, after in zip(["", *told], told, [*told[1:], ""], strict=False):
        whole = 0 < len(line) < LONGEST and not _runs_on(before, line) and not _runs_on(line, after)
        if whole and _says_absent(line, domain):
            return line
    return None


def bare(line: str) -> str:
    """The line without what marks it as a comment or a heading."""
    return line.strip().lstrip(_MARKS).strip()


def _runs_on(line: str, following: str) -> bool:
    """Whether a sentence goes on from one line to the next, as it does in a page of terms."""
    if len(line) <= PROSE or line[-1] in ".:!?)":
        return False
    return following[:1].islower() and re.match(r"[\w-]+:", following) is None


def _says_absent(line: str, domain: str) -> bool:
    label = domain.partition(".")[0]
    text = _NAMED.sub(" name ", line.replace("_", " "))
    text = re.sub(rf"(?<![\w-])(?:{re.escape(label)}(?![\w-])|\.[a-z]{{2,}}\b)", " name ", text, flags=re.IGNORECASE)
    text = re.sub(r"n['’]t\b", " not", text.lower()).replace("cannot", "can not").replace("n'existe", "n existe")
    text = _words_only(_WHERE.sub(" ", _words_only(text.replace("(s)", "s"))))
    known = all(word in _WORDS or word.isdigit() for word in text.split())
    return known and _ABSENT.search(text) is not None and _TAKEN.search(text) is None


def _words_only(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s'’.-]|(?<!\w)[-.']|[-.'](?!\w)", " ", text).split())
