"""One look at everything that the passing of time makes due: silences, acknowledgements, groups, owed messages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from sqlmodel import Session

from alerts import acting, dispatch, silences
from alerts.dispatch import Calendar
from alerts.routing import Policy
from alerts.store import Transactions


async def tell_due(
    store: Transactions,
    policy: Policy,
    send: Callable[[datetime], Awaitable[object]],
    now: datetime,
    calendar: Calendar | None = None,
) -> None:
    """Bring alerts up to date with the clock, make messages of what is to be told, and ``send`` what is owed.

    Asked every second: where nothing is due, it reads a little and writes nothing.
    """
    if await store.read(lambda session: _anything_due(session, policy, now)):
        await _prepare(store, policy, now, calendar)
    await send(now)


def _anything_due(session: Session, policy: Policy, now: datetime) -> bool:
    """Asked in one transaction, since what a look costs is mostly the transaction."""
    return (
        silences.review_due(session, now)
        or acting.review_due(session, now, policy.settle_after)
        or dispatch.anything_due(session, now)
    )


async def _prepare(store: Transactions, policy: Policy, now: datetime, calendar: Calendar | None) -> None:
    if await store.read(lambda session: silences.review_due(session, now)):
        await store.write(lambda session: silences.review(session, now))
    if await store.read(lambda session: acting.review_due(session, now, policy.settle_after)):
        await store.write(lambda session: acting.review(session, now, policy.settle_after))
    if await store.read(lambda session: dispatch.anything_due(session, now)):
        await store.write(lambda session: dispatch.due_notifications(session, policy, now, calendar))
