"""OSV on loopback: the API with its paging, and the dumps. What it serves is valid by the published JSON Schema."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import files
from typing import Any
from urllib.parse import unquote

import jsonschema_rs
from aiohttp import web


@cache
def schema() -> Any:
    """The schema that OSV publishes, as its own Python package ships it."""
    place = next(one for one in files("osv") or () if one.name == "schema.json")
    return jsonschema_rs.validator_for(json.loads(place.read_text()))


def advisory(name: str, package: str, ecosystem: str = "npm", **changes: Any) -> dict[str, Any]:
    """An advisory of one package, of which every version is affected unless something else is said."""
    affected = {
        "package": {"ecosystem": ecosystem, "name": package},
        "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}],
    } | changes.pop("affected", {})
    return {
        "schema_version": "1.6.0",
        "id": name,
        "published": "2026-11-01T10:00:00Z",
        "modified": "2026-11-01T10:00:00Z",
        "summary": f"Something about {package}",
        "affected": [affected],
    } | changes


def only(*versions: str) -> dict[str, Any]:
    return {"versions": list(versions), "ranges": []}


@dataclass
class OsvServer:
    """Advisories by id, and what it was asked."""

    url: str = ""
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    page: int = 1000
    """Advisories of one package in one answer."""
    asked: list[str] = field(default_factory=list)
    """Paths, and the names of packages, in the order in which they came."""
    refuse: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Answers for the next requests."""
    broken: dict[str, int] = field(default_factory=dict)
    """Ids whose document is answered with this status."""
    dumps: dict[str, bytes] = field(default_factory=dict)
    """Dumps that a test prescribes, by path."""
    hold_after: int = 1 << 30
    """So many documents are given; whoever asks for more waits."""

    @property
    def read(self) -> list[str]:
        """The documents that were asked for by their ids."""
        return [path.removeprefix("/v1/vulns/") for path in self.asked if path.startswith("/v1/vulns/")]

    def publish(self, *documents: dict[str, Any]) -> None:
        for document in documents:
            schema().validate(document)
            self.documents[document["id"]] = document

    async def serve(self, request: web.Request) -> web.Response:
        path = unquote(request.raw_path)
        self.asked.append(path)
        if self.refuse:
            status, headers = self.refuse.pop(0)
            return web.Response(status=status, headers=headers)
        if path == "/v1/querybatch":
            return web.json_response({"results": [self._result(one) for one in (await request.json())["queries"]]})
        if path.startswith("/v1/vulns/"):
            while len(self.read) > self.hold_after:  # noqa: ASYNC110 - the test that lets go is in another thread
                await asyncio.sleep(0.05)
            return self._document(path.removeprefix("/v1/vulns/"))
        return self._dump(*path.strip("/").rpartition("/")[::2])

    def _document(self, name: str) -> web.Response:
        if name in self.broken:
            return web.Response(status=self.broken[name], text="<html>")
        if name not in self.documents:
            return web.json_response({"code": 5, "message": "Bug not found."}, status=404)
        return web.json_response(self.documents[name])

    def _about(self, ecosystem: str, name: str = "") -> list[dict[str, Any]]:
        return [
            document
            for document in self.documents.values()
            if any(
                one["package"]["ecosystem"] == ecosystem and name in ("", one["package"]["name"])
                for one in document["affected"]
            )
        ]

    def _result(self, query: dict[str, Any]) -> dict[str, Any]:
        package = query["package"]
        self.asked.append(package["name"])
        found = [d for d in self._about(package["ecosystem"], package["name"]) if "withdrawn" not in d]
        start = int(query.get("page_token", 0))
        told: dict[str, Any] = {
            "vulns": [{"id": d["id"], "modified": d["modified"]} for d in found[start:][: self.page]]
        }
        if start + self.page < len(found):
            told["next_page_token"] = str(start + self.page)
        return told if found else {}

    def _dump(self, folder: str, file: str) -> web.Response:
        if f"{folder}/{file}" in self.dumps:
            return web.Response(body=self.dumps[f"{folder}/{file}"])
        here = self._about(folder) if folder != "[EMPTY]" else [d for d in self.documents.values() if not d["affected"]]
        if file == "modified_id.csv":
            lines = sorted((f"{d['modified']},{d['id']}" for d in here), reverse=True)
            return web.Response(text="\n".join(lines) + "\n")
        if file == "all.zip":
            return web.Response(body=zipped({f"{d['id']}.json": json.dumps(d).encode() for d in here}))
        names = {d["id"] for d in here}
        name = file.removesuffix(".json")
        return self._document(name) if name in names else web.Response(status=404)


def zipped(entries: dict[str, bytes]) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return body.getvalue()
