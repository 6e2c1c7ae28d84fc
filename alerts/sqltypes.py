"""Column types that mean the same on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import DateTime, Dialect, LargeBinary, String
from sqlalchemy.types import TypeDecorator, TypeEngine


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC: refuses a naive one, gives back an aware one.

    On SQLite it is text of one width, which sorts as time does and is read and written several times faster than
    SQLAlchemy's own form (docs/performance.md).
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(String(32) if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        return _text(value) if dialect.name == "sqlite" else _in_utc(value)

    def process_result_value(self, value: Any, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment: datetime = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.astimezone(UTC)


def texts(moments: Iterable[datetime | None]) -> list[str | None]:
    """A column of moments as SQLite's rows hold them; rows that were made together mostly share theirs."""
    found: list[str | None] = []
    last, text = None, None
    for moment in moments:
        if moment is not last:
            last, text = moment, None if moment is None else _text(moment)
        found.append(text)
    return found


def _text(moment: datetime) -> str:
    return _in_utc(moment).isoformat(timespec="microseconds")


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone cannot be stored")
    return moment.astimezone(UTC)


class Json(TypeDecorator[Any]):
    """Any JSON value, as bytes: it is read back whole and never searched in."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Any, _dialect: Dialect) -> bytes:
        return msgspec.json.encode(value)

    def process_result_value(self, value: bytes | None, _dialect: Dialect) -> Any:
        return None if value is None else msgspec.json.decode(value)
