"""What CI says of weaklink's own dependencies: known vulnerabilities, and an SBOM."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest
from aiohttp import web

from tests.services.conftest import LoopThread

CI = Path(__file__).parents[2] / ".ci"
AUDIT = run_path(str(CI / "audit.py"))
WEAKNESS = {
    "id": "GHSA-made-up-0001",
    "modified": "2026-01-01T00:00:00Z",
    "aliases": ["CVE-2026-99999"],
    "summary": "made up",
    "details": "made up",
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "jinja2", "purl": "pkg:pypi/jinja2"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.0"}]}],
            "versions": ["2.0"],
        }
    ],
}


@pytest.fixture
def advisories(servers: LoopThread) -> Iterator[str]:
    """A service that knows one weakness of one release, in OSV's words."""

    async def query(request: web.Request) -> web.Response:
        asked = await request.json()
        known = asked["package"]["name"] == "jinja2" and asked["version"] == "2.0"
        return web.json_response({"vulns": [WEAKNESS]} if known else {})

    async def start() -> tuple[web.AppRunner, int]:
        app = web.Application()
        app.router.add_post("/{path:.*}", query)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner, runner.addresses[0][1]

    runner, port = servers.run(start())
    yield f"http://127.0.0.1:{port}/v1/query"
    servers.run(runner.cleanup())


def audit(folder: Path, advisories: str, *requirements: str) -> subprocess.CompletedProcess[str]:
    """What ``make audit`` does, for these releases instead of those that are installed."""
    (folder / "requirements.txt").write_text("\n".join(requirements))
    options = ["-s", "osv", "--osv-url", advisories, "-r", "requirements.txt", "--no-deps", "--disable-pip"]
    command = [sys.executable, str(CI / "audit.py"), *options, "--cache-dir", str(folder / "cache")]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def test_a_known_vulnerability_fails_the_audit_with_what_mends_it(tmp_path: Path, advisories: str) -> None:
    done = audit(tmp_path, advisories, "jinja2==2.0", "click==8.1.8")
    assert done.returncode == 1, done.stderr
    assert "jinja2 2.0: CVE-2026-99999, GHSA-made-up-0001; mended in 3.0\n" in done.stdout
    assert "audited: 2 packages, 1 of them vulnerable" in done.stdout
    done = audit(tmp_path, advisories, "click==8.1.8")
    assert (done.returncode, done.stdout) == (0, "audited: 1 packages, 0 of them vulnerable\n")


def test_a_service_that_does_not_answer_fails_nothing_and_is_said(tmp_path: Path) -> None:
    done = audit(tmp_path, "http://127.0.0.1:1/v1/query", "click==8.1.8")
    assert done.returncode == 0
    assert done.stdout.startswith("NOT AUDITED: pip-audit could not do its work: ")


def test_packages_that_the_index_does_not_know_are_said() -> None:
    packages: list[dict[str, Any]] = [{"name": "left", "skip_reason": "Dependency not found"}]
    status, lines = AUDIT["verdict"](json.dumps({"dependencies": packages}), "")
    assert (status, lines) == (0, ["NOT AUDITED: 1 of 1 packages are not known where it looks: left"])
    packages.append({"name": "right", "version": "1", "vulns": []})
    status, lines = AUDIT["verdict"](json.dumps({"dependencies": packages}), "")
    assert (status, lines[1]) == (0, "audited: 1 packages, 0 of them vulnerable")


def test_what_is_accepted_has_a_reason() -> None:
    assert AUDIT["accepted_in"]("# nothing\n\nGHSA-1 only on Windows\n") == {"GHSA-1": "only on Windows"}
    with pytest.raises(ValueError, match="GHSA-2 is accepted without a reason"):
        AUDIT["accepted_in"]("GHSA-2\n")
    AUDIT["accepted_in"](AUDIT["ACCEPTED"].read_text())


def test_the_sbom_is_valid_and_has_what_is_installed_and_nothing_of_development(tmp_path: Path) -> None:
    file = tmp_path / "dist" / "weaklink.cdx.json"
    done = subprocess.run(
        [sys.executable, CI / "sbom.py", file], capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stderr
    bom = json.loads(file.read_text(encoding="utf-8"))
    assert bom["metadata"]["component"]["name"] == "weaklink"
    names = {one["name"].lower() for one in bom["components"]}
    assert {"aiohttp", "alembic", "sqlalchemy", "psycopg", "polars", "anyio"} <= names
    assert not names & {"pytest", "hypothesis", "mypy", "ruff", "schemathesis", "pip", "setuptools", "weaklink"}
    needs = {one["ref"]: one["dependsOn"] for one in bom["dependencies"]}
    reached, waiting = set[str](), [bom["metadata"]["component"]["bom-ref"]]
    while waiting:
        reached.add(one := waiting.pop())
        waiting += set(needs[one]) - reached
    assert reached == needs.keys(), "everything in it is there since weaklink needs it"
