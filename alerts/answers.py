"""What services say beside yes and no: Apprise tells a status in words, and not how long one is to wait.

Its plugins speak HTTP through requests, whose sessions all begin with the same hooks; ours looks at the answers to
the message that is being sent, and at nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, Final

import requests.hooks
import requests.sessions
from msgspec import Struct

from config.clock import parse_retry_after, system_clock

LONGEST: Final = timedelta(hours=6)
"""A service that asks for more is tried again after this time all the same."""


class Answers(Struct):
    """What the service asked for while one message was sent."""

    retry_after: timedelta | None = None


_current: ContextVar[Answers | None] = ContextVar("answers", default=None)


@contextmanager
def listening() -> Iterator[Answers]:
    """Note what services answer to what is sent inside this block, also from threads that inherit its context."""
    answers = Answers()
    token = _current.set(answers)
    try:
        yield answers
    finally:
        _current.reset(token)


def _heard(response: Any, *_args: Any, **_kwargs: Any) -> None:
    answers = _current.get()
    if answers is None or response.status_code not in {429, 503}:
        return
    wait = parse_retry_after(response.headers.get("Retry-After", ""), system_clock())
    if wait is not None:
        answers.retry_after = min(max(wait, timedelta(0)), LONGEST)


_plain: Callable[[], dict[str, list[Any]]] = requests.hooks.default_hooks


def _with_ours() -> dict[str, list[Any]]:
    hooks = _plain()
    hooks["response"] = [*hooks.get("response", ()), _heard]
    return hooks


setattr(requests.sessions, "default_hooks", _with_ours)  # noqa: B010 - the name is none that requests promises
