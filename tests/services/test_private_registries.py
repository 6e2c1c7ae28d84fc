"""Private registries as npm's and pip's own files name them, against servers on loopback that want credentials."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

Run = Callable[..., subprocess.CompletedProcess[str]]
TOKEN = "t0ken-of-the-corp"


@pytest.fixture
def guarded(registry: Any) -> dict[str, Any]:
    """Documents that are served only to whoever brings the right ``Authorization``, by path: header and document."""
    kept: dict[str, Any] = {}

    async def serve(request: web.Request) -> web.Response:
        header, document = kept[request.path]
        if request.headers.get("Authorization") != header:
            return web.json_response({"error": "unauthorized"}, status=401)
        return web.json_response(document)

    class Guard(dict[str, Any]):
        def __setitem__(self, path: str, value: tuple[str, Any]) -> None:
            kept[path] = value
            registry.answers[path] = serve

    return Guard()


def told(registry: Any, path: str) -> list[str | None]:
    """The credentials that came with requests to a path."""
    return [headers.get("Authorization") for asked, headers in registry.requests if asked == path]


def test_a_scope_is_asked_with_its_token_and_nobody_else_is(
    weaklink: Run, folder: Path, environment: dict[str, str], registry: Any, packument: Any, guarded: Any
) -> None:
    host = registry.url.removeprefix("http:")
    environment["CORP_TOKEN"] = TOKEN
    (folder / ".npmrc").write_text(f"@corp:registry={registry.url}corp/\n{host}corp/:_authToken=${{CORP_TOKEN}}\n")
    guarded["/corp/@corp/thing"] = (f"Bearer {TOKEN}", packument("@corp/thing"))
    assert weaklink("watch", "add", "npm:@corp/thing").returncode == 0
    done = weaklink("check")
    assert done.returncode == 0
    assert set(told(registry, "/corp/@corp/thing")) == {f"Bearer {TOKEN}"}
    assert set(told(registry, "/left-pad")) == {None}
    assert TOKEN not in done.stdout + done.stderr
    del environment["CORP_TOKEN"]
    done = weaklink("--json", "check")
    assert done.returncode == 3
    (failed,) = json.loads(done.stdout)["failed"]
    assert (failed["subject"], failed["error"]) == ("pkg:npm/%40corp/thing", "401, it wants a credential")
    assert TOKEN.encode() not in (folder / "weaklink.db").read_bytes()


@pytest.fixture
def two_indexes(folder: Path, registry: Any) -> None:
    """pip is told of two indexes, of which the second has a login of its own."""
    second = registry.url.replace("http://", "http://ann:s3cret@")
    (folder / ".config" / "pip").mkdir(parents=True)
    (folder / ".config" / "pip" / "pip.conf").write_text(
        f"[global]\nindex-url = {registry.url}one/simple/\nextra-index-url = {second}two/simple/\n"
    )
    text = (folder / "weaklink.toml").read_text().replace(f'[registries.pypi]\nurl = "{registry.url}"\n', "")
    (folder / "weaklink.toml").write_text(text.replace('"npm:left-pad"', '"pypi:inner", "pypi:outer", "pypi:nowhere"'))


def document(name: str) -> dict[str, Any]:
    return {"info": {"name": name, "version": "1.0"}, "urls": [], "releases": {}, "last_serial": 1}


def test_an_extra_index_is_asked_for_what_the_first_does_not_have(
    weaklink: Run, folder: Path, registry: Any, guarded: Any, two_indexes: None
) -> None:
    login = "Basic " + base64.b64encode(b"ann:s3cret").decode()
    registry.documents["/one/pypi/outer/json"] = document("outer")
    guarded["/two/pypi/inner/json"] = (login, document("inner"))
    guarded["/two/pypi/outer/json"] = (login, document("somebody else's"))
    done = weaklink("--json", "check")
    assert done.returncode == 0
    for name, latest in (("inner", "1.0"), ("outer", "1.0"), ("nowhere", None)):
        assert json.loads(weaklink("--json", "show", f"pypi:{name}").stdout)["facts"]["latest"] == latest
    assert set(told(registry, "/one/pypi/inner/json")) == {None}
    assert set(told(registry, "/two/pypi/inner/json")) == {login}
    assert told(registry, "/two/pypi/outer/json") == []
    assert "s3cret" not in done.stdout + done.stderr


def test_an_index_that_does_not_answer_is_not_passed_over(
    weaklink: Run, registry: Any, guarded: Any, two_indexes: None
) -> None:
    async def broken(_request: web.Request) -> web.Response:
        return web.Response(status=401)

    registry.answers["/one/pypi/inner/json"] = broken
    guarded["/two/pypi/inner/json"] = ("", document("inner"))
    done = weaklink("--json", "check", "pypi:inner")
    assert [one["subject"] for one in json.loads(done.stdout)["failed"]] == ["pkg:pypi/inner"]
    assert told(registry, "/two/pypi/inner/json") == []
