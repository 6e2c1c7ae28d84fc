"""Where requests for packages go, and with which credential.

``weaklink.toml`` comes first, then what npm and pip are told on this machine, then the default registry of the purl
type. A credential belongs to the scheme, host, port and path prefix for which it is written, and to nothing else.
"""

from __future__ import annotations

import base64
import ipaddress
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from packageurl.validate import DEFINITIONS_BY_TYPE
from pydantic import SecretStr

from config.load import Configuration, resolved
from config.npmrc import credential, npmrc_settings
from config.pipconf import netrc_login, pip_indexes
from config.settings import Settings
from config.values import BadValue, check_http_url

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Registry:
    """One registry: requests start at ``base_url``, which ends with a slash and holds no credential."""

    base_url: str
    authorization: SecretStr | None = field(default=None, repr=False)
    """The value of the ``Authorization`` header; hand out only by ``authorization_for``."""
    prefix: str = "/"
    """The path under which the credential may be used."""
    simple_url: str = ""
    """PyPI: the simple index, where it is not at ``simple/`` below the base."""

    def authorization_for(self, url: str) -> str | None:
        """The header for a request to ``url``.

        None for another scheme, host, port or path, and over plain http to anything but loopback.
        """
        if self.authorization is None or "\\" in url or not url.isprintable():
            return None
        try:
            asked = urlsplit(url)
            same = _origin(asked) == _origin(urlsplit(self.base_url))
        except ValueError:
            return None
        path = unquote(asked.path)
        if (
            not same
            or ".." in path.split("/")
            or not f"{path}/".startswith(unquote(self.prefix))
            or not _private(asked)
        ):
            return None
        return self.authorization.get_secret_value()


@dataclass(frozen=True)
class Destinations:
    """The registries that this configuration and this machine name."""

    npm: Registry
    scopes: Mapping[str, Registry]
    """By scope with its at sign: ``@corp``."""
    pypi: tuple[Registry, ...]

    def npm_registry_for(self, name: str) -> Registry:
        """The registry of an npm package: that of its scope where one is set."""
        scope, slash, _ = name.partition("/")
        return self.scopes.get(scope, self.npm) if slash and scope.startswith("@") else self.npm

    def pypi_registries(self) -> tuple[Registry, ...]:
        """The Python indexes, in the order in which to ask them."""
        return self.pypi

    def is_public(self, ecosystem: str) -> bool:
        """Whether packages without a registry of their own come from the purl type's default one, and from no other."""
        registries = (self.npm,) if ecosystem == "npm" else self.pypi
        return {registry.base_url for registry in registries} == {_split_login(_default(ecosystem))[0]}


def destinations(
    configuration: Configuration,
    env: Mapping[str, str] = os.environ,
    home: Path | None = None,
    prefix: Path = Path(sys.prefix),
) -> Destinations:
    """Read npm's and pip's configuration beside the user's own. ``home`` defaults to the user's, if there is one."""
    if home is None and env.get("HOME"):
        home = Path(env["HOME"])
    settings = configuration.settings
    own = settings.registries.npm.npmrc
    project = (configuration.folder / ".npmrc",)
    npm = npmrc_settings(env, home, (resolved(configuration.folder, own), *project) if own else project)
    return Destinations(
        npm=_npm_registry(_first_url(settings.registries.npm.url, npm.get("registry", ""), _default("npm")), npm),
        scopes=_scopes(settings, npm),
        pypi=_pypi_registries(settings, env, home, prefix),
    )


def _scopes(settings: Settings, npm: Mapping[str, str]) -> dict[str, Registry]:
    urls = {key.removesuffix(":registry"): url for key, url in npm.items() if key[:1] == "@" and ":registry" in key}
    urls |= {scope if scope[:1] == "@" else f"@{scope}": url for scope, url in settings.registries.npm.scopes.items()}
    return {scope: _npm_registry(url, npm) for scope, url in urls.items() if _is_http(url)}


def _npm_registry(url: str, npm: Mapping[str, str]) -> Registry:
    base, login = _split_login(url)
    if login:
        return Registry(base, _basic(*login), urlsplit(base).path)
    header, prefix = credential(npm, base) or (None, "/")
    return Registry(base, SecretStr(header) if header else None, prefix)


def _pypi_registries(
    settings: Settings, env: Mapping[str, str], home: Path | None, prefix: Path
) -> tuple[Registry, ...]:
    own = settings.registries.pypi.url
    if own:
        return (_pypi_registry(own, env, home),)
    index, *extra = pip_indexes(env, home, prefix)
    urls = [_first_url(index, _default("pypi")), *filter(_is_http, extra)]
    return tuple(
        {found.base_url: found for found in (_pypi_registry(url, env, home) for url in reversed(urls))}.values()
    )[::-1]


def _pypi_registry(url: str, env: Mapping[str, str], home: Path | None) -> Registry:
    simple, login = _split_login(url)
    base, is_simple = simple, False
    for ending in ("/simple/", "/+simple/"):
        if simple.endswith(ending):
            base, is_simple = simple.removesuffix(ending) + "/", True
    login = login or netrc_login(urlsplit(base).hostname or "", env, home)
    return Registry(
        base,
        _basic(*login) if login else None,
        urlsplit(base).path if login else "/",
        simple if is_simple else f"{base}simple/",
    )


def _default(ecosystem: str) -> str:
    """The default repository of the purl type."""
    return str(DEFINITIONS_BY_TYPE[ecosystem].default_repository_url)


def _first_url(*urls: str) -> str:
    return next(url for url in urls if url and _is_http(url))


def _is_http(url: str) -> bool:
    try:
        check_http_url(url)
    except BadValue:
        return False
    return True


def _split_login(url: str) -> tuple[str, tuple[str, str] | None]:
    """The URL without name and password, in one spelling with a slash at its end; and these two."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    if parts.port and parts.port != _DEFAULT_PORTS[parts.scheme]:
        host = f"{host}:{parts.port}"
    path = parts.path if parts.path.endswith("/") else f"{parts.path}/"
    login = (unquote(parts.username), unquote(parts.password or "")) if parts.username is not None else None
    return urlunsplit((parts.scheme, host, path, "", "")), login


def _basic(user: str, password: str) -> SecretStr:
    return SecretStr("Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii"))


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _private(parts: SplitResult) -> bool:
    """Nobody on the way can read it: https, or a host that is this machine by its address or by `localhost`."""
    if parts.scheme == "https":
        return True
    host = parts.hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
