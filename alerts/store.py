"""How the telling reaches the store, without knowing which one it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlmodel import Session

T = TypeVar("T")


class StoreError(Exception):
    """The database cannot be used as it is; one line that says what, where and how to mend it."""


class Transactions(Protocol):
    """Runs ``work`` in the store's own thread, in one transaction that commits when ``work`` returns."""

    async def write(self, work: Callable[[Session], T]) -> T: ...

    async def read(self, work: Callable[[Session], T]) -> T: ...
