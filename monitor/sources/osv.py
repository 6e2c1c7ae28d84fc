"""OSV's API: which advisories name these packages, and what each of them says.

``POST /v1/querybatch`` gives ids and when each was modified, and leaves withdrawn advisories out; ``GET /v1/vulns/ID``
gives a document.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Struct

from config.names import split_purl
from monitor.advisories.model import Advisory, Listed
from monitor.errors import Unavailable
from monitor.sources.advisory import is_id, parse_advisory
from monitor.sources.decode import BadDocument
from monitor.sources.http import Http

MOST_QUERIES: Final = 1000
"""Packages in one question; the API takes no more."""
MOST_PAGES: Final = 50
"""Pages of one answer: a package with more advisories than they hold is no honest one."""
_LARGEST_ANSWER: Final = 32 * 1024 * 1024
NAMES: Final = {"npm": "npm", "pypi": "PyPI"}
"""Ecosystems as OSV writes them."""


class _Vuln(Struct):
    id: str
    modified: str = ""


class _Result(Struct):
    vulns: list[_Vuln] | None = None
    next_page_token: str | None = None


class _Answer(Struct):
    results: list[_Result | None]


_answer: Final = msgspec.json.Decoder(_Answer)


class Unreadable(Struct, frozen=True):
    """A document that is no advisory: that there is one is known, and nothing more."""

    reason: str


class OsvApi:
    """The API at a base URL."""

    def __init__(self, http: Http, url: str) -> None:
        self._http = http
        self._url = url if url.endswith("/") else f"{url}/"

    async def about(self, subjects: Sequence[str]) -> dict[str, list[Listed]]:
        """For each of these packages, at most ``MOST_QUERIES``, the advisories that name it in any version.

        Raises Unavailable or Refused where the API does not answer the whole question: a part of an answer says
        nothing of the rest.
        """
        found: dict[str, dict[str, Listed]] = {subject: {} for subject in subjects}
        waiting = [(subject, "") for subject in subjects]
        for _ in range(MOST_PAGES):
            answers = await self._batch(waiting)
            following = []
            for (subject, _), result in zip(waiting, answers, strict=True):
                for vuln in (result.vulns if result else None) or ():
                    if is_id(vuln.id):
                        found[subject][vuln.id] = Listed(vuln.id, vuln.modified[:60])
                if result and result.next_page_token:
                    following.append((subject, result.next_page_token))
            if not following:
                return {subject: list(listed.values()) for subject, listed in found.items()}
            waiting = following
        raise Unavailable(host_of(self._url), f"its answer goes on after {MOST_PAGES} pages")

    async def _batch(self, waiting: Sequence[tuple[str, str]]) -> list[_Result | None]:
        reply = await self._http.post(
            f"{self._url}v1/querybatch",
            msgspec.json.encode({"queries": [_query(subject, token) for subject, token in waiting]}),
            headers={"Content-Type": "application/json"},
            max_body=_LARGEST_ANSWER,
        )
        host = host_of(self._url)
        if reply.status != 200:
            raise Unavailable(host, f"{reply.status} where its API should be")
        try:
            results = _answer.decode(reply.body).results
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Unavailable(host, "its answer is not that of OSV's API") from None
        if len(results) != len(waiting):
            raise Unavailable(host, f"it answered {len(results)} of {len(waiting)} questions")
        return results

    async def read(self, name: str) -> Advisory | Unreadable | None:
        """One advisory; None where there is none of this id. Raises as ``about`` does."""
        return await fetch(self._http, f"{self._url}v1/vulns/{quote(name, safe='')}", name)


async def fetch(http: Http, url: str, name: str) -> Advisory | Unreadable | None:
    """The advisory at an URL; None for 404."""
    reply = await http.get(url, max_body=_LARGEST_ANSWER)
    if reply.status == 404:
        return None
    if reply.status != 200:
        raise Unavailable(host_of(url), f"{reply.status} for advisory {name}")
    try:
        advisory = parse_advisory(reply.body)
    except BadDocument as error:
        return Unreadable(str(error))
    return advisory if advisory.id == name else Unreadable("it gave another advisory")


def _query(subject: str, token: str) -> dict[str, Any]:
    ecosystem, name = split_purl(subject)
    query: dict[str, Any] = {"package": {"ecosystem": NAMES[ecosystem], "name": name}}
    return query | {"page_token": token} if token else query


def host_of(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]
