"""Which WHOIS server is asked, decided without asking anybody."""

from __future__ import annotations

import socket

import pytest

from monitor.sources.whois import server_of


@pytest.mark.parametrize(
    ("domain", "server"),
    [
        ("alice.com", "whois.verisign-grs.com"),
        ("alice.net", "whois.verisign-grs.com"),
        ("alice.org", "whois.publicinterestregistry.org"),
        ("alice.de", "whois.denic.de"),
        ("alice.quux", None),
    ],
)
def test_the_server_comes_from_a_table(domain: str, server: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection from the event loop")

    monkeypatch.setattr(socket, "socket", refuse)
    assert server_of(domain) == server
