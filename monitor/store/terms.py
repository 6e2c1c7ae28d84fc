"""Terms of the daemons that lead: each has a number, and only the last one may write as the leader."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct
from sqlmodel import Session

from monitor.store.engine import StoreError
from monitor.store.tables import Meta

LEADER: Final = "leader"
"""The name under which the leader's term is kept."""


class Term(Struct, frozen=True, kw_only=True):
    """Who leads, and since when."""

    name: str
    number: int
    """One more than the last one's."""
    since: datetime
    configuration: str = ""
    """Digest of the settings that it leads by."""


class Deposed(StoreError):
    """Another daemon leads now."""


def leader(session: Session) -> Term | None:
    """Who took the lead last; whether it still leads is another question."""
    kept = session.get(Meta, LEADER)
    return msgspec.json.decode(kept.value, type=Term) if kept else None


def begin_term(session: Session, name: str, since: datetime, configuration: str) -> Term:
    """Take the lead: from the end of this transaction on, nothing that an earlier leader writes is taken."""
    last = leader(session)
    term = Term(name=name, number=last.number + 1 if last else 1, since=since, configuration=configuration)
    session.merge(Meta(name=LEADER, value=msgspec.json.encode(term).decode()))
    return term


def fence(term: Term) -> Callable[[Session], None]:
    """For the leader's transactions: they end at once when the term is over."""

    def check(session: Session) -> None:
        now = leader(session)
        if now is None or now.number != term.number:
            raise Deposed(f"{now.name if now else 'nobody'} leads now; this daemon stands by")

    return check
