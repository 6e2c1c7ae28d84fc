"""The last line of defence: what must never be shown is known here, and taken out of whatever is about to be.

Nothing should come this far with a secret in it. The configuration's are told to ``hide`` when it is taken up;
``masked`` takes them out of a text, also where they are quoted for a URL or a header.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final
from urllib.parse import quote, quote_plus, unquote, urlsplit

from config.load import Configuration
from config.registries import Destinations
from config.values import is_loopback

MASK: Final = "[hidden]"
SHORTEST: Final = 4
"""A secret shorter than this is a word of every text: it is not looked for."""
_BY_ITSELF: Final = 8
"""A secret shorter than this is taken out where it stands alone, and left where it is a part of a longer word."""
_PLAIN: Final = re.compile(r".{0,7}|[a-z]{1,15}|[#@+].*")
"""What is no secret in the path of a channel's URL: ``services``, ``hook``, ``#general``."""
_TELLING: Final = re.compile(r"\+|.*(pass|token|secret|key|auth)", re.IGNORECASE)
"""Names of what is a secret in a query; a plus makes a header of it."""


class _Hidden:
    """All that was ever told; a configuration that was replaced has secrets still."""

    def __init__(self) -> None:
        self.values: set[str] = set()
        self.pattern: re.Pattern[str] | None = None


_hidden: Final = _Hidden()


def hide(secrets: Iterable[str]) -> None:
    """From now on, ``masked`` takes these out."""
    new = {spelling for secret in secrets for spelling in _spellings(secret)} - _hidden.values
    if new:
        _hidden.values |= new
        # The longest first: a whole URL rather than the password within it.
        ordered = sorted(_hidden.values, key=lambda value: (-len(value), value))
        _hidden.pattern = re.compile("|".join(map(_looked_for, ordered)))


def masked(text: str) -> str:
    """``text`` without any secret of the configuration."""
    return _hidden.pattern.sub(MASK, text) if _hidden.pattern is not None else text


def secrets_of(configuration: Configuration, destinations: Destinations | None = None) -> Iterator[str]:
    """Whatever of a configuration, and of the registries it leads to, lets somebody in who should not be."""
    settings = configuration.settings
    for channel in settings.channel:
        yield from _of_address(channel.url.get_secret_value())
    if settings.heartbeat is not None:
        yield from _of_address(settings.heartbeat.url)
    yield from (token.secret.get_secret_value() for token in settings.web.token)
    registries = settings.registries
    yield from _logins(settings.database.url, name_alone=False)
    for url in (
        settings.domains.rdap_bootstrap,
        settings.advisories.api_url,
        settings.advisories.dumps_url,
        registries.npm.url,
        registries.npm.changes_feed,
        *registries.npm.scopes.values(),
        registries.pypi.url,
        registries.pypi.changes_feed,
    ):
        yield from _logins(url)
    if destinations is not None:
        for registry in (destinations.npm, *destinations.scopes.values(), *destinations.pypi):
            if registry.authorization is not None:
                yield from _of_header(registry.authorization.get_secret_value())


def _of_address(url: str) -> Iterator[str]:
    """Of an address that is itself a key, like a chat's webhook: it whole, and each part that is no name of a host."""
    yield url
    yield from _logins(url)
    with suppress(ValueError):
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        # slack://TokenA/TokenB/TokenC: what stands where a host would, and is none.
        words = [host] if "." not in host and not is_loopback(parts.hostname or "") else []
        words += parts.path.split("/")
        yield from (word for word in words if not _PLAIN.fullmatch(word))


def _logins(url: str, *, name_alone: bool = True) -> Iterator[str]:
    """The password of a URL, or a name that stands alone as tokens do, and what its query calls a secret."""
    with suppress(ValueError):
        parts = urlsplit(url)
        login, at, _ = parts.netloc.rpartition("@")
        if at:
            name, colon, password = login.partition(":")
            if name_alone or colon:
                yield password if colon else name
            if colon:
                yield base64.b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode("ascii")
        for pair in parts.query.split("&"):
            name, _, value = pair.partition("=")
            if _TELLING.match(name):
                yield value


def _of_header(value: str) -> Iterator[str]:
    """Of an ``Authorization`` header: its token, and the password that basic authentication wraps."""
    scheme, _, token = value.partition(" ")
    yield token or scheme
    if scheme.lower() == "basic":
        with suppress(ValueError):
            yield base64.b64decode(token).decode().partition(":")[2]


def _spellings(secret: str) -> set[str]:
    """A secret as it may stand in a URL, in a ``repr`` or in JSON."""
    found = set()
    for one in (secret, unquote(secret)):
        quoted = (quote(one, safe=safe, errors="surrogateescape") for safe in ("/", ""))
        found |= {one, *quoted, quote_plus(one, errors="surrogateescape"), json.dumps(one)[1:-1], repr(one)[1:-1]}
    return {spelling for spelling in found if len(spelling) >= SHORTEST}


def _looked_for(spelling: str) -> str:
    escaped = re.escape(spelling)
    return escaped if len(spelling) >= _BY_ITSELF else rf"(?<![A-Za-z0-9]){escaped}(?![A-Za-z0-9])"
