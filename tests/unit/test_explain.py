"""What a configuration comes to, before anything is asked."""

from __future__ import annotations

from pathlib import Path

from config.load import load
from config.registries import destinations
from monitor.explain import DNS, REGISTRATION, Load, explain
from monitor.store.targets import Wanted

CONFIG = """
[schedule]
packages = "2h"
domains = "24h"
[registries.npm]
url = "https://npm.example/"
scopes = { "@corp" = "https://npm.corp.example:8443/" }
requests_per_second = 2
[registries.pypi]
url = "https://pypi.example/"
"""


def wanted(watch: str, subject: str, sort: str = "package") -> Wanted:
    return Wanted(watch=watch, subject=subject, sort=sort)


def test_a_target_of_several_watches_counts_once_and_each_host_has_its_share(tmp_path: Path) -> None:
    (tmp_path / "weaklink.toml").write_text(CONFIG)
    configuration = load(tmp_path / "weaklink.toml", env={})
    packages = ["pkg:npm/a", "pkg:npm/b", "pkg:npm/c", "pkg:npm/%40corp/a", "pkg:pypi/a"]
    every = [wanted(watch, purl) for watch in ("shop", "api") for purl in packages]
    every += [wanted("shop", "domain:a.example", "domain"), wanted("shop", "npm:~alice", "maintainer")]
    found = explain(
        configuration.settings, destinations(configuration, {}), every, ["domain:a.example", "domain:b.example"]
    )
    assert found.targets == {"package": 5, "domain": 2, "maintainer": 1}
    assert found.checks_per_hour == 5 / 2 + 2 / 24
    assert found.hosts == (
        Load("npm.example", 3, 1.5, 1.5),
        Load("npm.corp.example:8443", 1, 0.5, 0.5),
        Load("pypi.example", 1, 0.5, 1 / 25),
        Load(REGISTRATION, 2, 2 / 24, 2.0),
        Load(DNS, 2, 8 / 24, 0.0),
    )
