"""Which requests get past the door: hosts, origins, sizes; and what every answer carries."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from monitor.web.guard import MOST_BODY, Guard, is_ours, same_origin

PUBLIC = "weaklink.corp.example"


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1:8330", True),
        ("[::1]:8330", True),
        ("localhost:8330", True),
        ("10.1.2.3", True),
        (PUBLIC, True),
        ("WEAKLINK.corp.example", True),
        ("weaklink.corp.example.attacker.example", False),
        ("attacker.example:8330", False),
        ("127.0.0.1.attacker.example", False),
        ("", False),
        ("[::1", False),
        ("a@127.0.0.1", True),
    ],
)
def test_only_addresses_localhost_and_the_configured_name_are_served(host: str, ours: bool) -> None:
    assert is_ours(host, PUBLIC) is ours


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({"origin": "http://127.0.0.1:8330"}, True),
        ({"origin": f"https://{PUBLIC}"}, True),
        ({"origin": "https://attacker.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://127.0.0.1:9999"}, False),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "cross-site", "authorization": "Bearer x"}, False),
        ({"authorization": "Bearer x"}, True),
        ({}, False),
    ],
)
def test_changes_come_from_our_own_pages_or_with_credentials(headers: dict[str, str], passes: bool) -> None:
    assert same_origin(Headers(headers), "127.0.0.1:8330", PUBLIC) is passes


async def asked(
    method: str = "GET", path: str = "/", body: tuple[bytes, ...] = (b"",), url: str = "", **headers: str
) -> tuple[int, Headers, dict[str, Any]]:
    """Status and headers of an answer, and what the application saw of the request."""
    seen: dict[str, Any] = {}
    sent: list[Any] = []
    parts = list(body)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen["root_path"] = scope.get("root_path", "")
        more = True
        while more:
            message = await receive()
            more = message.get("more_body", False)
        await PlainTextResponse("fine")(scope, receive, send)

    async def receive() -> Any:
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message: Any) -> None:
        sent.append(message)

    named = {"host": "127.0.0.1:8330"} | {name.replace("_", "-"): value for name, value in headers.items()}
    raw = [(name.encode(), value.encode()) for name, value in named.items()]
    scope = {"type": "http", "method": method, "path": path, "headers": raw, "query_string": b""}
    await Guard(app, lambda: url)(scope, receive, send)
    return sent[0]["status"], Headers(raw=sent[0]["headers"]), seen


async def test_every_answer_forbids_what_a_page_of_ours_never_does() -> None:
    for status, headers, _ in (await asked(), await asked(host="attacker.example")):
        assert status in {200, 421}
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


async def test_a_body_may_not_be_large_whether_it_says_so_or_not() -> None:
    post: dict[str, Any] = {"method": "POST", "origin": "http://127.0.0.1:8330"}
    assert (await asked(**post))[0] == 200
    assert (await asked(**post, content_length=str(MOST_BODY + 1)))[0] == 413
    assert (await asked(**post, content_length="-1"))[0] == 413
    assert (await asked(**post, body=(b"x" * MOST_BODY, b"x")))[0] == 413


async def test_a_path_below_which_people_reach_the_pages_is_taken_off_and_put_before_links() -> None:
    url = f"https://{PUBLIC}/supply-chain/"
    assert (await asked(path="/supply-chain/alerts", url=url))[2]["root_path"] == "/supply-chain"
    assert (await asked(path="/alerts", url=url))[2]["root_path"] == ""
    assert (await asked(path="/supply-chains", url=url))[2]["root_path"] == ""
