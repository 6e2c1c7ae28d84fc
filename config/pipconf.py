"""pip's configuration: which indexes it installs from, and netrc's credentials for them."""

from __future__ import annotations

import configparser
import netrc
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

SYSTEM_WIDE: Final = Path("/etc/pip.conf")
_SECTIONS: Final = ("global", "download", "install")


def pip_indexes(env: Mapping[str, str], home: Path | None, prefix: Path = Path(sys.prefix)) -> tuple[str, ...]:
    """``index-url`` first where one is set (else ``""``), then every ``extra-index-url``, as pip would use them.

    From far to near: global files, the user's, the environment's own (``prefix``), ``PIP_CONFIG_FILE``, variables.
    """
    index, extra = "", ""
    for file in _files(env, home, prefix):
        parser = _read(file)
        for section in _SECTIONS:
            for key in ("index-url", "index_url"):
                index = parser.get(section, key, fallback=index)
            for key in ("extra-index-url", "extra_index_url"):
                extra = parser.get(section, key, fallback=extra)
    index = env.get("PIP_INDEX_URL") or index
    extra = env.get("PIP_EXTRA_INDEX_URL") or extra
    return (index.strip(), *extra.split())


def _files(env: Mapping[str, str], home: Path | None, prefix: Path) -> Iterator[Path]:
    own = env.get("PIP_CONFIG_FILE")
    if own == os.devnull:
        return
    for folder in reversed((env.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)):
        yield Path(folder) / "pip" / "pip.conf"
    yield SYSTEM_WIDE
    if home and not (own and Path(own).exists()):
        yield home / ".pip" / "pip.conf"
        yield Path(env.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"
    yield prefix / "pip.conf"
    if own:
        yield Path(own)


def _read(file: Path) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read(file, encoding="utf-8")
    except (OSError, UnicodeDecodeError, configparser.Error):
        return configparser.RawConfigParser()
    return parser


def netrc_login(host: str, env: Mapping[str, str], home: Path | None) -> tuple[str, str] | None:
    """Name and password that the user's netrc has for exactly this host; its ``default`` entry is for nobody."""
    file = env.get("NETRC") or (str(home / ".netrc") if home else "")
    if not file:
        return None
    try:
        known = netrc.netrc(file).hosts.get(host)
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
        return None
    return (known[0], known[2]) if known and known[2] else None
