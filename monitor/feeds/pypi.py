"""PyPI's journal over XML-RPC: ``changelog_since_serial``, which is kept for mirrors (domain facts, C7; decision 8)."""

from __future__ import annotations

import xmlrpc.client
from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeGuard
from xml.parsers.expat import ExpatError

from config.names import BadName, package_purl
from monitor.errors import Unavailable
from monitor.feeds.model import Announced, Page
from monitor.sources.http import Http
from monitor.sources.npm import host_of, off_the_loop

LARGEST: Final = 64 * 1024 * 1024
"""Of one answer; the journal of a day has about ten million bytes."""
LIMIT: Final = 50_000
"""Entries that Warehouse gives at most in one answer (its ``changelog_since_serial``)."""


class PypiFeed:
    """The XML-RPC endpoint at an URL."""

    source = "pypi"

    def __init__(self, http: Http, url: str) -> None:
        self._http = http
        self._url = url

    async def head(self) -> int:
        serial = await self._call("changelog_last_serial")
        if not _is_serial(serial):
            raise Unavailable(host_of(self._url), "its last serial is no number")
        return serial

    async def after(self, cursor: int) -> Page:
        told = await self._call("changelog_since_serial", cursor)
        if not isinstance(told, list):
            raise Unavailable(host_of(self._url), "its journal is no list")
        entries = [entry for entry in told if _whole(entry)]
        serials = [entry[4] for entry in entries]
        return Page(
            announced=tuple(_announced(entries)),
            cursor=max(serials, default=cursor),
            told=len(told),
            full=len(told) >= LIMIT,
        )

    async def _call(self, method: str, *arguments: int) -> Any:
        body = xmlrpc.client.dumps(arguments, method).encode()
        reply = await self._http.post(self._url, body, headers={"Content-Type": "text/xml"}, max_body=LARGEST)
        host = host_of(self._url)
        if reply.status != 200:
            raise Unavailable(host, f"{reply.status} for its journal")
        if b"<!DOCTYPE" in reply.body or b"<!ENTITY" in reply.body:
            raise Unavailable(host, "its journal declares entities, which XML-RPC has none of")
        try:
            (value,), _ = await off_the_loop(xmlrpc.client.loads, reply.body)
        except xmlrpc.client.Fault as fault:
            raise Unavailable(host, f"its journal says: {fault.faultString[:200]!r}") from None
        except (ExpatError, ValueError, TypeError, AttributeError, IndexError, KeyError, RecursionError, LookupError):
            raise Unavailable(host, "what it calls its journal is no XML-RPC") from None
        except xmlrpc.client.Error:
            raise Unavailable(host, "what it calls its journal is no XML-RPC") from None
        return value


def _whole(entry: Any) -> bool:
    """An entry is ``[name, version, timestamp, action, serial]``."""
    return isinstance(entry, list) and len(entry) >= 5 and isinstance(entry[0], str) and _is_serial(entry[4])


def _is_serial(value: Any) -> TypeGuard[int]:
    """A number that can be asked for again: XML-RPC's have 32 bits."""
    return isinstance(value, int) and 0 <= value <= xmlrpc.client.MAXINT


def _announced(entries: Iterable[Any]) -> Iterator[Announced]:
    for name, _, _, _, serial, *_ in entries:
        try:
            yield Announced(package_purl("pypi", name), str(serial))
        except BadName:
            continue
