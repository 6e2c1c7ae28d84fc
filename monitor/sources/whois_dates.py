"""Dates in WHOIS replies: every registry its own way. No date is better than a wrong one. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "jan january ene enero janvier gennaio",
            "feb february febrero fevrier february",
            "mar march marzo mars",
            "apr april abr abril avril",
            "may mayo mai",
            "jun june junio juin",
            "jul july julio juillet",
            "aug august ago agosto aout",
            "sep sept september septiembre septembre",
            "oct october octubre octobre",
            "nov november noviembre novembre",
            "dec december dic diciembre decembre",
        ),
        1,
    )
    for name in names.split()
}
# Registries that write day/month/year with slashes or dashes; elsewhere such a date is read only if it is unambiguous.
DAY_FIRST: Final = frozenset(
    [
        "fr",
        "pm",
        "re",
        "tf",
        "wf",
        "yt",
        "pt",
        "hk",
        "br",
        "uk",
        "ie",
        "it",
        "es",
        "be",
        "lu",
        "gp",
        "mq",
        "ma",
        "tn",
        "dz",
        "sn",
        "bf",
        "ci",
        "cm",
        "ga",
        "mg",
        "pf",
        "nc",
        "ao",
        "mz",
        "cv",
        "st",
        "tl",
        "ar",
        "uy",
        "py",
        "bo",
        "ec",
        "pe",
        "ve",
        "cr",
        "gt",
        "hn",
        "ni",
        "sv",
        "pa",
        "do",
        "cu",
        "nz",
        "au",
        "za",
        "ke",
        "ug",
        "tz",
        "na",
        "in",
        "lk",
        "bd",
        "np",
        "my",
        "sg",
        "th",
        "vn",
        "id",
        "il",
        "im",
    ]
)
_ZONES: Final = {
    "utc": 0, "gmt": 0, "z": 0, "wet": 0, "wat": 1, "cet": 1, "cest": 2, "eet": 2, "eest": 3, "cat": 2, "sast": 2,
    "eat": 3, "msk": 3, "trt": 3, "jst": 9, "kst": 9, "hkt": 8, "sgt": 8, "clt": -4, "clst": -3, "brt": -3, "art": -3,
    "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7,
}  # fmt: skip

_TIME = r"(?:[T ,]+(?P<h>\d{1,2}):(?P<m>\d{2})(?::(?P<s>\d{2})(?:\.\d+)?)?)?"
_ZONE = r"\s*(?P<zone>\(?(?:UTC|GMT)?\s*[+-]\d{1,2}(?::?\d{2})?\)?|Z\b|\(?[A-Z]{3,4}\)?)?"
_YEAR_FIRST: Final = re.compile(
    r"(?<!\d)(?P<y>\d{4})([-./])\s?(?P<mo>\d{1,2})\2\s?(?P<d>\d{1,2})\.?(?!\d)" + _TIME + _ZONE
)
_YEAR_NAME: Final = re.compile(
    r"(?<!\d)(?P<y>\d{4})[-. /](?P<name>[A-Za-z]{3,10})[-. /](?P<d>\d{1,2})(?!\d)" + _TIME + _ZONE
)
_DAY_NAME: Final = re.compile(
    r"(?<!\d)(?P<d>\d{1,2})(?:st|nd|rd|th)?[-. /]+(?P<name>[A-Za-z]{3,10})\.?[-. /,]+(?P<y>\d{4})(?!\d)" + _TIME + _ZONE
)
_NAME_DAY: Final = re.compile(
    r"\b(?P<name>[A-Za-z]{3,10})\.? +(?P<d>\d{1,2})(?:st|nd|rd|th)?,? +(?:(?P<h>\d{1,2}):(?P<m>\d{2}):(?P<s>\d{2}) +"
    r"(?:(?P<zone>[A-Z]{3,4}) +)?)?(?P<y>\d{4})(?!\d)"
)
_COMPACT: Final = re.compile(r"(?<!\d)(?P<y>(?:19|20)\d{2})(?P<mo>\d{2})(?P<d>\d{2})(?!\d)" + _TIME + _ZONE)
_DIGITS: Final = re.compile(
    r"(?<!\d)(?P<y>(?:19|20)\d{2})(?P<mo>\d{2})(?P<d>\d{2})(?P<h>\d{2})(?P<m>\d{2})(?P<s>\d{2})(?!\d)"
)
_NUMBERS: Final = re.compile(
    r"(?<!\d)(?P<a>\d{1,2})(?P<sep>[-./])(?P<b>\d{1,2})(?P=sep)(?P<y>\d{4})(?!\d)" + _TIME + _ZONE
)


_SPELLED: Final = re.compile(r"\b(?:(?P<day>dd[-./]mm)|mm[-./]dd)[-./]yy", re.IGNORECASE)


@dataclass(frozen=True)
class DateReading:
    """How one reply writes its dates: day before month, the other way round, or not known."""

    day_first: bool | None

    @classmethod
    def of(cls, lines: Iterable[str], tld: str) -> DateReading:
        """By what the reply shows itself (``31/05/2020``, ``(dd/mm/yyyy)``), else by the registry's known habit."""
        shown = set()
        for line in lines:
            shown |= {found["day"] is not None for found in _SPELLED.finditer(line)}
            for found in _NUMBERS.finditer(line):
                first, second = int(found["a"]), int(found["b"])
                if found["sep"] != "." and (first > 12) != (second > 12):
                    shown.add(first > 12)
        if shown:
            return cls(shown.pop() if len(shown) == 1 else None)
        return cls(True if tld in DAY_FIRST else None)

    def date(self, text: str) -> datetime | None:
        """The date in a value, in UTC; None where there is none, or where day and month could be taken for each
        other."""
        text = text.strip()[:120]
        for pattern in (_YEAR_FIRST, _YEAR_NAME, _DAY_NAME, _NAME_DAY, _COMPACT, _DIGITS, _NUMBERS):
            if (found := pattern.search(text)) is not None:
                return self._moment(found)
        return None

    def confirmed(self, guess: datetime, lines: Iterable[str]) -> datetime | None:
        """What another reader made of a date in these lines, unless it took a day for a month where this one knows
        better, or where nobody can know."""
        for line in lines:
            for found in _NUMBERS.finditer(line):
                if int(found["y"]) == guess.year and {int(found["a"]), int(found["b"])} == {guess.day, guess.month}:
                    own = self._moment(found)
                    return guess if own is not None and own.date() == guess.date() else own
        return guess

    def _moment(self, found: re.Match[str]) -> datetime | None:
        parts = found.groupdict()
        if "a" in parts:
            day_month = self._day_and_month(int(parts["a"]), int(parts["b"]), parts["sep"])
            if day_month is None:
                return None
            day, month = day_month
        else:
            day = int(parts["d"])
            month = int(parts["mo"]) if "mo" in parts else _MONTHS.get(parts["name"].lower(), 0)
        hour, minute, second = (int(parts[name]) if parts.get(name) else 0 for name in ("h", "m", "s"))
        try:
            local = datetime(int(parts["y"]), month, day, hour, minute, second, tzinfo=_zone(parts.get("zone") or ""))
            moment = local.astimezone(UTC)
        except (ValueError, OverflowError):
            return None
        return moment if 1980 <= moment.year < 2100 else None

    def _day_and_month(self, first: int, second: int, separator: str) -> tuple[int, int] | None:
        if second > 12 or (self.day_first is False and separator != "."):
            return second, first
        if first > 12 or separator == "." or first == second or self.day_first:
            return first, second
        return None


def whois_date(text: str, tld: str) -> datetime | None:
    """The date in one value alone, of a registry of which no more is known than its top-level domain."""
    return DateReading.of([text], tld).date(text)


def _zone(text: str) -> timezone:
    text = text.strip(" ()").lower()
    signed = re.search(r"([+-])(\d{1,2}):?(\d{2})?$", text)
    if signed is None:
        return timezone(timedelta(hours=_ZONES.get(text, 0)))
    offset = timedelta(hours=int(signed[2]), minutes=int(signed[3] or 0))
    return timezone(offset if signed[1] == "+" else -offset) if offset < timedelta(hours=15) else UTC
