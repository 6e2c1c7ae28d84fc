"""How registries label their facts in WHOIS replies. Pure.

A label is compared without case, dots, brackets and what stands in parentheses; of a label in two languages
(``Estado / Status``) either part may be the known one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_OF_THE_DOMAIN: Final = r"(?:the |this |domain |name |record |registry |registration |registered |current |will )*"
_WHEN: Final = r"(?: ?(?:date|time|on|at|by|until))*(?: utc)?"

LABELS: Final = {
    "expiry": (
        rf"{_OF_THE_DOMAIN}(?:expir(?:y|ation|es?|ed)|exp){_WHEN}",
        r"data de expira[cç][aã]o|fecha de (?:expiraci[oó]n|vencimiento)|date d['’ ]?expiration|(?:data di )?scadenza",
        r"vencimiento|vencimento|expira|ablaufdatum|vervaldatum|有効期限|到期时间|到期日期|过期时间|사용 종료일",
    ),
    "paid until": (
        r"paid till|domain datebilleduntil|valid(?:ity)?(?: (?:until|till|to|through|date))?",
        r"renewal(?: date)?|registered (?:until|through)",
    ),
    "registrar's expiry": (r"registrar registration expir(?:y|ation) date",),
    "created": (
        rf"{_OF_THE_DOMAIN}(?:first )?(?:creat(?:ed|ion|e)|registration|registered|registred|activated|activation)"
        rf"{_WHEN}",
        r"(?:domain )?(?:name )?commence(?:ment|d)(?: date)?|assigned|entered",
        r"data de (?:registo|registro|cria[cç][aã]o)|fecha de (?:registro|creaci[oó]n|alta)|date de cr[eé]ation|creado",
        r"domain dateregistered|登録年月日|注册时间|注册日期|등록일",
    ),
    "registrar": (
        r"(?:sponsoring |current |domain |registry )*regist(?:rar|ar)(?: name| organi[sz]ation| company)?",
        r"registration service provide(?:r|d by)|authori[sz]ed agency",
    ),
    "handle": (r"(?:registry )?domain id|roid|domain roid|domain handle|norid handle",),
    "status": (
        r"(?:domain |registration |epp |registry |query )*(?:status(?:es)?|state)|eppstatus|domaintype",
        r"estado|[eé]tat|estatus|est[aá]tus del dominio|状態",
    ),
    "nameserver": (
        r"(?:domain )?(?:primary |secondary |other )?(?:name ?servers?|nservers?|dns(?: servers?)?|servers?)"
        r"(?: \d+)?(?: information| hostnames?)?(?: in (?:the )?listed order)?",
        r"host ?names?|dns name|ns(?: name)? ?\d*|p|s|domain name servers?",
        r"servidor(?:es)? de nombres?(?: de dominio)?|ネームサーバ",
    ),
}
"""Facts and the labels they go by. A date by which the registration is paid is its expiry where no other is told."""

_FACTS: Final = {fact: re.compile("|".join(f"(?:{one})" for one in names)) for fact, names in LABELS.items()}
_OTHERS: Final = re.compile(
    r"\b(?:registrants?|owners?|holders?|titular|contact\w*|administrative|admin|technical|tech|billing|person|role|"
    r"registrar|reseller|agent|organi[sz]ation|organización|entidade|responsável)\b"
)
_OBJECTS: Final = re.compile(
    r"contact(?: id)?|person|role|nic hdl(?: br)?|nic handle|nsset|keyset|key set|organi[sz]ation|org"
)


@lru_cache(maxsize=4096)
def fact_of(label: str) -> str:
    """Which fact a label introduces; ``""`` for none."""
    for part in _parts(label):
        for fact, pattern in _FACTS.items():
            if pattern.fullmatch(part):
                return fact
    return ""


def about_others(label: str) -> bool:
    """Whether what stands under this label is about a person, a company or a registrar, not about the domain."""
    return len(label) < 60 and _OTHERS.search(label.lower()) is not None


def heads_other_object(label: str, told_registrar: bool) -> bool:
    """Whether a block that begins with this label describes another object than the domain."""
    parts = _parts(label)
    return any(_OBJECTS.fullmatch(part) for part in parts) or (told_registrar and "registrar" in parts)


def _parts(label: str) -> list[str]:
    plain = re.sub(r"\([^)]{0,40}\)|(?<!\w)'|[.\[\]*]", " ", label.lower()[:100])
    return [" ".join(re.sub(r"[_-]", " ", part).split()) for part in plain.split("/")]
