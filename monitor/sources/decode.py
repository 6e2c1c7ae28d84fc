"""Typed decoding of documents that strangers wrote: fast where they are well-formed, patient where they are not.

A document is first decoded straight into the few fields we read. Where that fails, it is decoded whole and each field
is judged alone: a field of a wrong type is left out (it is then unknown), the rest of the document stays.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar, get_args, get_origin

import msgspec
from msgspec import Struct

S = TypeVar("S", bound=Struct)

FIRST_YEAR = 2003
"""PyPI opened in 2003, npm in 2010: a date before is an error."""
LAST_YEAR = 2100
LONGEST_VERSION = 256
"""Characters: npm takes no longer one, and PyPI has none that comes near. A release with a longer one is not read."""

# JSON may escape a NUL, and no database takes it: PostgreSQL would refuse what is recorded beside it, too.
_PERHAPS_NUL = re.compile(rb"\\u0000")  # finds it in half the time that ``in`` takes
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


class BadDocument(ValueError):
    """A body that is not the document that was asked for; one line that says why."""


@contextmanager
def bounded_depth() -> Iterator[None]:
    """Reading within runs out of depth as a BadDocument: a document can pass the decoder and be too deep later."""
    try:
        yield
    except RecursionError:
        raise BadDocument("the answer is nested too deep") from None


def decode(body: bytes, decoder: msgspec.json.Decoder[S]) -> S:
    """The document in ``body``, without NUL characters; BadDocument if it is no JSON object at all."""
    if _PERHAPS_NUL.search(body):
        body = _NUL.sub(rb"\1\\ufffd", body)
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        return _patiently(body, decoder.type)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadDocument(f"the answer is no JSON ({_first_words(body) or error})") from None
    except RecursionError:
        raise BadDocument("the answer is nested too deep") from None


def value_of(raw: msgspec.Raw) -> Any:
    """What a piece that was left as bytes says; BadDocument where only skipping it hid that it says nothing."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadDocument("the answer holds a number or text that cannot be") from None


def _patiently(body: bytes, type_: type[S]) -> S:
    try:
        document = msgspec.json.decode(body)
    except RecursionError:
        raise BadDocument("the answer is nested too deep") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadDocument("the answer is no JSON") from None
    if not isinstance(document, dict):
        raise BadDocument(f"the answer is a JSON {_json_type(document)}, not a document")
    return _struct(document, type_)


def _struct(value: dict[str, Any], type_: type[S]) -> S:
    told = {}
    for field in msgspec.structs.fields(type_):
        if field.encode_name in value:
            try:
                told[field.name] = _field(value[field.encode_name], field.type)
            except msgspec.ValidationError:
                continue
    return type_(**told)


def _field(value: Any, type_: Any) -> Any:
    """The value as the field's type; parts of it that do not fit are left out one by one."""
    if msgspec.Raw in get_args(type_):
        return msgspec.Raw(msgspec.json.encode(value))
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError:
        pass
    for option in get_args(type_) if get_origin(type_) in _UNIONS else (type_,):
        if isinstance(option, type) and issubclass(option, Struct) and isinstance(value, dict):
            return _struct(value, option)
        if get_origin(option) is dict and isinstance(value, dict):
            return _items(value, get_args(option)[1])
        if get_origin(option) is list and isinstance(value, list):
            return [kept for kept in (_or_none(item, get_args(option)[0]) for item in value) if kept is not None]
    raise msgspec.ValidationError


def _items(value: dict[str, Any], type_: Any) -> dict[str, Any]:
    kept = {name: _or_none(item, type_) for name, item in value.items()}
    return {name: item for name, item in kept.items() if item is not None}


def _or_none(value: Any, type_: Any) -> Any:
    try:
        return _field(value, type_)
    except msgspec.ValidationError:
        return None


_UNIONS = (typing.Union, type(int | str))


def _json_type(value: object) -> str:
    names = {list: "list", str: "string", bool: "boolean", int: "number", float: "number"}
    return names.get(type(value), "null")


def _first_words(body: bytes) -> str:
    start = body[:200].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "it is a web page"
    if not start:
        return "it is empty"
    return "it is cut off or damaged"


def moment(text: object) -> datetime | None:
    """A date of a registry (ISO 8601) in UTC; None for what is none or cannot be true."""
    if not isinstance(text, str) or not 10 <= len(text) <= 40:
        return None
    try:
        parsed = datetime.fromisoformat(text)
        parsed = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return parsed if FIRST_YEAR <= parsed.year < LAST_YEAR else None
