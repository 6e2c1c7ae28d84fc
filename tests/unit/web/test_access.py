"""Who may look and who may act, by the settings in force."""

from __future__ import annotations

import base64
from typing import Any

from starlette.requests import Request

from config.settings import Web
from monitor.web import access
from monitor.web.access import SESSION, Viewer, session_for

READER = {"name": "reader", "secret": "reader-reader-reader"}
ACTOR = {"name": "nora", "secret": "nora-nora-nora-nora", "scopes": ("read", "act")}
PROXY = {"trusted": ("127.0.0.1", "10.0.0.0/8"), "act_groups": ("security",)}


def web(**told: Any) -> Web:
    return Web.model_validate({"token": (READER, ACTOR)} | told)


def viewer(settings: Web, client: str = "127.0.0.1", **headers: str) -> Viewer | None:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    request = Request({"type": "http", "headers": raw, "client": (client, 5000)})
    return access.viewer(request, settings)


def test_without_tokens_whoever_sits_at_the_machine_may_do_all() -> None:
    found = viewer(Web())
    assert found is not None
    assert found.may_act


def test_with_tokens_nobody_is_let_in_without_one() -> None:
    assert viewer(web()) is None
    assert viewer(web(), authorization="Bearer wrong-wrong-wrong") is None
    assert viewer(Web(), authorization="Bearer wrong-wrong-wrong") is None


def test_a_token_has_its_scopes_as_bearer_and_as_password() -> None:
    found = viewer(web(), authorization=f"Bearer {ACTOR['secret']}")
    assert found == Viewer("nora", frozenset({"read", "act"}), "token")
    basic = base64.b64encode(f"anything:{READER['secret']}".encode()).decode()
    found = viewer(web(), authorization=f"Basic {basic}")
    assert found is not None
    assert not found.may_act


def test_a_session_ends_with_the_secret_that_it_was_given_for() -> None:
    cookie = session_for(web().token[1])
    assert viewer(web(), cookie=f"{SESSION}={cookie}") == Viewer("nora", frozenset({"read", "act"}), "session")
    assert (
        viewer(web(token=(READER, ACTOR | {"secret": "another-secret-of-nora"})), cookie=f"{SESSION}={cookie}") is None
    )
    assert viewer(web(), cookie=f"{SESSION}={cookie[:-1]}") is None


def test_a_proxy_is_believed_only_from_where_it_is() -> None:
    settings = web(proxy=PROXY)
    told = {"x_forwarded_user": "nora@corp.example", "x_forwarded_groups": "staff, security"}
    assert viewer(settings, "10.2.3.4", **told) == Viewer("nora@corp.example", frozenset({"read", "act"}), "proxy")
    assert viewer(settings, "192.0.2.1", **told) is None
    assert viewer(settings, "10.2.3.4") is None
    assert viewer(web(), "127.0.0.1", **told) is None


def test_somebody_outside_the_acting_groups_may_only_look() -> None:
    found = viewer(web(proxy=PROXY), "127.0.0.1", x_forwarded_user="olaf", x_forwarded_groups="staff")
    assert found is not None
    assert not found.may_act
