"""A small world for the databases of earlier schemas: what its registries say before and after things happened.

It is seen only through commands and their JSON, so that the program of any revision can be run on it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from tests.services.conftest import Knot, Registry, packument, taken_over
from tests.services.osv_server import OsvServer, advisory
from tests.services.test_domain_life import ZONE, rdap_document

SUBJECTS: Final = ("npm:left-pad", "npm:tool", "npm:gone", "pypi:shop-tools", "npm:~alice", "alice-mail.org")
SEEN_TO: Final = {"ack": "pkg:npm/left-pad", "accept": "pkg:npm/tool", "resolve": "pkg:pypi/shop-tools"}
"""What people do about which alert; that of the domain stays open."""
LOCK: Final = {
    "name": "shop",
    "lockfileVersion": 3,
    "packages": {
        "": {"name": "shop", "dependencies": {"left-pad": "^1.3.0"}, "devDependencies": {"tool": "^1.0.0"}},
        "node_modules/left-pad": {"version": "1.3.0"},
        "node_modules/tool": {"version": "1.3.0", "dev": True, "dependencies": {"gone": "~1.3.0"}},
        "node_modules/gone": {"version": "1.3.0", "dev": True},
    },
}
CONFIG: Final = """
[database]
url = "{database}"
[schedule]
packages = "1s"
[registries.npm]
url = "{registry}"
requests_per_second = 1000.0
[registries.pypi]
url = "{index}"
requests_per_second = 1000.0
[domains]
nameservers = ["{nameserver}"]
rdap_bootstrap = "{rdap}dns.json"
whois_server = "{whois}"
[web]
listen = ""
[[watch]]
name = "shop"
owner = "web-team"
packages = ["npm:left-pad", "npm:tool", "pypi:shop-tools"]
manifests = ["package-lock.json"]
domains = ["alice-mail.org"]
[[channel]]
name = "hook"
url = "{sink}"
[[route]]
match = {{ severity = ">=info" }}
channels = ["hook"]
group_by = ["cause"]
group_wait = "0s"
repeat = "0s"
"""
ADVISORIES: Final = """
[advisories]
enabled = true
source = "api"
mirror = true
api_url = "{url}"
"""


def _of_alice(document: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(document).replace("alice@alice.example", "alice@alice-mail.org")
    return dict(json.loads(text.replace('"dependencies": {}', '"dependencies": {"small-tool": "^1.0.0"}')))


def _index(name: str, *, yanked: bool = False) -> dict[str, Any]:
    """A project of PyPI with two releases."""
    uploaded = {"1.0.0": "2024-02-01T00:00:00.000000Z", "1.1.0": "2025-03-01T00:00:00.000000Z"}
    return {
        "info": {"name": name, "version": "1.1.0", "author_email": "Alice <alice@alice-mail.org>", "yanked": yanked},
        "last_serial": 1,
        "ownership": {"roles": [{"role": "Owner", "user": "alice"}], "organization": None},
        "releases": {
            version: [
                {
                    "filename": f"shop_tools-{version}-py3-none-any.whl",
                    "packagetype": "bdist_wheel",
                    "digests": {"sha256": version[2] * 64},
                    "size": 9000,
                    "upload_time_iso_8601": at,
                    "yanked": yanked and version == "1.0.0",
                }
            ]
            for version, at in uploaded.items()
        },
        "vulnerabilities": [],
    }


async def _search(_: web.Request) -> web.Response:
    found = {"name": "left-pad", "date": "2026-01-01T00:00:00Z", "maintainers": [{"username": "alice"}]}
    return web.json_response({"total": 240, "objects": [{"package": found}]})


async def broken(_: web.Request) -> web.Response:
    return web.Response(status=503, text="out of order")


def begin(registry: Registry, rdap: str, knot: Knot) -> None:
    """Everything is as it was for years; ``registry`` also answers at the address ``rdap``."""
    registry.answers["/-/v1/search"] = _search
    registry.documents |= {
        "/left-pad": _of_alice(packument()),
        "/tool": _of_alice(packument("tool")),
        "/gone": _of_alice(packument("gone")),
        "/pypi/shop-tools/json": _index("shop-tools"),
        "/dns.json": {"services": [[["org"], [f"{rdap}rdap/"]]]},
    }
    _registered(registry, timedelta(days=3000))
    knot.zone("alice-mail.org", ZONE)


def _registered(registry: Registry, remaining: timedelta) -> None:
    day = f"{datetime.now(UTC) + remaining:%Y-%m-%d}"
    registry.documents["/rdap/domain/alice-mail.org"] = rdap_document(day)


def trouble(registry: Registry) -> None:
    """One package is taken over, one deprecated, one cannot be reached, and the domain is about to lapse."""
    registry.documents["/left-pad"] = _of_alice(taken_over())
    registry.documents["/tool"] = _of_alice(packument("tool", license="GPL-3.0"))
    registry.documents["/tool"]["versions"]["1.3.0"]["deprecated"] = "use another"
    registry.documents["/pypi/shop-tools/json"] = _index("shop-tools", yanked=True)
    registry.answers["/gone"] = broken
    _registered(registry, timedelta(days=20))


def relief(registry: Registry) -> None:
    """The package is its owner's again."""
    document = _of_alice(taken_over())
    document["maintainers"] = document["versions"]["1.3.0"]["maintainers"]
    document["_rev"] = "3-c"
    registry.documents["/left-pad"] = document


def write(folder: Path, **addresses: str) -> None:
    """The configuration, with the addresses of its servers, and the lock file that it names."""
    (folder / "package-lock.json").write_text(json.dumps(LOCK, indent=1))
    (folder / "weaklink.toml").write_text(CONFIG.format(**addresses))


def follow_advisories(folder: Path, osv: OsvServer) -> None:
    """For a program that knows of them: one of a package that is watched."""
    osv.publish(advisory("MAL-2026-1", "left-pad"))
    config = folder / "weaklink.toml"
    config.write_text(config.read_text() + ADVISORIES.format(url=osv.url))
