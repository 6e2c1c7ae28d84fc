"""What a transaction has to log, held back until it is committed: a log never tells of what was rolled back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.orm import Session

_HELD: Final = "held for the log"


def when_committed(session: Session, say: Callable[..., None], words: str, **fields: Any) -> None:
    """``say(words, **fields)``, which is a method of a log, once this transaction is committed."""
    session.info.setdefault(_HELD, []).append(partial(say, words, **fields))


@event.listens_for(Session, "after_commit")
def _say(session: Session) -> None:
    for say in session.info.pop(_HELD, ()):
        say()


@event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    session.info.pop(_HELD, None)
