"""Runs in GuardDog's own environment: ``guarddog_driver.py REGISTRY NAME…`` prints the CPU seconds of its scans.

GuardDog has no setting for the registry's address, so whatever it asks by HTTP is asked of REGISTRY. Its scanner reads
the packument and gives it to the metadata rules; the archive is not downloaded, and the rules that need it, that scan
other packages, or that ask WHOIS, are left out: what remains costs GuardDog less than it would.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from typing import Any
from urllib.parse import urlparse

import requests

registry, *names = sys.argv[1:]
_get = requests.get
requests.get = lambda url, *rest, **named: _get(registry.rstrip("/") + urlparse(url).path, *rest, **named)

from guarddog.analyzer.analyzer import Analyzer  # noqa: E402
from guarddog.ecosystems import ECOSYSTEM  # noqa: E402
from guarddog.scanners.npm_package_scanner import NPMPackageScanner  # noqa: E402

RULES = {"typosquatting", "direct_url_dependency", "npm_direct_url_dependency", "provenance_regression"}


class Scanner(NPMPackageScanner):  # type: ignore[misc]
    def download_compressed(self, *_: Any) -> None:
        """Nothing: the rules that are asked look at metadata only."""


analyzer, scanner = Analyzer(ECOSYSTEM.NPM), Scanner()
rules = {rule for rule in analyzer.metadata_ruleset if rule.removeprefix("npm_") in RULES}
began, wall = time.process_time(), time.perf_counter()
for name in names:
    info, _ = scanner.download_and_get_package_info("/nowhere", name)
    found = analyzer.analyze_metadata("/nowhere", info, rules, name, info["dist-tags"]["latest"])
    assert not found.get("errors"), found
cpu, wall = time.process_time() - began, time.perf_counter() - wall
print(json.dumps({"version": version("guarddog"), "rules": sorted(rules), "cpu": cpu, "wall": wall}))
