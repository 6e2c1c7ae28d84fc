"""How much a finding matters, from a note in the log to a reason to wake somebody."""

from __future__ import annotations

from enum import IntEnum


class Severity(IntEnum):
    """Ordered, so that ``>= Severity.HIGH`` means what it says; stored and shown by its lower-case name."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    def __str__(self) -> str:
        return self.name.lower()

    @classmethod
    def parse(cls, text: str) -> Severity:
        """The severity called ``text``; ValueError names the five there are."""
        try:
            return cls[text.strip().upper()]
        except KeyError:
            names = ", ".join(str(severity) for severity in cls)
            raise ValueError(f"{text!r} is no severity; it is one of {names}") from None
