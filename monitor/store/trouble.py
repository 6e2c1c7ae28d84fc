"""What keeps the database from being used: said when it begins, now and then while it lasts, and when it is over."""

from __future__ import annotations

import time
from typing import Final

from config.log import log_of

log = log_of("store")

AGAIN_AFTER: Final = 300.0
"""Seconds after which trouble that lasts is said again."""


class Trouble:
    """From the first attempt that failed to the next that does not."""

    def __init__(self) -> None:
        self.words = ""
        """What the last attempt met; empty where all is well."""
        self.logged = False
        """Whether anybody reads the log rather than waits for the error itself."""
        self._began = 0.0
        self._said = 0.0

    def met(self, words: str) -> None:
        now = time.monotonic()
        if not self.words:
            self._began = now
        if self.logged and (words != self.words or now - self._said >= AGAIN_AFTER):
            log.error("the database cannot be used", problem=words)
            self._said = now
        self.words = words

    def over(self) -> None:
        if self.words and self.logged:
            log.info("the database can be written again", after_seconds=round(time.monotonic() - self._began))
        self.words = ""
