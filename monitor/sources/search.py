"""npm's search by maintainer: how many packages an account can publish, for one small request.

Few registries serve it, some serve it without understanding ``maintainer:``, and the public one allows some ten
requests a window. An answer that contradicts itself is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import msgspec
from msgspec import UNSET, Struct, UnsetType

from monitor.errors import Refused, Unavailable
from monitor.sources.decode import BadDocument, bounded_depth, decode, moment
from monitor.sources.http import Http
from monitor.sources.npm import RegistryAddress, host_of

SIZE: Final = 20
"""Packages that are told with the total: their dates say whether somebody is active elsewhere."""
LARGEST: Final = 1024 * 1024
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_NOT_SERVED: Final = frozenset({400, 404, 405, 410, 501})


class Portfolio(Struct, frozen=True):
    """What the search tells of one account."""

    total: int
    """Packages that it can publish; wholly deprecated ones are missing."""
    last_active_at: datetime | None = None
    """The newest release of the packages among those told that it can publish, whoever published it."""
    last_published_at: datetime | None = None
    """The newest among these that it published itself."""


class _Page(Struct):
    objects: list[dict[str, Any]] | UnsetType | None = UNSET
    total: int | UnsetType | None = UNSET


_decoder = msgspec.json.Decoder(_Page)


class NpmSearch:
    """Asks the registry that is configured for unscoped names."""

    def __init__(self, http: Http, registry: Callable[[], RegistryAddress]) -> None:
        self._http = http
        self._registry = registry

    async def portfolio(self, account: str) -> Portfolio:
        """What can be published by an account, given by its bare name.

        Raises Unavailable where it may be told another time, and Refused where this registry does not tell it.
        """
        registry = self._registry()
        url = f"{registry.base_url.rstrip('/')}/-/v1/search?text={quote(f'maintainer:{account}', safe='')}&size={SIZE}"
        host = host_of(url)
        headers = {"Accept": "application/json"}
        if (authorization := registry.authorization_for(url)) is not None:
            headers["Authorization"] = authorization
        reply = await self._http.get(url, headers=headers, max_body=LARGEST)
        if reply.status in _NOT_SERVED or 300 <= reply.status < 400:
            raise Refused(host, f"{reply.status}: this registry has no search")
        if reply.status != 200:
            raise Unavailable(host, f"{reply.status}, which is no answer to a search")
        return parse_search(reply.body, account, host)


def askable(account: str) -> bool:
    """Whether a bare name can stand in a search; another one could mean something else there."""
    return bool(_NAME.fullmatch(account))


def parse_search(body: bytes, account: str, host: str) -> Portfolio:
    """The portfolio in a page of the search; Refused where the page is about something else than this maintainer."""
    try:
        with bounded_depth():
            page = decode(body, _decoder)
    except BadDocument as error:
        raise Unavailable(host, str(error)) from None
    if not isinstance(page.total, int) or not isinstance(page.objects, list) or not 0 <= page.total < 10_000_000:
        raise Refused(host, "its search gives no total")
    packages = [one.get("package") for one in page.objects]
    told = [one for one in packages if isinstance(one, dict)]
    if page.total > 0 and not any(_lists(one, account) for one in told):
        raise Refused(host, "its search does not understand maintainer:")
    dated = [(one, at) for one in told if _lists(one, account) and (at := moment(one.get("date"))) is not None]
    return Portfolio(
        total=page.total,
        last_active_at=max((at for _, at in dated), default=None),
        last_published_at=max((at for one, at in dated if _published(one, account)), default=None),
    )


def _lists(package: dict[str, Any], account: str) -> bool:
    listed = package.get("maintainers")
    return isinstance(listed, list) and any(_username(one) == account for one in listed)


def _username(person: Any) -> str:
    if not isinstance(person, dict):
        return ""
    name = person.get("username") or person.get("name")
    return name if isinstance(name, str) else ""


def _published(package: dict[str, Any], account: str) -> bool:
    publisher = package.get("publisher")
    return isinstance(publisher, dict) and _username(publisher) == account and not publisher.get("trustedPublisher")
