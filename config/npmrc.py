"""npm's configuration files: which registry, for which scope, with which credential."""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_LARGEST: Final = 1024 * 1024
# npm: ${NAME} and ${NAME?}; pnpm also ${NAME-otherwise} and ${NAME:-otherwise}. A backslash before it: taken literally.
_REFERENCE: Final = re.compile(r"(?<!\\)(\\*)\$\{([^${}?:-]+)(?:(\?)|:?-([^${}]*))?\}")
_COMMENT: Final = re.compile(r"(?<!\\)[;#].*")


def npmrc_settings(env: Mapping[str, str], home: Path | None, project: tuple[Path, ...]) -> dict[str, str]:
    """All settings of npm's files and of ``npm_config_registry``, by key; the nearer file wins.

    From near to far: the environment, the ``project`` files in their order, the user's file, the global one.
    """
    found: dict[str, str] = {}
    environment = {key.lower(): value for key, value in env.items() if key.lower().startswith("npm_config_")}
    user = environment.get("npm_config_userconfig") or (str(home / ".npmrc") if home else "")
    files = [*_global_files(environment, env), *([Path(user)] if user else []), *reversed(project)]
    for file in files:
        found.update(read_npmrc(file, env))
    if environment.get("npm_config_registry"):
        found["registry"] = environment["npm_config_registry"]
    return found


def _global_files(environment: Mapping[str, str], env: Mapping[str, str]) -> list[Path]:
    if environment.get("npm_config_globalconfig"):
        return [Path(environment["npm_config_globalconfig"])]
    prefix = environment.get("npm_config_prefix") or env.get("PREFIX")
    if not prefix:
        node = shutil.which("node", path=env.get("PATH", os.defpath))
        prefix = str(Path(node).parent.parent) if node else "/usr"
    return [Path(prefix) / "etc" / "npmrc"]


def read_npmrc(file: Path, env: Mapping[str, str]) -> dict[str, str]:
    """The keys and values of one file; nothing where it cannot be read. Sections and lists play no part here."""
    try:
        with file.open("rb") as stream:
            text = stream.read(_LARGEST).decode("utf-8-sig", errors="replace")
    except (OSError, ValueError):
        return {}
    found = {}
    for line in text.splitlines():
        line = line.strip()
        key, equals, value = line.partition("=")
        if equals and line[0] not in ";#[":
            found[_replaced(_unquoted(key.strip()), env)] = _replaced(_unquoted(value.strip()), env)
    return found


def _unquoted(text: str) -> str:
    """As npm's ini reader does it: quotes are taken off, otherwise a comment ends the value."""
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        if text[0] == "'":
            return text[1:-1]
        try:
            return str(json.loads(text))
        except ValueError:
            return text[1:-1]
    return re.sub(r"\\([;#])", r"\1", _COMMENT.sub("", text)).strip()


def _replaced(text: str, env: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        slashes, name, optional, otherwise = match.groups()
        if len(slashes) % 2:
            return match[0][(len(slashes) + 1) // 2 :]
        known = env.get(name)
        if known is None or (known == "" and otherwise is not None and ":-" in match[0]):
            known = otherwise if otherwise is not None else "" if optional else match[0][len(slashes) :]
        return slashes[len(slashes) // 2 :] + known

    return _REFERENCE.sub(value, text)


def credential(settings: Mapping[str, str], url: str) -> tuple[str, str] | None:
    """The ``Authorization`` that npm's settings have for a URL, and the path prefix for which it is written.

    The longest prefix wins: ``//host/team/:_authToken`` before ``//host/:_authToken``. A credential without a host
    is nobody's. A ``${NAME}`` that has no value makes no credential.
    """
    parts = urlsplit(url)
    for path in _prefixes(parts.path or "/"):
        header = _authorization(settings, f"//{parts.netloc.rpartition('@')[2].lower()}{path}")
        if header:
            return header, path if path.endswith("/") else f"{path}/"
    return None


def _prefixes(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path[:-1] if path.endswith("/") else path[: path.rindex("/") + 1] if "/" in path else ""


def _authorization(settings: Mapping[str, str], place: str) -> str | None:
    def value(key: str) -> str:
        text = settings.get(f"{place}:{key}", "")
        return "" if "${" in text or not text.isprintable() or not text.isascii() else text

    if token := value("_authToken"):
        return f"Bearer {token}"
    if basic := value("_auth"):
        return f"Basic {basic}"
    if (user := value("username")) and (password := value("_password")):
        try:
            plain = base64.b64decode(password, validate=True)
        except binascii.Error:
            return None
        return "Basic " + base64.b64encode(user.encode() + b":" + plain).decode("ascii")
    return None
