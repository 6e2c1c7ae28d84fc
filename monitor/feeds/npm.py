"""npm's replication feed in its form since 2025: GET ``_changes?since=N&limit=M``, whole numbers (domain facts, B)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urljoin

import msgspec
from msgspec import Struct

from config.names import BadName, package_purl
from monitor.errors import SourceError, Unavailable
from monitor.feeds.model import Announced, Page
from monitor.sources.http import Http
from monitor.sources.npm import host_of

LIMIT: Final = 5000
"""Rows that are asked for at once; clients of the public feed ask for up to 10,000."""
LARGEST: Final = 16 * 1024 * 1024


class _Row(Struct):
    seq: int
    id: str
    changes: list[dict[str, Any]] = []


class _Changes(Struct):
    results: list[_Row]
    last_seq: int


class _Head(Struct):
    update_seq: int


class NpmFeed:
    """The feed at an URL that ends in ``_changes``."""

    source = "npm"

    def __init__(self, http: Http, url: str) -> None:
        self._http = http
        self._url = url

    async def head(self) -> int:
        """``update_seq`` of the database, which stands beside the feed or at the root of its host."""
        found: SourceError = Unavailable(host_of(self._url), "it has no update_seq")
        for place in dict.fromkeys((urljoin(self._url, "./"), urljoin(self._url, "../"), urljoin(self._url, "/"))):
            try:
                head: _Head = await self._get(place, _HEAD)
            except SourceError as error:
                found = error
            else:
                return head.update_seq
        raise found

    async def after(self, cursor: int) -> Page:
        separator = "&" if "?" in self._url else "?"
        told = await self._get(f"{self._url}{separator}since={cursor}&limit={LIMIT}", _CHANGES)
        if any(later.seq < earlier.seq for earlier, later in zip(told.results, told.results[1:], strict=False)):
            raise Unavailable(host_of(self._url), "its sequence goes backwards within one answer")
        return Page(
            announced=tuple(_announced(told.results)),
            cursor=told.last_seq,
            told=len(told.results),
            full=len(told.results) >= LIMIT,
        )

    async def _get(self, url: str, decoder: msgspec.json.Decoder[Any]) -> Any:
        reply = await self._http.get(url, headers={"Accept": "application/json"}, max_body=LARGEST)
        host = host_of(url)
        if reply.status != 200:
            raise Unavailable(host, f"{reply.status} for its feed of changes")
        try:
            return decoder.decode(reply.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Unavailable(host, "what it calls its feed of changes is none") from None


_CHANGES: Final = msgspec.json.Decoder(_Changes)
_HEAD: Final = msgspec.json.Decoder(_Head)


def _announced(rows: list[_Row]) -> Iterator[Announced]:
    for row in rows:
        try:
            subject = package_purl("npm", row.id)
        except BadName:
            continue  # design documents, and names that no registry would serve
        revisions = [change.get("rev") for change in row.changes]
        last = revisions[-1] if revisions else ""
        yield Announced(subject, last[:200] if isinstance(last, str) else "")
